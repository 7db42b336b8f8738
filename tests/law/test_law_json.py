"""law.json: what is read, and what is refused in one line."""

import json
import math

import numpy as np
import pytest

from girsanov._checks import InputError
from girsanov.law import (
    Gaussian,
    GaussianMixture,
    Points,
    Sphere,
    SwissRoll,
    law_from_json,
    read_law,
)

HEAD = {"format": "girsanov/law/1"}
MIXTURE = {
    "law": "mixture",
    "weights": [0.3, 0.7],
    "means": [[-1.5], [1]],
    "covariances": [0.04, 0.15],
}


def test_files_written_by_hand_are_read():
    law = law_from_json(HEAD | {"law": "gaussian", "mean": [1, 2], "covariance": 3})
    assert isinstance(law, Gaussian)
    assert law.variance == 6
    law = law_from_json(HEAD | MIXTURE)
    assert isinstance(law, GaussianMixture)
    assert law.second_moment == pytest.approx(1.492)
    law = law_from_json(HEAD | {"law": "points", "points": [[0, 0], [2, 4]]})
    assert isinstance(law, Points)
    np.testing.assert_array_equal(law.mean, [1, 2])
    law = law_from_json(HEAD | {"law": "sphere", "centre": [1, 2]})
    assert isinstance(law, Sphere)
    assert law.radius == 1
    law = law_from_json(HEAD | {"law": "swiss_roll", "height": 21})
    assert isinstance(law, SwissRoll)
    assert law.dimension == 3


def test_numbers_come_back_to_the_last_digit(tmp_path):
    law = GaussianMixture(np.full(3, 1 / 3), [[math.pi], [math.e], [1 / 7]], [1e-300, 0.1, 1e50])
    law.save(tmp_path / "law.json")
    again = read_law(tmp_path / "law.json")
    np.testing.assert_array_equal(again.means, law.means)
    np.testing.assert_array_equal(again.covariances, law.covariances)
    np.testing.assert_array_equal(again.weights, law.weights)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "law: must be a JSON object; got list"),
        (MIXTURE, 'law: must have "format": "girsanov/law/1"; got no format'),
        (
            HEAD | MIXTURE | {"format": "girsanov/plan/1"},
            'must have "format".*got girsanov/plan/1',
        ),
        (HEAD, "law: must be one of gaussian, mixture, points"),
        (HEAD | MIXTURE | {"law": "cauchy"}, "law: must be one of gaussian.*got cauchy"),
        (HEAD | MIXTURE | {"law": ["mixture"]}, "law: must be one of gaussian"),
        (
            HEAD | {"law": "gaussian", "mean": [0]},
            "must have the fields mean, covariance; got no cov",
        ),
        (HEAD | MIXTURE | {"wieghts": [1]}, "got also wieghts. Take these out"),
        (HEAD | MIXTURE | {"weights": "half"}, "weights: must be numbers"),
        (HEAD | MIXTURE | {"weights": None}, "weights: must be numbers"),
        (HEAD | MIXTURE | {"weights": {"a": 1}}, "weights: must be numbers"),
        (
            HEAD | MIXTURE | {"means": [[1], [2, 3]]},
            "means: must be numbers in a rectangular array",
        ),
        (HEAD | MIXTURE | {"means": [["1"], ["2"]]}, "means: must be numbers"),
        (HEAD | MIXTURE | {"covariances": [math.nan, 1]}, "covariances: must be finite"),
        (HEAD | {"law": "points", "points": []}, "points: must not be empty"),
        (HEAD | {"law": "sphere"}, "must have the fields centre and may have radius; got no"),
        (HEAD | {"law": "sphere", "centre": [1]}, "centre: must have two numbers or more"),
        (HEAD | {"law": "sphere", "centre": [0, 1], "radius": 0}, "radius: must be"),
        (HEAD | {"law": "sphere", "centre": [0, 1], "radius": "1"}, "radius: must be"),
        (HEAD | {"law": "sphere", "centre": [0, 1], "radius": 1e101}, "radius: must be at most"),
        (HEAD | {"law": "swiss_roll", "scale": -1}, "scale: must be"),
        (HEAD | {"law": "swiss_roll", "turns": 3}, "must have the fields format and law and may"),
    ],
)
def test_refusals(content, message, tmp_path):
    with pytest.raises(InputError, match=message) as caught:
        law_from_json(content)
    assert "\n" not in str(caught.value)
    if isinstance(content, dict):
        path = tmp_path / "mine.json"
        path.write_text(json.dumps(content))
        with pytest.raises(InputError, match=rf"mine\.json: .*{message.split('.*')[0][:12]}"):
            read_law(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.json: must be an existing JSON file"):
        read_law(tmp_path / "none.json")
