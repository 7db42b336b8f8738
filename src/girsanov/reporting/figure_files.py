"""The page's figures as files of their own: SVG always, PNG and PDF where there is a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from .._checks import refuse
from .._files import replacing, write_text

if TYPE_CHECKING:
    from .._typing import PathLike, Progress

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--no-pdf-header-footer",
)
# what renderers without transparency in colours need; the page's light colours on white
PLAIN = {"paper": "#fff", "soft": "#d6e6e6", "mid": "#9ac2c2"}
PAD = 14.0  # pixels around a drawing, for words that reach over its edge
WAIT = 60  # seconds for one picture
WANTED = {"png": "--screenshot", "pdf": "--print-to-pdf"}


def browser() -> str | None:
    """Return the path of a Chromium, None if there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def standalone(drawing: Markup) -> str:
    """Return a figure of the page, as it is on a wide screen, as an SVG file."""
    match = re.search(r"<svg viewBox=\"0 0 ([\d.]+) ([\d.]+)\".*?</svg>", drawing, flags=re.S)
    assert match is not None
    width, height = float(match[1]) + 2 * PAD, float(match[2]) + 2 * PAD
    size = f'width="{width:g}" height="{height:g}"'
    view = f'viewBox="{-PAD:g} {-PAD:g} {width:g} {height:g}"'
    rest = match[0].split('"', 2)[2]  # what follows the viewBox of the page
    ground = f'<rect x="{-PAD:g}" y="{-PAD:g}" {size} fill="#fff"/>'
    head, body = rest.split(">", 1)
    start = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {view}{head}>'
    return f"{start}<style>{_style()}</style>{ground}{body}\n"


@cache
def _style() -> str:
    """Return the rules for drawings, with the light colours in the place of their names."""
    css = files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--(\w+): ([^;]+);", css.split("@media", 1)[0])) | PLAIN
    rules = css[css.index("text { fill") : css.index(".legend {")]
    rules = re.sub(r"var\(--(\w+)\)", lambda m: colours[m[1]], rules)
    font = "text{font-family:system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}"
    return font + re.sub(r"\s*\n\s*", "", rules)


def write_figures(
    figures: Mapping[str, Markup],
    folder: PathLike,
    progress: Progress | None = None,
    share: Markup | None = None,
) -> list[Path]:
    """Write each figure by its name into `folder` and return the paths, SVG first.

    share: a whole SVG file, `share.svg`, whose PNG has just its pixels: 1200 x 630.
    PNG (twice the pixels) and PDF are written where a Chromium is found, and only there.
    Raises InputError when it fails.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    drawn = {name: standalone(figure) for name, figure in figures.items()}
    files = [place / f"{name}.svg" for name in drawn]
    for path, text in zip(files, drawn.values(), strict=True):
        write_text(path, text)
    program = browser()
    todo: list[tuple[Path, Sequence[str]]]
    todo = [(path, ("png", "pdf")) for path in files] if program else []
    if share is not None:
        files.append(place / "share.svg")
        write_text(files[-1], f"{share}\n")
        todo += [(files[-1], ("png",))] if program else []
    for done, (path, kinds) in enumerate(todo):
        if progress is not None:
            progress(done, len(todo))
        files += _converted(str(program), path, kinds)
    if progress is not None:
        progress(max(1, len(todo)), max(1, len(todo)))
    return files


def _converted(program: str, drawing: Path, kinds: Sequence[str]) -> list[Path]:
    """Draw an SVG file as a PNG of twice its pixels (share.svg: just as many) and as a PDF.

    One start of the browser makes all kinds.
    """
    text = drawing.read_text(encoding="utf-8")
    width, height = re.findall(r'(?:width|height)="([\d.]+)"', text)[:2]
    page = (
        f"<!doctype html><style>@page{{size:{width}px {height}px;margin:0}}"
        f"body{{margin:0}}svg{{display:block}}</style>{text}"
    )
    files = [drawing.with_suffix(f".{kind}") for kind in kinds]
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "page.html", {k: Path(folder) / f"made.{k}" for k in kinds}
        source.write_text(page, encoding="utf-8")
        size = f"--window-size={round(float(width))},{round(float(height))}"
        scale = f"--force-device-scale-factor={1 if drawing.stem == 'share' else 2}"
        wanted = [f"{WANTED[kind]}={image}" for kind, image in made.items()]
        profile = f"--user-data-dir={folder}/profile"
        line = [program, *FLAGS, scale, profile, size, *wanted, source.as_uri()]
        try:
            subprocess.run(line, capture_output=True, timeout=WAIT, check=True)
            for out, image in zip(files, made.values(), strict=True):
                with replacing(out) as place:
                    place.write_bytes(image.read_bytes())
        except (OSError, subprocess.SubprocessError) as cause:
            remedy = "The SVG files are there; PNG and PDF need a Chromium that runs"
            refuse(str(files[0]), f"could not be drawn by {program} ({cause})", None, remedy)
    return files
