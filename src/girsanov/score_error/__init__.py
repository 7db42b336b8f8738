"""The score error: its lower bound, corrections, calibration and memorisation."""
