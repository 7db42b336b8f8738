"""One file a statement; each ends with its `STATEMENT`."""

MODULES = (
    "convergence",
    "identity",
    "outputs",
    "score_error",
    "support",
    "langevin",
    "grids",
    "order",
)
