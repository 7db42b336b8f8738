"""Forward processes: clocks that translate a time t into a signal-to-noise ratio and back."""

from .augmented import CriticallyDampedLangevin
from .scalar import (
    Clock,
    Cosine,
    Flow,
    OrnsteinUhlenbeck,
    ScalarProcess,
    VarianceExploding,
    VariancePreserving,
)

__all__ = [
    "Clock",
    "Cosine",
    "CriticallyDampedLangevin",
    "Flow",
    "OrnsteinUhlenbeck",
    "ScalarProcess",
    "VarianceExploding",
    "VariancePreserving",
]
