"""Turns that stop a reader stay out of the README, the pages, the code and its messages.

Plain English: subject, verb, object; one idea a sentence. Each pattern was once in a text of ours,
and stands here with what to write instead.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BANNED = {
    r"of which no \w+ speaks": "say what the number leaves out",
    r"\bacquit": "say: this does not prove that the model is fine",
    r"\bfreed of\b": "say: minus what chance alone adds",
    r"whose are all": "say: all numbers are of ...",
    r"stands? out of the noise": "effective dimension",
    r"as far as can be seen": "say: the larger measured error",
    r"larger known part": "say: the larger measured error",
    r"is not excluded": "say: the test can miss small ones",
    r"nothing can be said": "say what is missing",
    r"costs? the path at least": "say: at least X nats of the path",
    r"pays at least .* for the (?:model.s )?score error": "say: at least X nats of the path",
    r"(?:cannot|can not) be known from data": "say: data cannot show",
    r"without any network, is closer": "say: a plain average beats this model",
    r"comes off the score error": "say: it hides part of the model's error",
    r"(?:teach|taught) it nothing": "say: more steps do not help",
    r"may not have shown": "say: may have missed",
    r"what would help(?: most)? is\b": "say: What would help most: ...",
    r"makes? up for (?:it|that)\b": "say: replaces that",
    r"knows nothing of (?:this|its|the) data\b(?=.*[\"'])": "about the data",
    r"of one distribution\b": "say: from the same distribution",
    r"says it beside": "name who says it where",
    r"\bis said (?:to,|of it)": "use the active voice",
    r"\bcan be promised of\b": "say: X gets no bound",
    r"\d do\b(?! not)": "say: are enough",
    r"\bneither takes training\b": "say: neither needs training",
    r"in the mean over": "say: averaged over",
}
FILES = sorted(
    [
        ROOT / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        *(path for kind in ("py", "j2", "js") for path in (ROOT / "src").rglob(f"*.{kind}")),
    ]
)


def turns(text: str) -> list[str]:
    """Return the banned turns of a text, each with what to write instead; lines may break them."""
    flat = " ".join(re.sub(r"[\"'`]?\s*\n\s*(?:f?[\"'])?", " ", text).split())
    return [
        f"{flat[max(0, m.start() - 40) : m.end() + 20]!r}: {instead}"
        for pattern, instead in BANNED.items()
        for m in re.finditer(pattern, flat, re.I)
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_banned_turn(file):
    assert turns(file.read_text(encoding="utf-8")) == []


def test_a_turn_is_found_across_lines_of_a_page_and_of_code():
    assert turns("As far\nas can be seen it is") != []
    assert turns('    "what would help "\n    "most is more steps"') != []
    assert turns("What would help most: more steps.") == []
