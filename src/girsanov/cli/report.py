"""`girsanov report`: one page for an audit and its plans, or for several models side by side."""

from __future__ import annotations

from typer import Argument

from .. import workflow
from .._checks import plural
from . import console
from .options import AsJson, command

NO_BROWSER = "no chromium was found, which draws the PNG and PDF files: wrote SVG only"


@command(
    workflow.ReportRequest,
    audit=Argument(help="What `girsanov audit` wrote; with several, models are compared."),
    plan="A plan (may be repeated).",
    samples="What `girsanov sample` wrote.",
    comparison="Of these samples, what `girsanov compare --out` wrote.",
    data="Data, or law.json, to show beside the samples.",
    figures="A folder for every figure: SVG, and PNG and PDF.",
)
def report(request: workflow.ReportRequest, *, json: AsJson = False) -> None:
    """Write one self-contained page with the ledger, the curve, the plans and the samples.

    In it a slider moves the first plan to any number of steps. PNG and PDF figures need a
    Chromium on this machine; without one they are left out.
    """
    with console.progress("figures") as tick:
        page = workflow.report(request, progress=tick)

    def view() -> None:
        console.noted(page.notes)
        console.wrote(page.out)
        if page.figures is not None:
            files = plural(len(page.figures), "figure")
            console.console_of().print(
                f"wrote {files} to {request.figures}/", soft_wrap=True, markup=False
            )
            if "png" not in page.formats:
                console.console_of().print(NO_BROWSER, soft_wrap=True)

    console.result(json, page.to_json(), view)
    if page.replaced:
        console.replaced("an older page", json)
