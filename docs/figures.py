"""Draws the figures of these pages with the library itself, as SVG files in docs/img.

    .venv/bin/python docs/figures.py law                      the theory's, of exact laws
    .venv/bin/python docs/figures.py table                    of benchmarks/README.md
    .venv/bin/python docs/figures.py growth FILE              of benchmarks/plan.py --json FILE
    .venv/bin/python docs/figures.py speed FILE               of benchmarks/speed.py --json FILE
    .venv/bin/python docs/figures.py verify                   of `girsanov verify --quick`
    .venv/bin/python docs/figures.py model AUDIT PLAN         of the README and the gallery

Each file has its own colours, light and dark, and nothing in it is fetched.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup

import girsanov as gv
from girsanov.ledger.verdict import sampler_share
from girsanov.paper.chart import Series, chart
from girsanov.paper.output_law import kl_divergence, law_density, line_output
from girsanov.paper.path_kl import SKEWED, discretisation, start_kl
from girsanov.paper.verify import verify
from girsanov.reporting.figures.error_curve import curve_figure, gain_figure
from girsanov.reporting.figures.svg import Axis, dots, el, frame, polyline, ribbon, svg
from girsanov.reporting.figures.tv_by_level import certificate_figure
from girsanov.reporting.figures.waterfall import ledger_figure

ROOT = Path(__file__).parent.parent
IMG = ROOT / "docs" / "img"
LIGHT = {
    "ink": "#1b1f24", "quiet": "#5b6470", "paper": "#fdfdfc", "rule": "#e3e3de", "axis": "#8a919b",
    "accent": "#0f6e6e", "soft": "rgb(15 110 110 / .17)", "mid": "rgb(15 110 110 / .42)",
    "t1": "#0f6e6e", "t2": "#b4541a", "t3": "#6b4fb3", "t4": "#2b62a8", "t5": "#7a8089",
}  # fmt: skip
DARK = {
    "ink": "#e8e9ea", "quiet": "#9aa3ae", "paper": "#14171a", "rule": "#2b3036", "axis": "#6d7681",
    "accent": "#58c4bd", "soft": "rgb(88 196 189 / .2)", "mid": "rgb(88 196 189 / .42)",
    "t1": "#58c4bd", "t2": "#f0a35e", "t3": "#b7a3f3", "t4": "#7fb6f5", "t5": "#8d96a1",
}  # fmt: skip
STYLE = """
text { fill: var(--ink); font: 13px system-ui, sans-serif; }
.end { text-anchor: end; } .mid { text-anchor: middle; }
.tick, .label, .over, .key { fill: var(--quiet); font-size: 12px; } .name { font-weight: 600; }
.title { font-size: 16px; font-weight: 600; }
.rule { stroke: var(--rule); } .axis { stroke: var(--axis); } .bar { fill: var(--accent); }
.zero { stroke: var(--accent); stroke-width: 2; }
.whisker { stroke: var(--ink); stroke-width: 1.5; }
.halo { stroke: var(--paper); stroke-width: 4; opacity: .55; }
.hatching { stroke: var(--mid); stroke-width: 1.3; }
path.rule, path.axis, .whisker, .halo, .hatching, .line, .dots, .rug, .chosen { fill: none; }
.line { stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; }
.line.linear { stroke: var(--axis); stroke-dasharray: 6 5; }
.line.seen { stroke: var(--ink); stroke-width: 1.3; stroke-dasharray: 1 4; }
.line.dashed { stroke-dasharray: 6 5; stroke-width: 1.7; }
.band { fill: var(--soft); } .gain { fill: var(--mid); }
.dots { stroke: var(--accent); stroke-width: 6.5; stroke-linecap: round; }
.dots.small { stroke-width: 5; } .rug { stroke: var(--accent); stroke-width: 1.5; }
.chosen { stroke: var(--ink); stroke-dasharray: 3 4; }
.chosen-dot { fill: var(--paper); stroke: var(--ink); stroke-width: 2; }
.paper { fill: var(--paper); } .vacuous, .here { fill: var(--rule); opacity: .6; }
"""


def _colours(of: dict[str, str]) -> str:
    return "svg { " + " ".join(f"--{k}: {v};" for k, v in of.items()) + " }"


def tones() -> str:
    """Return the rules that give series 1 to 5 their colours."""
    kinds = (
        ".line.t{0}, .dots.t{0} {{ stroke: var(--t{0}); }}",
        ".band.t{0} {{ fill: var(--t{0}); opacity: .18; }}",
        ".fill.t{0} {{ fill: var(--t{0}); }}",
    )
    return " ".join(kind.format(k) for k in range(1, 6) for kind in kinds)


def write(name: str, drawing: Markup | str, keys: Sequence[tuple[str, int, str]] = ()) -> None:
    """Write the wide drawing in `drawing` as docs/img/NAME.svg, with a legend above it.

    keys: label, tone and kind of each curve.
    """
    found = re.search(r"<svg.*?</svg>", str(drawing), re.S)
    assert found is not None
    inner = found.group()
    width, height = (float(v) for v in re.search(r'viewBox="0 0 (\S+) (\S+)"', inner).groups())
    top = 34.0 if keys else 10.0
    colours = f"{_colours(LIGHT)} @media (prefers-color-scheme: dark) {{ {_colours(DARK)} }}"
    style = el("style", Markup(f"{colours}{STYLE}{tones()}"))
    box = f"-16 {-top:g} {width + 32:g} {height + top + 10:g}"
    paper = el("rect", x=-16.0, y=-top, width=width + 32, height=height + top + 10, rx=10.0,
               class_="paper")  # fmt: skip
    legend, at = Markup(""), 4.0
    for label, tone, kind in keys:
        mark = f"M{at:.0f} -14h20" if kind != "dots" else f"M{at + 10:.0f} -14h0"
        drawn = "dots small" if kind == "dots" else f"line {kind}"
        legend += el("path", d=mark, class_=f"{drawn} t{tone}")
        legend += el("text", label, x=at + 26, y=-10.0, class_="key")
        at += 44 + 6.8 * len(label)
    head = re.match(r"<svg[^>]*>", inner).group()
    new = re.sub(r'viewBox="[^"]*"', f'xmlns="http://www.w3.org/2000/svg" viewBox="{box}"', head)
    body = inner[len(head) :]
    (IMG / f"{name}.svg").write_text(f"{new}{style}{paper}{legend}{body}\n", encoding="utf-8")
    sys.stdout.write(f"docs/img/{name}.svg\n")


def draw(name: str, title: str, series: list[Series], labels: tuple[str, str], **how: str) -> None:
    """Write a chart with its legend."""
    keys = [(s.label, s.tone, s.kind) for s in series if s.label]
    write(name, chart(name, title, series, labels, **how), keys)


# --- exact laws ---------------------------------------------------------------------------------


def law_figures() -> None:
    """Draw the figures of theory.md, all on the skewed mixture of the tests."""
    law = SKEWED
    s = np.geomspace(0.02, 2000, 240)
    curve = s * law.curve(s).value
    straight = s * law.variance / (1 + s * law.variance)
    draw("curve-law", "The error curve of a mixture", [
        Series("s M(s), the mixture", s**-0.5, curve),
        Series("a Gaussian of the same variance", s**-0.5, straight, 5, "dashed"),
    ], ("noise level σ = 1/√s", "error × SNR"), log="x")  # fmt: skip
    _gap(law)
    counts = np.array([4, 6, 8, 12, 16, 24, 32, 48, 64])
    _samplers(law, counts)
    _outputs(law, counts[:7])


def _gap(law: gv.Law) -> None:
    levels = np.linspace(0.2, 12.0, 7)
    x = np.concatenate([np.linspace(a, b - 1e-9, 40) for a, b in itertools.pairwise(levels)])
    ideal, held = law.curve(x).value, np.repeat(law.curve(levels[:-1]).value, 40)
    draw("gap", "What holding the prediction costs", [
        Series("M(s), what an ideal sampler pays", x, ideal),
        Series("held from each level on", x, held, 2, low=ideal, high=held),
    ], ("signal-to-noise ratio s", "error M(s)"))  # fmt: skip


def _grid(count: int) -> np.ndarray:
    return gv.log_uniform_grid(0.02, 200.0, count + 1)


def _held(law: gv.Law, levels: np.ndarray) -> np.ndarray:
    return np.asarray(law.curve(levels[:-1]).value)


def _samplers(law: gv.Law, counts: np.ndarray) -> None:
    told = {"ei-score": 2, "ei-relative": 3, "ddpm": 4}
    series = [
        Series(h, counts, [discretisation(law, _grid(int(n)), h) for n in counts], tone, "both")
        for h, tone in told.items()
    ]
    best = [discretisation(law, _grid(int(n)), "analytic-dpm", _held(law, _grid(int(n))))
            for n in counts]  # fmt: skip
    series.append(Series("analytic-dpm", counts, best, 1, "both"))
    draw("samplers", "What each sampler costs", series, ("steps", "path KL, nats"), log="xy")


def _outputs(law: gv.Law, counts: np.ndarray) -> None:
    path, out = [], []
    for n in counts:
        levels = _grid(int(n))
        centre = 0.3 * -1.5 + 0.7 * 1.0  # the mean of the data
        plan = gv.recipe("analytic-dpm", levels, start=(centre, levels[0] ** -0.5, None),
                         variances=_held(law, levels), last="sample")  # fmt: skip
        got = line_output(law, plan)
        out.append(kl_divergence(law_density(law, float(levels[-1]), got.x), got))
        cells = discretisation(law, levels, "analytic-dpm", _held(law, levels))
        path.append(cells + start_kl(law, float(levels[0]), "mean"))
    draw("outputs", "The path bounds the output", [
        Series("path KL, what a ledger adds up", counts, path, 1, "both"),
        Series("KL of the output itself", counts, out, 2, "both"),
    ], ("steps", "nats"), log="xy")  # fmt: skip


# --- how planning grows -------------------------------------------------------------------------


def growth_figure(file: str) -> None:
    """Draw the seconds of a search against levels, for several largest numbers of steps."""
    rows = json.loads(Path(file).read_text(encoding="utf-8"))["rows"]["search"]
    rows = [row for row in rows if row["sampler"] == "analytic-dpm"]
    series = []
    for tone, most in enumerate(sorted({row["most"] for row in rows}), start=1):
        mine = [row for row in rows if row["most"] == most]
        levels, seconds = (np.array(v) for v in zip(
            *((row["levels"], row["both"][0]) for row in mine), strict=True))  # fmt: skip
        series.append(Series(f"all plans of up to {most} steps", levels, seconds, tone, "both"))
    draw("growth", "How planning grows", series, ("measured levels", "CPU seconds"), log="xy")


def speed_figures(file: str) -> None:
    """Draw how the CPU time of audit, plan and sample grows, each size over the middle one's."""
    grown = json.loads(Path(file).read_text(encoding="utf-8"))["rows"]["growth"]
    told = {"d": "dimensions", "n": "examples", "levels": "noise levels", "steps": "steps"}
    for command, axes in grown.items():
        series = []
        for axis, rows in axes.items():
            size, times = np.array(rows).T
            middle = size[np.abs(times - 1).argmin()]
            label = f"{told[axis]} (1: {middle:.0f})".replace("examples", _drawn_of(command))
            tone = 1 + list(told).index(axis)
            series.append(Series(label, size / middle, times, tone, "both"))
        labels = ("times the middle size", "times its CPU time")
        draw(f"growth-{command}", f"How {command} grows", series, labels, log="xy")


def _drawn_of(command: str) -> str:
    return "samples" if command == "sample" else "examples"


# --- the benchmarks' table ----------------------------------------------------------------------


def table_figure() -> None:
    """Draw the Fréchet distances of benchmarks/README.md, the tables of quality.py."""
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    blocks = text.split("`python benchmarks/quality.py --last")[1].split("\n\n")
    told = {
        ("ddpm", "uniform log-SNR"): ("ddpm, uniform", 5),
        ("ddpm", "Karras"): ("ddpm, Karras", 3),
        ("ddpm", "cosine = arctan"): ("ddpm, cosine", 2),
        ("analytic-dpm", "planned"): ("planned, measured covariance", 1),
    }
    tables = {head.split(":")[0]: table for head, table in itertools.pairwise(blocks)}
    series = []
    for (sampler, grid), (label, tone) in told.items():
        head, _, *lines = (line.split("|")[1:-1] for line in tables[sampler].splitlines())
        row = next(line[1:] for line in lines if line[0].strip(" *") == grid)
        n = [int(cell.split()[0]) for cell in head[1:]]
        series.append(Series(label, n, [float(cell.split()[0]) for cell in row], tone, "both"))
    draw("quality", "Quality against network calls", series,
         ("network calls a sample", "Fréchet distance"), log="xy")  # fmt: skip


# --- `girsanov verify` and one model ------------------------------------------------------------


def verify_figures() -> None:
    """Draw the figures of some statements, checked with fewer cases."""
    names = (
        *("cld_or_ddpm", "flow", "grids", "hard_score", "intrinsic", "isoperimetry"),
        *("l2_suffices", "langevin", "learned", "manifolds", "novikov"),
    )
    for outcome in verify(names, quick=True).outcomes:
        figure = str(outcome.result.figure)
        keys = [
            (Markup(label).unescape(), int(tone), kind)
            for tone, kind, label in re.findall(
                r'class="key t(\d) (\w+)"></i>(.*?)</span>', figure, re.S
            )
        ]
        write(f"verify-{outcome.statement.name}", figure, keys)


def budget(audit: gv.Audit, counts: Sequence[int]) -> None:
    """Draw init, discretisation and score of the plans for each number of steps, in nats."""
    plans = [audit.plan(steps=n) for n in counts]
    entries = np.array([[max(0.0, float(e.value or e.low or 0.0)) for e in p.ledger]
                        for p in plans])  # fmt: skip
    width, tall, top = 720.0, 260.0, 40.0
    y = Axis(0.0, 1.06 * float(entries.sum(axis=1).max()), top + tall, top)
    x = Axis(0.0, float(len(counts)), 54.0, width - 12.0)
    parts = [frame(Axis(0, 1e-9, 54.0, width - 12.0), y, "steps (network calls a sample)",
                   "nats")]  # fmt: skip
    parts = [Markup(re.sub(r'<path d="M\S+ \S+v4".*?</text>', "", str(parts[0])))]
    for k, (n, row) in enumerate(zip(counts, entries, strict=True)):
        left, wide = x(k + 0.18), x(k + 0.82) - x(k + 0.18)
        for tone, low, value in zip((3, 1, 2), np.cumsum(row[::-1]) - row[::-1], row[::-1],
                                    strict=True):  # fmt: skip
            at, end = y(low), y(low + value)
            parts.append(el("rect", x=left, y=end, width=wide, height=max(0.0, at - end),
                            class_=f"fill t{tone}"))  # fmt: skip
        parts.append(el("text", str(n), x=x(k + 0.5), y=top + tall + 18, class_="mid tick"))
    said = "; ".join(f"{n} steps: {row.sum():.1f} nats" for n, row in zip(counts, entries,
                                                                         strict=True))  # fmt: skip
    drawing = svg(
        "budget", (width, tall + top + 46), "The ledger by number of steps", said, *parts
    )
    keys = [
        ("init", 2, "line"),
        ("discretisation", 1, "line"),
        ("score error of the path, at least", 3, "line"),
    ]
    write("budget", drawing, keys if entries[:, 2].any() else keys[:2])


def _frontier(plan: gv.Plan) -> None:
    steps, cost, error = (
        np.array([float(row[key]) for row in plan.frontier if row["above_best"] > 0])
        for key in ("steps", "above_best", "standard_error")
    )
    low = np.maximum(cost - 2 * error, cost / 10)
    draw("frontier", "Cost above the best number of steps", [
        Series("", steps, cost, 1, "both", low=low, high=cost + 2 * error),
    ], ("steps (network calls a sample)", "nats above the best"), log="xy")  # fmt: skip


def model_figures(audit_path: str, plan_path: str) -> None:
    """Draw the report's figures of one model."""
    audit, plan = gv.load_audit(audit_path), gv.load_plan(plan_path)
    write("ledger", ledger_figure(plan.ledger))
    write("curve", curve_figure(audit, [plan]))
    write("gain", gain_figure(audit, end=plan.resolution))
    noise = audit.levels**-0.5
    certified = certificate_figure(plan, (float(noise.min()), float(noise.max())))
    if certified is not None:
        write("certificate", certified)
    _frontier(plan)
    budget(audit, (2, 3, 4, 6, 8, 12, 16, 24, 32))
    answer(audit)


def answer(audit: gv.Audit) -> None:
    """Draw what the sampler and the model get wrong by number of steps, for the README."""
    counts = np.array([2, 3, 4, 6, 8, 11, 16, 24, 32, 48, 64])
    plans = [audit.plan(steps=int(n)) for n in counts]
    low, cost, high = np.array([
        (share.low, share.value or 0.0, share.high) for share in map(sampler_share, plans)
    ]).T  # fmt: skip
    model = max(float(e.low or 0.0) for p in plans[5:6] for e in p.ledger if e.name == "score")
    width, tall, top = 720.0, 270.0, 44.0
    ends = 10.0 ** np.array([np.floor(np.log10(cost.min())), np.ceil(np.log10(cost.max()))])
    x = Axis(2.0, 64.0, 54.0, width - 12.0, log=True)
    y = Axis(float(ends[0]), float(ends[1]), top + tall, top, log=True)
    cross = float(np.exp(np.interp(-np.log(model), -np.log(cost), np.log(counts))))
    at, line = x(cross), y(model)
    told = [
        (x.start + 14, top + tall - 40, "It is the sampler:", "more steps help", "start"),
        (at + 18, top + 22, "It is the model:", "train it, more steps will not help", "start"),
    ]
    words = [
        el("text", text, x=left, y=above + 18 * k, class_="name" if k == 0 else "key")
        for left, above, *texts, _ in told
        for k, text in enumerate(texts)
    ]
    parts = [
        el("rect", x=at, y=top, width=x.end - at, height=tall, class_="here"),
        frame(x, y, "steps (network calls a sample)", "measured error, nats (log scale)"),
        el("path", d=ribbon(x(counts), y(low), y(high)), class_="band t1"),
        el("path", d=polyline(x(counts), y(cost)), class_="line t1"),
        el("path", d=dots(x(counts), y(cost)), class_="dots small t1"),
        el("path", d=f"M{x.start:.1f} {line:.1f}H{x.end:.1f}", class_="line dashed t2"),
        *words,
    ]
    said = f"The sampler falls from {cost[0]:.2g} to {cost[-1]:.2g} nats; the model stays at "
    said += f"{model:.2g} or more. They meet at {cross:.1f} steps."
    title = "What the sampler and the model get wrong, by number of steps"
    drawing = svg("answer", (width, tall + top + 46), title, said, *parts)
    keys = [("sampler: start and steps, with 95 % interval", 1, "line"),
            ("model: at least this much of the path", 2, "dashed")]  # fmt: skip
    write("answer", drawing, keys)


if __name__ == "__main__":
    IMG.mkdir(exist_ok=True)
    what, *rest = sys.argv[1:] or ["law"]
    {"law": law_figures, "table": table_figure, "growth": growth_figure, "speed": speed_figures,
     "verify": verify_figures, "model": model_figures}[what](*rest)  # fmt: skip
