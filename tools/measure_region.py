"""Measure a house calibration's region anew: ``python tools/measure_region.py CALIBRATION [PICTURES]``.

Whitening, steps and thresholds stay as they are; the file is written again with the region and the corners that were
looked at. Takes some minutes, where a whole calibration takes an hour. Pin it with tools/pin_calibration.py.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from generator.calibrate import read_prompts
from generator.calibrate_region import Ruler, measure_region
from generator.models import house_model
from generator.runtime import load_runtime
from provenance.calibration import format_calibration, parse_calibration
from provenance.encoding import canonical
from provenance.files import write_atomic


def main() -> None:
    """Measure, and write the file again."""
    path, pictures = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 2  # noqa: PLR2004 - the command line
    known = parse_calibration(path.read_bytes())
    if known.model != house_model().identity.digest:
        raise SystemExit("this calibration belongs to another model than the embedded one")
    told = json.loads(known.measured)
    ruler = Ruler(
        load_runtime(house_model(), device="cpu"),
        known.shape,
        known.whitening,
        known.steps,
        known.thresholds.reject,
        read_prompts(None),
        pictures,
    )
    usual = told["sampler"]
    region, corners = measure_region(
        ruler, int(usual["steps"]), Decimal(usual["guidance"]), lambda *said: print(*said, flush=True)
    )
    measured = canonical({**told, "corners": corners}).decode()
    write_atomic(path, format_calibration(replace(known, region=region, measured=measured)), overwrite=True)
    print(region)


if __name__ == "__main__":
    main()
