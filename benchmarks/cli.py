"""Cold start of ``seedproof verify --quick --json``: whole process, median; and what it imported.

Makes a picture first (with torch), then verifies it in fresh processes.

python -m benchmarks.cli --json benchmarks/results/cli.json
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.common import options, rounds, summary, write

REPEATS = 21
PROBE = """
import sys
from provenance.cli import main
try:
    main(["verify", sys.argv[1], "--quick", "--json"])
finally:
    wanted = {"torch", "diffusers", "transformers", "sqlalchemy"}
    heavy = sorted({name.partition(".")[0] for name in sys.modules} & wanted)
    print("heavy modules:", heavy, file=sys.stderr)
"""


def main() -> None:
    chosen = options("cli", __doc__).parse_args()
    command = str(Path(sys.executable).with_name("seedproof"))
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "SEEDPROOF_HOME": str(Path(folder) / "home")}
        picture = str(Path(folder) / "hills.png")

        def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
            return subprocess.run(arguments, env=environment, capture_output=True, text=True, check=check)

        run(command, "keys", "new", "--no-passphrase", "--json")
        run(command, "create", "snowy mountains at sunset", "-o", picture)
        probe = run(sys.executable, "-c", PROBE, picture, check=False)
        heavy = probe.stderr.strip().splitlines()[-1]
        verdict = json.loads(probe.stdout)["verdict"]
        quick = lambda: run(command, "verify", picture, "--quick", "--json", check=False)  # noqa: E731
        bare = lambda: run(sys.executable, "-c", "pass")  # noqa: E731
        spent = rounds({"verify --quick": quick, "python -c pass": bare}, REPEATS)
    figures = {name: summary(values, 1) for name, values in spent.items()}
    for name, values in figures.items():
        print(f"{name:<16} median {values['median']:.0f} ms, max {values['max']:.0f} ms")
    print(f"verdict {verdict}; {heavy}")
    result = {"milliseconds": figures, "repeats": REPEATS, "verdict": verdict, "heavy_modules": heavy, "target_ms": 500}
    write(
        chosen.json, "python -m benchmarks.cli --json benchmarks/results/cli.json", result, ("seedproof", "c2pa-python")
    )


if __name__ == "__main__":
    main()
