"""Checkpoints of one training run on the same noise: which to keep, where the gain was."""
