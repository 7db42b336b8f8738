"""The worked examples of docs/extend.md, which keep to the contracts as what is built in does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "extend.md"


def example(heading: str) -> dict[str, Any]:
    """Run the first block of Python below a heading, a whole file, and return its names."""
    below = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1]
    code = re.search(r"^```python\n(.*?)^```", below, re.M | re.S)[1]
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, str(PAGE), "exec"), names)
    return names
