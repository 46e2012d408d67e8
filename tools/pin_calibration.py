"""Pin a calibration of the house model in the default policy: ``python tools/pin_calibration.py CALIBRATION``.

Replaces what was pinned before. Make the calibration with ``seedproof calibrate house -o CALIBRATION``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from generator.models import house_model
from provenance.calibration import calibration_id, parse_calibration

DATA = Path(__file__).parents[1] / "provenance" / "data"


def main() -> None:
    """Copy the calibration under the name of its digest and write the policy that pins it."""
    content = Path(sys.argv[1]).read_bytes()
    calibration, model = parse_calibration(content), house_model().identity
    if calibration.model != model.digest:
        raise SystemExit("this calibration belongs to another model than the embedded one")
    pin = calibration_id(content).hex()
    folder = DATA / "calibrations"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    (folder / f"{pin}.json").write_bytes(content)
    policy = {
        "kind": "policy",
        "v": 1,
        "models": [{"name": model.name, "digest": model.digest.hex(), "calibrations": [pin]}],
        "logs": [],
        "timestamp_authorities": [],
        "c2pa_anchors": [],
    }
    (DATA / "policy.json").write_text(json.dumps(policy, indent=2) + "\n")
    print(f"pinned {pin}")


if __name__ == "__main__":
    main()
