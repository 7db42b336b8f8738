"""`girsanov bounds`: theorems side by side, and a plan beside them."""

import numpy as np
import pytest

import girsanov as gv
from girsanov._checks import InputError

SHARE = ("--dimension", 10, "--second-moment", 25, "--tv", 0.1)


@pytest.fixture
def audited(here):
    law = gv.GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15])
    gv.audit(gv.ExactDenoiser(law), law, examples=2000, levels=33).save(here / "audit.json")
    return law


def test_a_row_for_every_theorem(girsanov):
    said = girsanov("bounds", *SHARE, "--radius", 5, "--w2", 0.5, "--json")
    assert said.code == 0
    rows = said.json["rows"]
    assert len({r["name"] for r in rows}) == len(rows)  # no two of one name
    steps = {r["name"]: r["steps"] for r in rows}
    assert steps["theorem2-2a"] > 1e13
    assert steps["analytic-dpm"] == pytest.approx(1.06e4, rel=0.01)
    assert steps["ddpm-intrinsic"] is None
    assert said.json["measured"] is None
    for row in rows:
        if row["steps"] is not None:
            parts = [row["bound"][k] for k in ("init", "discretisation", "score")]
            assert row["kl"] == pytest.approx(sum(parts))
            assert row["tv"] <= 0.1 * (1 + 1e-9)


def test_few_points_ask_for_few_steps(girsanov, mistake):
    given = (*SHARE, "--w2", 0.5)
    many = girsanov("bounds", *given, "--points", 10**6, "--json").json["rows"]
    few = girsanov("bounds", *given, "--points", 10, "--covering", "0:3", "--json").json["rows"]
    steps = [{r["name"]: r["steps"] for r in rows}["ddpm-intrinsic"] for rows in (many, few)]
    assert steps[1] == pytest.approx(steps[0] * np.log(3) / np.log(1e6), rel=0.02)
    shown = girsanov("bounds", *given, "--points", 10**6, "--intrinsic", 3).out
    assert "the data are 1,000,000 points" in shown
    assert "What theory promises for your data" in shown
    assert "intrinsic dimension k = 3" in shown
    assert max(len(line) for line in shown.splitlines()) <= 80
    for wrong in ("3", "a:b", "1:2:3"):
        assert "covering: must be R:N" in mistake("bounds", *given, "--covering", wrong)
    assert "points: must be a whole number" in mistake("bounds", *given, "--points", 0)
    assert "coverings: must be of 1 to" in mistake("bounds", *given, "--covering", "1:0.5")


def test_figures_are_a_page(girsanov, here):
    given = ("--dimension", 2, "--second-moment", 2, "--radius", 2, "--tv", 0.3, "--w2", 0.5)
    said = girsanov("bounds", *given, "--points", 100, "--figures", "drawn", "--json")
    page = (here / "drawn" / "bounds.html").read_text()
    assert said.json["page"] == "drawn/bounds.html"
    assert page.count("<svg") == 4  # two figures, each for wide screens and for phones
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "What is assumed" in page
    for words in ("Steps that promise a total variation of 0.3", "within W2 0.5 of the data"):
        assert words in page
    assert "for your data, before any sample is drawn: with an exact score, " in page


def test_the_table_names_assumptions_and_rates(girsanov):
    given = ("--dimension", 1, "--second-moment", 1, "--radius", 1, "--tv", 0.2, "--w2", 0.5)
    shown = " ".join(girsanov("bounds", *given).out.split())
    for word in ("theorem2-2c", "Assumption 2", "constants are unknown", "what is assumed"):
        assert word in shown
    given = (*given[:4], "--tv", 0.2, "--w2", 0.5)
    assert "theorem2-2a: does not apply" in " ".join(girsanov("bounds", *given).out.split())


def test_one_paper_only(girsanov):
    said = girsanov("bounds", *SHARE, "--lipschitz", 4, "--paper", "conforti2025", "--json")
    assert [r["paper"] for r in said.json["rows"]] == ["conforti2025"]
    assert said.json["rows"][0]["bound"]["stop"] == 0


def test_measured_beside_asked(girsanov, audited):
    said = girsanov("bounds", "--tv", 0.2, "--w2", 0.3, "--audit", "audit.json", "--json").json
    assert said["dimension"] == 1
    for name in ("second_moment", "variance"):  # upper ends of estimates
        assert 1 <= said[name] / getattr(audited, name) <= 1.3
    measured = said["measured"]
    fewest = min(r["bound"]["steps"] for r in said["rows"] if r["bound"])
    assert measured["steps"] < fewest / 2
    assert f"{fewest} steps are enough" in said["theory"]
    # the plan stops where the theorems do: W2 0.3 from the data
    assert np.sqrt(measured["resolution"] ** 2) == pytest.approx(0.3, rel=0.15)
    out = girsanov("bounds", "--tv", 0.2, "--w2", 0.3, "--audit", "audit.json").out
    assert "the theorems ask for N =" in out
    assert "measured:" in out
    shown = " ".join(out.split())
    assert "What theory promises for your data" in shown
    assert "nats of the data, as measured" in shown


def test_a_target_beyond_the_audit_is_said(girsanov, audited):
    said = girsanov("bounds", "--tv", 1e-4, "--w2", 0.3, "--audit", "audit.json", "--json").json
    assert "this TV cannot be certified" in said["measured"]["words"]


def test_an_audit_alone_is_enough(girsanov, audited):
    said = girsanov("bounds", "--audit", "audit.json", "--json").json
    plan = gv.load_audit("audit.json").plan()
    assert said["measured"]["steps"] == plan.steps
    assert "taken from the audit: --tv" in said["taken"]
    high = sum(e.high for e in plan.ledger if e.name in ("init", "discretisation"))
    assert said["tv"] == pytest.approx(gv.tv_from_kl(high), rel=1e-9)
    stops = {
        r["bound"]["stop"] for r in said["rows"] if r["bound"] and r["theorem"][:8] == "theorem2"
    }
    for stop in stops:  # the theorems stop where the plan does
        assert np.expm1(2 * stop) ** 0.5 == pytest.approx(plan.resolution, rel=1e-6)
    assert "which promises this TV" in said["measured"]["words"]
    shown = " ".join(girsanov("bounds", "--audit", "audit.json").out.split())
    assert "with --radius, theorem2-2a, theorem6-4a and the paper's own rate apply too" in shown
    radius = ("--radius", 4)
    shown = " ".join(girsanov("bounds", "--audit", "audit.json", *radius).out.split())
    assert "the paper's own rate with constants 1 for" in shown
    half = girsanov("bounds", "--audit", "audit.json", "--tv", 0.3, "--json").json
    assert half["tv"] == 0.3
    assert half["taken"].startswith("taken from the audit: --w2")


def test_a_plan_and_a_page_say_what_theory_promises(girsanov, audited, here, monkeypatch):
    planned = ("plan", "audit.json", "--steps", 4, "--out", "plan.json", "--force")
    theory = girsanov(*planned, "--json").json["theory"]
    assert theory.startswith("What theory promises for your data: ")
    assert "This plan takes 4 steps for at most" in theory
    assert theory in " ".join(girsanov(*planned, "--verbose").out.split())
    report = ("report", "audit.json", "--plan", "plan.json", "--out", "page.html", "--force")
    assert girsanov(*report).code == 0
    assert theory in (here / "page.html").read_text().replace("\u00a0", " ")

    def refuse(*given, **options):
        raise InputError("tv: cannot be promised")

    monkeypatch.setattr("girsanov.paper.beside_audit.steps_for", refuse)
    assert girsanov(*report).code == 0
    assert "What theory promises" not in (here / "page.html").read_text()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--tv", 0.1), "dimension: must be given"),
        (("--tv", 0.1, "--dimension", 2), "second_moment: must be given"),
        (SHARE[:4], "tv: must be given, or an --audit"),
        ((*SHARE,), "w2: must be given unless lipschitz is"),
        ((*SHARE, "--lipschitz", 0.1), "lipschitz: must be at least 0.4"),
        ((*SHARE, "--radius", -2, "--w2", 0.1), "radius: must be a finite number > 0"),
        ((*SHARE, "--w2", 0.5, "--paper", "mine"), "paper: must be one of chen2023"),
        (("--dimension", 2, "--second-moment", 2, "--w2", 0.5, "--tv", 1.5), "tv: must lie in"),
        (("--dimension", 2, "--second-moment", 2, "--w2", 2, "--tv", 0.1), "w2: is so large"),
        ((*SHARE, "--lipschitz", 1e300), "lipschitz: must be at most"),
        ((*SHARE, "--lipschitz", 4, "--score-error", "nan"), "score_error: must be a finite"),
    ],
)
def test_mistakes(mistake, given, message):
    assert message in mistake("bounds", *given)


def test_a_radius_bounds_the_second_moment(girsanov):
    asked = ("--dimension", 3, "--radius", 2, "--w2", 0.3, "--tv", 0.2, "--json")
    alone = girsanov("bounds", *asked).json
    assert alone["second_moment"] == 4.0
    # E|x0|^2 "or more" is no contradiction above R^2, and is used below it
    assert girsanov("bounds", *asked, "--second-moment", 9).json["rows"] == alone["rows"]
    assert girsanov("bounds", *asked, "--second-moment", 1).json["second_moment"] == 1.0


def test_what_an_audit_refutes_is_refused(mistake, audited):
    tenth = audited.second_moment / 10
    said = mistake("bounds", "--audit", "audit.json", "--second-moment", tenth)
    assert "second_moment: must be at least" in said
    assert "which the audit measured" in said
    assert "dimension: must be 1" in mistake("bounds", "--audit", "audit.json", "--dimension", 5)


def test_numbers_and_names_as_people_write_them(girsanov, mistake):
    given = (*SHARE, "--w2", 0.5)
    same = [girsanov("bounds", *given, "--points", n, "--json").json for n in ("1e6", "1000000")]
    assert same[0] == same[1]
    assert "points: must be a whole number" in mistake("bounds", *given, "--points", 2.5)
    rows = girsanov("bounds", *given, "--paper", "Chen2023", "--json").json["rows"]
    assert {row["paper"] for row in rows} == {"chen2023"}


def test_where_nothing_is_promised_it_says_so(girsanov):
    given = ("--dimension", 10, "--second-moment", 1, "--tv", 0.1, "--w2", 0.3)
    assert "no theorem promises this" in girsanov("bounds", *given, "--score-error", 10).out
