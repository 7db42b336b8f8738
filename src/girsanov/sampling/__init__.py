"""Drawing samples: grids, samplers and the one loop."""
