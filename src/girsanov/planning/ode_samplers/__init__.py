"""Plans of ODE samplers, chosen and judged on trajectories of the teacher."""
