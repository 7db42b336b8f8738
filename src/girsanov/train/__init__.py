"""Learning a denoiser: the objective, the loop, its checkpoints."""

from .fit import fit as fit
from .options import TrainOptions as TrainOptions
