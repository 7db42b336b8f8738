"""Plans put back into diffusers: the scheduler, and exports for other samplers."""
