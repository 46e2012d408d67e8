"""Putting one's own noise into somebody else's latent, as gently as it goes (NoisePrints' injection, arXiv 2510.13793).

Three directions to walk in, all known to whoever reads the public calibration:

    plain   the noise itself
    shaped  the noise with the whitening undone, which the whitened test sees undisturbed
    least   the one that costs fewest pixels for the cosine it gains: by Cauchy and Schwarz step^2 * scale * noise in
            the whitening's basis, since a quantisation step of every channel does the same to the picture

Whoever knows the victim's public seed can also walk away from the victim's noise.
"""

import numpy as np

from provenance.correlation import dct2, idct2, whitened_cosine
from provenance.latent import dequantise, quantise, step_array

DIRECTIONS = ("plain", "shaped", "least")
_HALVINGS, _ROUNDS = 24, 4


def direction(name, noise, known):
    """Where to walk in the latent (C, H, W), float64, per unit of strength; ``known`` is the calibration."""
    if name == "plain":
        return noise.astype(np.float64)
    coefficients = dct2(noise)
    if name == "shaped":
        return idct2(coefficients / known.whitening.scale)
    walked = idct2(np.square(step_array(known.steps).astype(np.float64)) * known.whitening.scale * coefficients)
    return walked * (np.linalg.norm(noise) / np.linalg.norm(walked))


def stored(latent, known):
    """What a file keeps of a latent: quantised and back."""
    return dequantise(quantise(latent.astype(np.float32), known.steps), known.steps)


def reach(latent, noise, known, goal, name="least"):
    """(latent, strength): ``noise`` put in until the stored latent's whitened cosine with it is ``goal``."""
    ahead = direction(name, noise, known)
    strength = _strength(lambda s: whitened_cosine(stored(latent + s * ahead, known), noise, known.whitening) >= goal)
    return latent + strength * ahead, strength


def replace_noise(latent, own, victims, known, goal, left=0.0, name="least"):
    """(latent, strength, taken): own noise put in up to ``goal``, and the victim's taken out down to ``left``."""
    ahead, back = direction(name, own, known), -direction(name, victims, known)
    strength = taken = 0.0
    for _ in range(_ROUNDS):
        moved = latent + taken * back
        strength = _strength(
            lambda s, moved=moved: whitened_cosine(stored(moved + s * ahead, known), own, known.whitening) >= goal
        )
        moved = latent + strength * ahead
        taken = _strength(
            lambda r, moved=moved: whitened_cosine(stored(moved + r * back, known), victims, known.whitening) <= left
        )
    return latent + strength * ahead + taken * back, strength, taken


def _strength(enough):
    """The least strength for which ``enough`` holds, by doubling and halving."""
    low, high = 0.0, 0.01
    while not enough(high):
        low, high = high, 2 * high
        if high > 1e4:
            return high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
