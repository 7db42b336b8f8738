"""`girsanov report`: one page for an audit and its plans, or for several models side by side."""

from __future__ import annotations

from typer import Argument

from .. import workflow
from .._checks import plural
from . import console
from .options import AsJson, command

NO_BROWSER = "no Chromium was found to draw PNG and PDF files, so only SVG files were written"


@command(
    workflow.ReportRequest,
    audit=Argument(help="The audit: a file of `girsanov audit`. Several compare their models."),
    plan="A plan: a file of `girsanov plan`. Repeat it for more.",
    samples="The samples: a file of `girsanov sample`.",
    comparison="A comparison of these samples: a file of `girsanov compare --out`.",
    data="The data to show beside the samples; or a known distribution, law.json (for tests).",
    figures="Also write every figure into this folder as SVG, PNG and PDF, and share.png to post.",
)
def report(request: workflow.ReportRequest, *, json: AsJson = False) -> None:
    """Write one self-contained page with the verdict, the ledger, the plans and the samples.

    A slider on the page moves the first plan to any number of steps. PNG and PDF figures need a
    Chromium on this machine. Without one, only SVG files are written.
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
