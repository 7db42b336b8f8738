"""One file a statement; each ends with its `STATEMENT`."""

MODULES = (
    "convergence",
    "identity",
    "theorem2",
    "outputs",
    "promises",
    "score_error",
    "learned",
    "support",
    "manifolds",
    "steps_needed",
    "theorem6",
    "theorem7",
    "cld_or_ddpm",
    "langevin",
    "isoperimetry",
    "hard_score",
    "grids",
    "coverage",
    "order",
    "flow",
)
