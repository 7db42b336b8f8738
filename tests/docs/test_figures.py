"""The figures of the pages are those that their command draws today."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parents[2] / "docs"
NUMBER = r"-?\d+\.?\d*(?:e-?\d+)?"
DRAWN = {
    "law": ("curve-law", "gap", "samplers", "outputs"),
    "table": ("quality",),
}


@pytest.fixture
def figures(tmp_path, monkeypatch):
    found = importlib.util.spec_from_file_location("figures", DOCS / "figures.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    monkeypatch.setattr(module, "IMG", tmp_path)
    return module


@pytest.mark.parametrize("what", DRAWN)
def test_stored_figures_are_of_this_tree(figures, tmp_path, what):
    {"law": figures.law_figures, "table": figures.table_figure}[what]()
    for name in DRAWN[what]:
        stored = (DOCS / "img" / f"{name}.svg").read_text(encoding="utf-8")
        drawn = (tmp_path / f"{name}.svg").read_text(encoding="utf-8")
        assert re.sub(NUMBER, "0", drawn) == re.sub(NUMBER, "0", stored), name
        a, b = (np.array(re.findall(NUMBER, text), dtype=float) for text in (drawn, stored))
        np.testing.assert_allclose(a, b, atol=0.25, rtol=1e-3, err_msg=name)
