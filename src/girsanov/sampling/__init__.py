"""Drawing samples: grids, holds and the one loop."""
