"""Memory of fit and audit on a memory-mapped .npy of 2 GB.

    python benchmarks/memory.py [--gigabytes 2] [--json FILE]

Writes a file of correlated, skewed float32 rows [n, 256] in a temporary folder, then runs `fit`
(30 steps) and `audit` (2,000 and 20,000 held-out examples, 9 levels) in processes of their own,
and prints the peak of each one's private memory (RssAnon: without the pages of the mapped file,
which the kernel can drop) above what it held after its imports. Linux only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

DIMENSION, CHUNK = 256, 2**16

CHILD = """
import re, threading, time, sys
def private():
    with open("/proc/self/status") as f:
        return int(re.search(r"RssAnon:\\s+(\\d+)", f.read())[1]) / 1024
import girsanov as gv, torch
gv.load_data, gv.fit, gv.audit, gv.load_model
torch.zeros(1)
base, peak, done = private(), 0.0, False
def watch():
    global peak
    while not done:
        peak = max(peak, private()); time.sleep(0.02)
thread = threading.Thread(target=watch); thread.start()
begun = time.time()
path, out, examples = sys.argv[1], sys.argv[2], int(sys.argv[3])
train, held_out = gv.load_data(path).split(0.9, seed=0)
if examples == 0:
    gv.fit(train, out=out, steps=30, network="mlp")
else:
    gv.audit(gv.load_model(out), held_out, levels=9, examples=examples, draws=1)
done = True; thread.join()
print(round(peak - base), round(time.time() - begun, 1))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--json")
    options = parser.parse_args()
    rows = int(options.gigabytes * 1e9 / 4 / DIMENSION)
    result = {"file_megabytes": rows * DIMENSION * 4 / 1e6}
    with tempfile.TemporaryDirectory() as folder:
        path, model = Path(folder) / "big.npy", Path(folder) / "model"
        mapped = np.lib.format.open_memmap(path, "w+", np.float32, (rows, DIMENSION))
        rng = np.random.default_rng(0)
        mix = rng.normal(size=(DIMENSION, DIMENSION)).astype(np.float32) / DIMENSION**0.5
        for a in range(0, rows, CHUNK):
            z = rng.standard_normal((min(CHUNK, rows - a), DIMENSION), dtype=np.float32)
            mapped[a : a + len(z)] = np.exp(0.3 * z) @ mix + 5
        mapped.flush()
        del mapped
        for name, examples in (("fit", 0), ("audit 2000", 2000), ("audit 20000", 20000)):
            command = [sys.executable, "-c", CHILD, str(path), str(model), str(examples)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            peak, seconds = map(float, done.stdout.split())
            result[name] = {"peak_private_megabytes": peak, "seconds": seconds}
            print(f"{name:12s} {peak:6.0f} MB above imports, {seconds:.0f} s", flush=True)
    print(f"file {result['file_megabytes']:.0f} MB")
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
