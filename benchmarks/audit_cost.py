"""What an audit costs beyond the network calls it makes.

    python benchmarks/audit_cost.py [--levels 17] [--draws 1] [--examples 297] [--json FILE]

`gv.audit` of a digits UNet and MLP (trained for a moment; what they cost is the same) over the
bare calls of the torch module: as many, with those for steps along the flow, in batches of the
same size, on tensors that are ready and with one level for all rows.
CPU time and wall time, see `_table.py`.
"""

from __future__ import annotations

import torch
from _table import begin, finish, in_turns, options, show, table

import girsanov as gv
from girsanov.train import TrainOptions


def measured(kind, train, held_out, given):
    """Return the row of one network."""
    settings = TrainOptions(evaluations=1, device=given.device)
    model = gv.fit(train, steps=10, network=kind, options=settings)
    spent = {"levels": given.levels, "draws": given.draws, "examples": given.examples}
    facts = gv.audit(model, held_out, **spent).facts
    calls = facts.calls + facts.flow_calls
    x = torch.randn(given.examples, *model.shape, device=given.device)
    inside = x.flatten(1) if kind == "mlp" else x
    level = torch.full((1,), 5.0).to(x)

    @torch.inference_mode()
    def network():
        for _ in range(calls // given.examples):
            model.network(inside, level)

    took = in_turns(
        {"network": network, "audit": lambda: gv.audit(model, held_out, **spent)}, given.runs
    )
    return {
        "network": kind, "calls": calls, "ratio": took["audit"].over(took["network"]),
        "milliseconds a call of the batch": took["network"].each(1000 * calls // given.examples),
        "beyond, seconds": took["audit"].each(10**6, took["network"]),
    }  # fmt: skip


def main() -> None:
    """Print and write the table."""
    parser = options(__doc__, runs=5)
    parser.add_argument("--levels", type=int, default=17)
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--examples", type=int, default=297)
    parser.add_argument("--only", choices=["mlp", "unet"])
    given = begin(parser)
    train, held_out = gv.load_data("digits").without_labels().split(1500 / 1797, seed=0)
    rows = [
        measured(kind, train, held_out, given)
        for kind in ("mlp", "unet")
        if given.only in (None, kind)
    ]
    table(
        ("network", "calls", "ms a call of the batch, CPU", "audit over them, CPU", "wall"),
        ((r["network"], r["calls"], show(r["milliseconds a call of the batch"]["cpu"]),
          show(r["ratio"]["cpu"], 3), show(r["ratio"]["wall"], 3)) for r in rows),
    )  # fmt: skip
    finish(given, rows)


if __name__ == "__main__":
    main()
