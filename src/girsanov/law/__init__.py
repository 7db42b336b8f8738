"""Laws: data distributions known in closed form, the ground truth of every claim."""

from .base import Law as Law
from .gaussian import Gaussian as Gaussian
from .mixture import GaussianMixture as GaussianMixture
from .points import Points as Points
from .read import law_from_json as law_from_json
from .read import read_law as read_law
from .sphere import Sphere as Sphere
from .swiss_roll import SwissRoll as SwissRoll
