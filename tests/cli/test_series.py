"""Series and volumes from fit to report: read, trained, audited, drawn, compared and shown."""

import json

import numpy as np
import pytest

import girsanov as gv
from girsanov.data import load_data
from girsanov.data.standardise import Standardisation

QUICK = ("--levels", "5", "--draws", "2", "--flow", "0")
SMALL = ("--steps", "2", "--width", "8")


def walks(shape, seed=0):
    """Sums of skewed steps along the last axis, off centre."""
    return np.random.default_rng(seed).gamma(0.5, size=shape).cumsum(-1).astype(np.float32) + 2


@pytest.mark.parametrize(
    ("shape", "told", "seen", "shown"),
    [
        ((200, 12), ["--series"], (1, 12), "series of 12 values"),
        ((200, 12), ["--network", "conv"], (1, 12), "series of 12 values"),
        ((200, 12, 2), ["--series"], (2, 12), "A series has 2 channels"),
        ((200, 2, 5, 4, 6), [], (2, 5, 4, 6), "Volumes of 5 x 4 x 6 values: the first of 2"),
        ((200, 5, 4, 6), [], (1, 5, 4, 6), "Volumes of 5 x 4 x 6 values: the middle slice"),
    ],
)
def test_from_file_to_page(girsanov, here, shape, told, seen, shown):
    np.save("x.npy", walks(shape))
    fitted = girsanov("fit", "x.npy", "--out", "m", *SMALL, *told, "--json")
    assert fitted.code == 0, fitted.err
    assert fitted.json["network"] == "conv"
    if len(shape) > 2:
        assert "read as " + ("series" if told else "volumes") in fitted.err
    audited = girsanov("audit", "m", "--data", "x.npy", *QUICK, "--json")
    assert audited.code == 0, audited.err
    facts = gv.load_audit("audit.json").facts
    assert (tuple(facts.shape), facts.kind) == (seen, "channels")
    assert "dct" in gv.load_audit("audit.json").frame.bases
    plan = ("plan", "audit.json", "--steps", "3", "--covariance", "dct", "--force")
    assert girsanov(*plan).code == 0
    drawn = girsanov("sample", "m", "--plan", "plan.json", "--count", "60", "--out", "s.npy")
    assert drawn.code == 0, drawn.err
    samples = np.load("s.npy")
    assert (samples.shape, samples.dtype) == ((60, *shape[1:]), np.float32)
    for more in ([], ["--model", "m"]):
        compared = girsanov("compare", "s.npy", "x.npy", "--by", "sliced-w2", *more, "--json")
        assert compared.code == 0, compared.err
        assert "each channel" in compared.json["units"]
    page = girsanov("report", "audit.json", "--plan", "plan.json", "--samples", "s.npy",
                    "--data", "x.npy")  # fmt: skip
    assert page.code == 0, page.err
    text = (here / "report.html").read_text()
    assert shown in text
    assert "Single values" in text or "single values" in text
    gv.report(gv.load_audit("audit.json"), samples=samples, data=gv.load_data("x.npy"),
              out="again.html")  # fmt: skip
    assert shown in (here / "again.html").read_text()


def test_a_csv_of_series(girsanov, mistake, here):
    names = [f"h{k}" for k in range(12)]
    np.savetxt("x.csv", walks((200, 12)), delimiter=",", header=",".join(names), comments="")
    assert girsanov("fit", "x.csv", "--series", "--out", "m", *SMALL).code == 0
    audited = girsanov("audit", "m", "--data", "x.csv", *QUICK)  # which remembers
    assert audited.code == 0, audited.err
    assert girsanov("plan", "audit.json", "--steps", "3").code == 0
    drawn = girsanov("sample", "m", "--plan", "plan.json", "--count", "60", "--out", "s.csv")
    assert drawn.code == 0, drawn.err
    assert (here / "s.csv").read_text().splitlines()[0] == ",".join(names)
    assert girsanov("compare", "s.csv", "x.csv", "--by", "sliced-w2").code == 0
    page = girsanov("report", "audit.json", "--plan", "plan.json", "--samples", "s.csv",
                    "--data", "x.csv")  # fmt: skip
    assert page.code == 0, page.err
    assert "series of 12 values" in (here / "report.html").read_text()


def test_what_cannot_be_taken_is_one_line(mistake, here, trees):
    np.save("two.npy", np.zeros((30, 2, 8, 8)))
    assert "pictures with 1, 3 or 4 channels, or volumes" in mistake(
        "fit", "two.npy", "--out", "m"
    )
    np.save("four.npy", np.zeros((30, 4, 8, 8)))
    assert "to be series" in mistake("fit", "four.npy", "--series", "--out", "m")
    assert "'species': must hold numbers alone" in mistake("fit", trees, "--series", "--out", "m")
    assert "to be series" in mistake("fit", "digits", "--series", "--out", "m")


def test_a_model_keeps_its_units(girsanov, here):
    np.save("x.npy", walks((200, 3, 12)))
    assert girsanov("fit", "x.npy", "--series", "--out", "m", *SMALL).code == 0
    kept = json.loads((here / "m" / "girsanov.json").read_text())
    assert kept["training"]["command"].count("--series") == 1
    units = Standardisation.from_json(kept["standardisation"])
    train, _ = load_data(walks((200, 3, 12)), rows="series").split(0.8, seed=0)
    np.testing.assert_allclose(units.mean, train.standardisation.mean)


def test_pictures_of_conv_say_what_diffusers_does_not_open(girsanov, mistake, law):
    fitted = girsanov("fit", "digits", "--network", "conv", "--out", "m", *SMALL)
    assert "--network unet makes a folder that it does" in " ".join(fitted.out.split())
    assert girsanov("audit", law, "--data", law, "--levels", "9").code == 0
    assert girsanov("plan", "audit.json", "--steps", "3").code == 0
    said = mistake("export", "plan.json", "--pipeline", "m", "--out", "new", "--any-model")
    assert "must hold a network that diffusers knows; got girsanov ConvUNet" in said
    assert "girsanov sample" in said
    assert "--network unet" in said
