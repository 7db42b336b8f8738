"""What theorems promise before anything is measured, with every constant, and the fewest steps.

Say what is known of the data in `Facts`; `compare_bounds` asks every theorem, `steps_for` one.
"""

from .any_law import any_law as any_law
from .any_law import any_law_certificate as any_law_certificate
from .chen2023_cld import theorem6 as theorem6
from .chen2023_ddpm import ei_relative as ei_relative
from .chen2023_ddpm import exact_score_discretisation as exact_score_discretisation
from .chen2023_ddpm import theorem2 as theorem2
from .chen2023_ddpm import theorem2_on_grid as theorem2_on_grid
from .chen2023_lower import theorem7 as theorem7
from .chen2023_support import bounded_lipschitz as bounded_lipschitz
from .chen2023_support import bounded_lipschitz_targets as bounded_lipschitz_targets
from .chen2023_support import delta_for_w2 as delta_for_w2
from .chen2023_support import early_stopping_w2 as early_stopping_w2
from .chen2023_support import hessian_bounds as hessian_bounds
from .chen2023_support import project_ball as project_ball
from .chen2023_support import projected_w2 as projected_w2
from .chen2023_support import projection_targets as projection_targets
from .facts import Facts as Facts
from .flow_any_law import flow_any_law as flow_any_law
from .intrinsic import intrinsic as intrinsic
from .intrinsic import mutual_information as mutual_information
from .invert import THEOREMS as THEOREMS
from .invert import steps_for as steps_for
from .result import Bound as Bound
from .result import Rate as Rate
from .strasman2024 import any_schedule as any_schedule
from .strasman2024 import linear_schedule_times as linear_schedule_times
from .strasman2024 import strasman2024 as strasman2024
from .table import TheoremRow as TheoremRow
from .table import compare_bounds as compare_bounds
