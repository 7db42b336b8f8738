"""Links to files outside docs/, which the site does not hold, become plain text."""

from __future__ import annotations

import re
from typing import Any

OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./[^)]*\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the page with such links in the manner of code."""
    return OUTSIDE.sub(r"`\1`", markdown)
