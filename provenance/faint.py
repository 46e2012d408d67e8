"""Is there as little of the seed's noise in a latent as in hardly any honest picture?

2^-128 says how seldom a wrong seed's noise is found in a picture. It says nothing about noise that somebody put in: so
much is hardly seen (docs/injection.md), while honest pictures have three to five times the bits. What the calibration's
own pictures have is therefore told beside it. It decides nothing: a calibration saw few pictures.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provenance.calibration import Calibration
    from provenance.report import Figure

__all__ = ["faintness", "least_honest"]


def least_honest(calibration: Calibration) -> float | None:
    """Least whitened cosine among the calibration's honest pictures, where it says so in its ``measured``."""
    try:
        found = float(json.loads(calibration.measured)["whitened_cosine"]["min"])
    except (ValueError, KeyError, TypeError):
        return None
    return found if math.isfinite(found) and 0.0 < found < 1.0 else None


def faintness(figures: dict[str, Figure]) -> str:
    """The end of a sentence about step 7 with these figures; "" where nothing is to be said."""
    c, least = figures.get("cosine"), figures.get("honest_least")
    if not isinstance(c, float) or not isinstance(least, float) or c >= least:
        return ""
    return (
        f"; the noise is fainter (cosine {c:.3f}) than in any honest picture of the calibration ({least:.3f}), as "
        "where somebody put it in"
    )
