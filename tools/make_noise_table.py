"""Write the table of normal quantiles that provenance.noise ships: ``python tools/make_noise_table.py OUT``.

Each quantile is computed with 60 digits (mpmath) and rounded once to float32, so that no library's last bit matters.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import mpmath
import numpy as np

SIZE = 65_536


def quantile(j: int) -> np.float32:
    """The float32 nearest to the standard normal quantile of (j + 1/2) / 65536."""
    exact = mpmath.sqrt(2) * mpmath.erfinv(mpmath.mpf(2 * j + 1) / SIZE - 1)
    guess = np.float32(float(exact))  # may be one off by double rounding: compare the neighbours exactly
    near = (np.nextafter(guess, np.float32(-9)), guess, np.nextafter(guess, np.float32(9)))
    return min(near, key=lambda value: abs(mpmath.mpf(float(value)) - exact))


def main() -> None:
    """Compute the upper half and mirror it: the table is odd."""
    mpmath.mp.dps = 60
    upper = np.array([quantile(j) for j in range(SIZE // 2, SIZE)], np.float32)
    data = np.concatenate([-upper[::-1], upper]).astype("<f4").tobytes()
    Path(sys.argv[1]).write_bytes(data)
    print(hashlib.sha256(data).hexdigest())


if __name__ == "__main__":
    main()
