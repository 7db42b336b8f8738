"""The error curve of a denoiser: its type, interpolation, integrals and control variates."""
