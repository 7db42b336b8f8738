"""The path KL of a step and of a grid, and the shortest path through the levels."""
