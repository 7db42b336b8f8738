"""Known vulnerabilities in a file of versions: `python tests/check_dependencies.py FILE`.

pip-audit asks the advisory database and skips what it finds nothing of, so that without a network
it would find nothing wrong. Exits 0 when every version was looked up and none is known to be
vulnerable, 1 when one is, 3 when some could not be looked up: nothing is known of those.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

FINE, VULNERABLE, UNKNOWN = 0, 1, 3


def judged(dependencies: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """Return the exit code and what to say of pip-audit's list of dependencies."""
    asked = [d for d in dependencies if "skip_reason" not in d]
    lines = [
        f"{d['name']} {d['version']}: {v['id']}, mended in {' '.join(v['fix_versions']) or 'none'}"
        for d in asked
        for v in d["vulns"]
    ]
    if lines:
        return VULNERABLE, lines
    total, unknown = len(dependencies), len(dependencies) - len(asked)
    if unknown or not total:
        told = f"no advisory source knew {unknown} of {total} dependencies, so nothing is known of"
        return UNKNOWN, [f"{told} them. Ask again where pypi.org and its advisories are reachable"]
    return FINE, [f"{total} dependencies, none with a known vulnerability"]


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps", "--format", "json"]
    said = subprocess.run(
        [*command, "--requirement", sys.argv[1]], capture_output=True, text=True, check=False
    )
    try:
        code, lines = judged(json.loads(said.stdout)["dependencies"])
    except (ValueError, KeyError):
        last = (said.stderr.strip() or "it said nothing").splitlines()[-1]
        code, lines = UNKNOWN, [f"pip-audit could not ask its advisory source: {last}"]
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
