"""Laws from law.json files.

Each holds "format": "girsanov/law/1" and one of

    "law": "gaussian", "mean": [d], "covariance": number, [d] or [d, d]
    "law": "mixture", "weights": [k], "means": [k, d], "covariances": number, [k], [k, d] or
                                                                     [k, d, d]
    "law": "points", "points": [n, d], "weights": [n] (equal if left out)
    "law": "sphere", "centre": [d], "radius": number (1 if left out); a circle when d = 2
    "law": "swiss_roll", "scale": number, "height": number (both may be left out)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._checks import InputError, require, require_choice
from .._files import read_json
from .base import LAW_FORMAT, Law
from .gaussian import Gaussian
from .mixture import GaussianMixture
from .points import Points
from .sphere import Sphere
from .swiss_roll import SwissRoll

if TYPE_CHECKING:
    from .._typing import PathLike

KINDS: dict[str, tuple[Callable[..., Law], tuple[str, ...], tuple[str, ...]]] = {
    "gaussian": (Gaussian, ("mean", "covariance"), ()),
    "mixture": (GaussianMixture, ("weights", "means", "covariances"), ()),
    "points": (Points, ("points",), ("weights",)),
    "sphere": (Sphere, ("centre",), ("radius",)),
    "swiss_roll": (SwissRoll, (), ("scale", "height")),
}  # what makes the law, the fields it needs, the fields it may have


def law_from_json(content: Any) -> Law:
    """Return the law in the content of a law.json file.

    Raises InputError for another format, an unknown law, and a field that is missing, unknown
    or of the wrong type or shape.
    """
    require(isinstance(content, dict), "law", "must be a JSON object", type(content).__name__)
    got = content.get("format", "no format")
    require(got == LAW_FORMAT, "law", f'must have "format": "{LAW_FORMAT}"', got)
    make, needed, optional = KINDS[require_choice("law", content.get("law"), KINDS)]
    fields = {name: value for name, value in content.items() if name not in ("format", "law")}
    rule = f"must have the fields {', '.join(needed) or 'format and law'}"
    rule += f" and may have {', '.join(optional)}" if optional else ""
    missing = [name for name in needed if name not in fields]
    require(not missing, "law", rule, f"no {', '.join(missing)}")
    unknown = [str(name) for name in fields if name not in needed + optional]
    require(not unknown, "law", rule, f"also {', '.join(unknown)}", "Take these out")
    return make(**fields)


def read_law(path: PathLike) -> Law:
    """Return the law in a law.json file; raises InputError that names the file."""
    content = read_json(path)
    try:
        return law_from_json(content)
    except InputError as cause:
        raise InputError(f"{path}: {cause}") from cause
