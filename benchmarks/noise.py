"""Our bit-exact noise against torch.randn, float32 4x128x128, in one run; and bit-equality with the committed vectors.

python -m benchmarks.noise --json benchmarks/results/noise.json
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from benchmarks.common import options, rounds, summary, write
from provenance.noise import gaussian

SHAPE = (4, 128, 128)


def matches_vectors() -> int:
    """How many committed noise streams are reproduced bit for bit; raises on the first that is not."""
    import hashlib

    path = Path(__file__).parents[1] / "tests" / "vectors" / "seedproof-v1.json"
    checked = 0
    for work in json.loads(path.read_text())["works"]:
        for stream in work["noise"]:
            values = gaussian(bytes.fromhex(work["S"]), stream["shape"], stream=stream["stream"])
            if hashlib.sha256(values.astype("<f4").tobytes()).hexdigest() != stream["sha256"]:
                raise SystemExit(f"noise stream {stream['stream']} of {work['name']} differs from its vector")
            checked += 1
    return checked


def main() -> None:
    parser = options("noise", __doc__)
    chosen = parser.parse_args()
    streams = matches_vectors()
    figures: dict[str, object] = {"shape": list(SHAPE), "vector_streams_bit_equal": streams}
    print(f"{streams} committed noise streams reproduced bit for bit")
    for threads in (1, torch.get_num_threads()):
        torch.set_num_threads(threads)
        spent = rounds(
            {"seedproof": lambda: gaussian(bytes(32), SHAPE), "torch.randn": lambda: torch.randn(SHAPE)}, 500
        )
        ours, theirs = summary(spent["seedproof"]), summary(spent["torch.randn"])
        ratio = ours["median"] / theirs["median"]
        print(
            f"{threads} threads: ours {ours['median']:.3f} ms, torch.randn {theirs['median']:.3f} ms, ratio {ratio:.2f}"
        )
        figures[f"threads_{threads}_ms"] = {
            "seedproof": ours,
            "torch.randn": theirs,
            "ratio_of_medians": round(ratio, 3),
        }
    write(
        chosen.json,
        "python -m benchmarks.noise --json benchmarks/results/noise.json",
        figures,
        ("torch", "numpy", "cryptography"),
    )


if __name__ == "__main__":
    main()
