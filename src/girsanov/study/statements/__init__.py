"""One file a statement; each ends with its `STATEMENT`."""

MODULES = (
    "convergence",
    "identity",
)
