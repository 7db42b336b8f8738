"""How the command line behaves in a terminal, a pipe and a program."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas
import pytest

import girsanov as gv
from girsanov.cli.console import few
from girsanov.ledger.verdict import enough

COMMANDS = ("fit", "audit", "plan", "sample", "report", "demo", "doctor")


def shell(*arguments, cwd=None, **environment):
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "girsanov", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("typed", "word"), [("girsanov pl", "plan"), ("girsanov plan --wei", "--weight")]
)
def test_a_shell_completes_commands_and_options(typed, word):
    asked = {"_GIRSANOV_COMPLETE": "complete_bash", "COMP_WORDS": typed}
    said = shell(**asked, COMP_CWORD=str(len(typed.split()) - 1))
    assert (said.returncode, said.stdout.split(), said.stderr) == (0, [word], "")


def test_completion_is_shown_and_installed(tmp_path):
    known = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1", "HOME": str(tmp_path)}
    said = shell("--show-completion", "bash", **known)
    assert "_GIRSANOV_COMPLETE=complete_bash" in said.stdout
    assert shell("--install-completion", "bash", **known).returncode == 0
    assert "girsanov" in (tmp_path / ".bashrc").read_text()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_sentences_in_panels(command):
    said = shell(command, "--help", COLUMNS="600").stdout
    places = [said.find(f" {p} ─") for p in ("What", "How much", "Output", "Expert")]
    shown = [place for place in places if place > 0]
    assert shown == sorted(shown)
    assert places[2] > 0
    assert len(shown) >= (1 if command == "doctor" else 2)
    lines = re.findall(r"--[a-z-]+ .*?<.*?> +(.*?)(?: \[(?:default|required).*)?\s*│", said)
    assert lines
    assert [line for line in lines if not line.rstrip().endswith((".", ")"))] == []


def test_nothing_heavy_is_imported_for_help():
    code = (
        "import sys; from girsanov.cli.main import run; run([]); run(['audit', '--help']); "
        "print([m for m in ('torch', 'scipy', 'diffusers', 'sklearn') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Measure MODEL on held-out data" in said.stdout
    assert said.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("goal", ["--steps 3", "--kl 5", ""])
def test_planning_imports_neither_torch_nor_slow_parts_of_scipy(girsanov, vectors, goal):
    girsanov(*f"fit {vectors} --out model --steps 20 --network mlp".split())
    girsanov(*f"audit model --data {vectors} --levels 9 --draws 2".split())
    slow = ("torch", "scipy.stats", "scipy.integrate", "scipy.optimize", "scipy.linalg")
    words = ["plan", "audit.json", *goal.split(), "--json"]
    code = (
        f"import sys; from girsanov.cli.main import run; code = run({words}); "
        f"sys.stderr.write(str([code, *(m for m in {slow} if m in sys.modules)]))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stderr == "[0]"
    assert json.loads(said.stdout)["verdict"]


def test_help_is_quick():
    before = os.times()
    shell("fit", "--help")
    after = os.times()
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    assert used < 0.5 * 2  # processor time, which a busy machine stretches, but not to twice


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_in_80_columns(command):
    said = shell(command, "--help", COLUMNS="80", TERMINAL_WIDTH="80", NO_COLOR="1")
    assert said.returncode == 0
    assert said.stderr == ""
    assert "--json" in said.stdout
    assert max(map(len, said.stdout.splitlines())) <= 80
    assert "\x1b" not in said.stdout


def test_without_arguments_the_commands_are_listed(girsanov):
    said = girsanov()
    assert said.code == 0
    assert all(name in said.out for name in COMMANDS)
    assert girsanov("--version").out == f"girsanov {gv.__version__}\n"


def test_every_command_prints_one_json_object(girsanov, vectors):
    lines = (
        f"fit {vectors} --out model --steps 20 --network mlp",
        f"audit model --data {vectors} --levels 9 --draws 2",
        "plan audit.json --steps 2",
        "sample model --plan plan.json --count 3 --out new.npy",
        "report audit.json --plan plan.json",
    )
    keys = ("model", "audit", "plan", "samples", "report")
    for line, key in zip(lines, keys, strict=True):
        said = girsanov(*line.split(), "--json")
        assert said.code == 0
        assert key in said.json
        assert said.err == ""


def test_what_people_read_fits_80_columns(girsanov, vectors, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    for line in (
        f"fit {vectors} --out model --steps 20 --network mlp",
        f"audit model --data {vectors} --levels 30 --draws 2",
        "plan audit.json --steps 20",
        "plan audit.json --steps 20 --frontier --verbose",
        "sample model --plan plan.json --count 3 --out new.npy",
    ):
        said = girsanov(*line.split())
        plain = re.sub(r"\x1b\[[0-9;]*m", "", said.out)
        # a line to copy is never broken, however long the names in it are
        read = [text for text in plain.splitlines() if not text.startswith("next: girsanov ")]
        assert max(map(len, read)) <= 80
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", said.out)  # no colour


def test_the_ledger_is_shown(girsanov, law):
    girsanov("audit", law, "--data", law, "--examples", 400)
    out = girsanov("plan", "audit.json", "--steps", 1).out
    assert "1 step, mixed" in out
    for word in ("init", "discretisation", "score", "95 % interval", "exact"):
        assert word in out


def test_a_plan_is_told_verdict_first(girsanov, law):
    girsanov("audit", law, "--data", law, "--examples", 400, "--levels", 17)
    out = girsanov("plan", "audit.json", "--steps", 6).out
    told = json.loads(Path("plan.json").read_text())
    assert out.startswith("It is the sampler: the denoiser is exact")
    parts = [e["value"] for e in told["ledger"][:2]]
    subtotal = next(line for line in out.splitlines() if line.startswith("  = sampler"))
    assert f"{sum(parts):.3g}" in subtotal
    finest = told["certificate"]["finest"]
    assert f"at noise level {finest:.3g}" in " ".join(out.split())
    line = r"cost +[▁▂▃▄▅▆▇█]{5,} 1 \.\. \d+ steps, (cheapest \d+|still falling|flat from \d+)"
    assert re.search(line, out)
    assert len(out.splitlines()) <= 26  # one screen with room to spare
    assert "says little" not in out
    assert told["ledger"][1]["note"][:30] not in out
    (line,) = [line for line in out.splitlines() if line.startswith("next: ")]
    assert line == f"next: girsanov sample {law} --plan plan.json --count 1000 --out samples.npy"


@pytest.mark.parametrize("data", ["trees.csv", "trees.parquet", "x.npy", "x.npz"])
def test_each_next_line_works_as_it_stands(girsanov, trees, data):
    np.save("x.npy", np.random.default_rng(4).gamma(2.0, size=(200, 2)))
    np.savez("x.npz", x=np.load("x.npy"), species=np.arange(200) % 2)
    pandas.read_csv(trees).to_parquet("trees.parquet")
    line = f"girsanov fit {data} --out 'my model' --steps 5 --network mlp"
    line += "" if data == "x.npy" else " --labels species"
    done = []
    while line:
        said = girsanov(*shlex.split(line)[1:])
        assert said.code == 0, (line, said.err)
        done.append(line.split()[1])
        if done[-1] == "sample":  # compared by the way, which knows the next line as well
            samples = shlex.split(line)[-1]
            assert samples == f"samples{Path(data).suffix}"
            options = [] if data == "x.npy" else ["--labels", "species"]
            compared = girsanov("compare", samples, data, *options, "--by", "sliced-w2")
            assert compared.out.splitlines()[-1] == said.out.splitlines()[-1]
        told = [text[6:] for text in said.out.splitlines() if text.startswith("next: ")]
        line = told[0] if told else ""
    assert done == ["fit", "audit", "plan", "sample", "report"]


def test_the_next_line_finds_files_of_another_folder_and_names_samples_anew(
    girsanov, vectors, tmp_path, monkeypatch
):
    Path("deep").mkdir()
    monkeypatch.chdir("deep")
    shutil.copy(tmp_path / vectors, "v.npy")
    girsanov("fit", "v.npy", "--out", "m", "--steps", 1, "--network", "mlp")
    girsanov("audit", "m", "--data", "v.npy", "--draws", 1, "--levels", 5)
    monkeypatch.chdir(tmp_path)
    Path("samples.npy").touch()
    out = girsanov("plan", "deep/audit.json", "--steps", 1, "--out", "two.json").out
    assert "--out two-samples.npy" in out.replace("\n", " ")
    out = girsanov("sample", "deep/m", "--plan", "two.json", "--count", 9, "--out", "t.npy").out
    line = out.splitlines()[-1][6:]
    assert "deep/audit.json" in line
    assert girsanov(*shlex.split(line)[1:]).code == 0


def test_what_is_not_known_has_no_name_in_the_next_line(girsanov, law):
    """Of an audit that was made in Python nobody knows where it was saved."""
    model = gv.load_model(law)
    gv.audit(model, model.law, examples=64, levels=5).plan(steps=2).save("p.json")
    out = girsanov("sample", law, "--plan", "p.json", "--count", 2, "--out", "s.npy").out
    assert out.splitlines()[-1] == "next: girsanov report AUDIT --plan p.json --samples s.npy"


def test_one_of_anything_is_no_plural(girsanov, vectors):
    girsanov("fit", vectors, "--out", "m", "--steps", 1, "--network", "mlp")
    out = girsanov("audit", "m", "--data", vectors, "--draws", 1, "--levels", 5).out
    out += girsanov("plan", "audit.json", "--steps", 1, "--verbose").out
    line = "sample m --plan plan.json --count 1 --out s.npy"
    out += girsanov(*line.split()).out
    assert "40 examples x 1 draw x 5 levels" in out
    assert "drew 1 sample of" in out
    assert re.search(r"\b1 (step|draw|sample|level|example)s\b(?!, flat)", out) is None


def test_all_of_a_plan_is_told_when_asked_for(girsanov, law):
    girsanov("audit", law, "--data", law, "--examples", 400, "--levels", 17)
    short = girsanov("plan", "audit.json", "--steps", 6, "--json")
    long = girsanov("plan", "audit.json", "--steps", 6, "--verbose", "--json")
    assert {**long.json, "replaced": False} == short.json  # the first replaced nothing
    assert "--verbose" not in Path("plan.json").read_text()
    out = girsanov("plan", "audit.json", "--steps", 6, "--verbose").out
    told = json.loads(Path("plan.json").read_text())
    finest = told["certificate"]["finest"]
    row = next(line for line in out.splitlines() if line.startswith(f"{finest:.3g} "))
    assert "says little" not in row
    assert out.count("says little") < len(told["levels"])
    plain = " ".join(out.split())
    assert all(entry["note"] in plain for entry in told["ledger"])
    assert all(f"{s**-0.5:.3g}" in plain for s in told["levels"])


def test_no_level_of_a_long_plan_is_left_out(girsanov, law):
    girsanov("audit", law, "--data", law, "--examples", 400, "--levels", 33)
    out = girsanov("plan", "audit.json", "--steps", 20, "--verbose").out
    told = json.loads(Path("plan.json").read_text())
    listed = " ".join(f"{s**-0.5:.3g}" for s in told["levels"])
    assert f"noise levels {listed} " in " ".join(out.split())
    table = out[out.index("at noise level  KL") :].splitlines()[1 : 1 + len(told["levels"])]
    assert [row.split()[0] for row in table] == listed.split()


def test_a_cost_that_hardly_falls_is_flat():
    rows = [
        {"steps": n, "above_best": above, "standard_error": 1e-6}
        for n, above in ((1, 2.0), (2, 0.02), (3, 0.004), (4, 0.0), (5, 0.003))
    ]
    assert enough(rows) == 3


def test_the_frontier_is_a_table_when_asked_for(girsanov, law):
    girsanov("audit", law, "--data", law, "--examples", 400, "--levels", 17)
    out = girsanov("plan", "audit.json", "--steps", 6, "--frontier").out
    rows = json.loads(Path("plan.json").read_text())["frontier"]
    lines = out[out.index("nats above the cheapest") :].splitlines()[1:]
    for row, line in zip(rows, lines, strict=False):
        assert line.split()[:2] == [str(row["steps"]), f"{row['above_best']:.3g}"]
        assert ("this plan" in line) == (row["steps"] == 6)
    assert "cheapest" in "".join(lines)
    assert "--frontier" not in Path("plan.json").read_text()


def test_the_doctor_knows_what_is_installed(girsanov):
    said = girsanov("doctor", "--json")
    found = {f["name"]: f for f in said.json["findings"]}
    assert found["torch"]["state"] == "ok"
    assert found["girsanov"]["detail"] == gv.__version__
    assert said.code == int(any(f["state"] == "broken" for f in found.values()))


def test_the_doctor_tells_absent_from_broken(girsanov, monkeypatch):
    import girsanov.workflow.installation as room

    monkeypatch.setattr(room, "CORE", {"numpy": "numpy", "no_such_module": "nothing"})
    monkeypatch.setattr(room, "EXTRAS", {"no_such_extra": ("none", "parquet")})
    monkeypatch.setattr(room, "_vision", lambda good: room.Finding("UNet2DModel", "ok", ""))
    said = girsanov("doctor")
    assert said.code == 1
    assert re.search(r"broken +nothing +not installed; pip install girsanov", said.out)
    assert re.search(r"absent +none +not installed; pip install \"girsanov\[parquet\]\"", said.out)


def test_ctrl_c_stops_with_130_and_keeps_the_run(here, vectors):
    command = [sys.executable, "-m", "girsanov.cli.main", "fit", vectors, "--out", "model",
               "--steps", "20000", "--network", "mlp"]  # fmt: skip
    running = subprocess.Popen(command, cwd=here, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True)  # fmt: skip
    kept = here / "model" / "checkpoint" / "state.json"
    for _ in range(600):
        if kept.is_file():
            break
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert out == ""
    assert err.splitlines()[-1] == "girsanov: interrupted"
    assert "--resume goes on" in err
    assert kept.is_file()
    assert not (here / "model" / "girsanov.json").exists()


def test_a_reader_that_has_enough_is_no_fault(here, law):
    options = "--examples 100 --levels 9 --json"
    line = f"{sys.executable} -m girsanov.cli.main audit {law} --data {law} {options} | head -c 1"
    said = subprocess.run(["bash", "-c", line],
                          capture_output=True, text=True, cwd=here, check=False)  # fmt: skip
    assert "Traceback" not in said.stderr


def test_a_terminal_without_unicode_is_served(here, law):
    said = shell("audit", law, "--data", law, "--examples", "100", "--levels", "9", cwd=here,
                 PYTHONIOENCODING="ascii")  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert "wrote audit.json" in said.stdout


def test_many_columns_are_not_all_named():
    assert few(("a", "b")) == "a, b"
    assert few([str(k) for k in range(8)]) == "0, 1, 2, 3, 4, 5, 6, 7"
    assert few([str(k) for k in range(31)]) == "0, 1, 2, 3, 4, 5 and 25 more"


def test_after_a_folder_of_pictures_a_folder_is_advised(girsanov, here):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (80, 6, 6), dtype=np.uint8)
    gv.write_samples(pictures, gv.load_data(pictures).standardisation, "pictures/")
    fitted = girsanov("fit", "pictures", "--out", "m", "--steps", 5, "--network", "mlp")
    assert fitted.code == 0, fitted.err
    girsanov("audit", "m", "--data", "pictures", "--levels", 9, "--draws", 1, "--out", "a.json")
    said = girsanov("plan", "a.json", "--steps", 4, "--out", "p.json", "--force")
    line = next(row for row in said.out.splitlines() if row.startswith("next: "))
    assert line.endswith("--out samples/")
    words = line.removeprefix("next: girsanov ").replace("1000", "3").split()
    assert girsanov(*words).code == 0
    assert len(list((here / "samples").glob("*.png"))) == 3
