"""Forward processes: clocks that translate a time t into a signal-to-noise ratio and back."""

from .scalar import (
    Cosine,
    Flow,
    OrnsteinUhlenbeck,
    ScalarProcess,
    VarianceExploding,
    VariancePreserving,
)

__all__ = [
    "Cosine",
    "Flow",
    "OrnsteinUhlenbeck",
    "ScalarProcess",
    "VarianceExploding",
    "VariancePreserving",
]
