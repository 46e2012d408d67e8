"""A stripped picture: the thief takes the bare pixels and says that they are his.

What stops it: an own latent does not decode to the pixels (step 8, provenance.link); the victim's latent, or one that was
recovered from the pixels, is not what the thief's seed makes (step 9). A manifest that is merely gone reads *unproved*.
"""

from dataclasses import replace

import numpy as np

from provenance.commitment import commit, seed
from provenance.latent import dequantise, quantise
from provenance.pixels import encode_png, encode_webp
from tests.attacks.redteam.threat import Threat, chance


def bare(lab, dice, victim):
    """No manifest at all, saved in another form."""
    rgb = lab.work(victim).rgb
    return dice.choice((encode_png, encode_webp))(rgb)


def own_latent(lab, dice, victim):
    """The latent that the thief's seed really makes under the victim's recipe, beside the victim's pixels."""
    thief, recipe = own(lab, dice, victim)
    (made,) = lab.pooled.regenerate(recipe, recipe.prompt, [recipe.seed])
    return thief.with_(integers=quantise(made, recipe.latent_steps)).sign()


def victims_latent(lab, dice, victim):
    """The victim's latent, its integers moved a little, so that no digest is the victim's."""
    thief, recipe = own(lab, dice, victim)
    moved = thief.integers.copy()
    where = tuple(dice.randrange(size) for size in moved.shape)
    moved[where] += dice.choice((-1, 1))
    rgb = lab.pooled.decode(recipe, dequantise(moved, recipe.latent_steps)) if dice.random() < 0.5 else thief.rgb
    return thief.with_(integers=moved, rgb=rgb).sign()


def other_recipe(lab, dice, victim):
    """The victim's latent and pixels under a recipe of the thief's choice: another prompt, other steps."""
    thief, recipe = own(lab, dice, victim)
    changed = replace(recipe, steps=dice.choice((1, 2, 4)), prompt=replace(recipe.prompt, text="a picture"))
    return thief.with_(recipe=changed).sign()


def noise_latent(lab, dice, victim):
    """The thief's own noise as the latent: a perfect correlation, and another picture."""
    from provenance.noise import gaussian

    thief, recipe = own(lab, dice, victim)
    latent = gaussian(recipe.seed, recipe.shape) * np.float32(dice.uniform(0.3, 1.2))
    return thief.with_(integers=quantise(latent, recipe.latent_steps)).sign()


def own(lab, dice, victim):
    number = dice.getrandbits(30)
    recipe = replace(lab.work(victim).recipe, seed=seed(commit(lab.thief_secret(number))))
    return lab.thiefs(number, victim, recipe=recipe), recipe


WAYS = (bare, own_latent, victims_latent, other_recipe, noise_latent)


def attempt(lab, i):
    dice = chance("stripped", i)
    way, victim = WAYS[i % len(WAYS)], dice.randrange(lab.count)
    outcome = lab.judge(way(lab, dice, victim), pooled=True, victim=victim)
    return replace(outcome, figures={**outcome.figures, "way": i % len(WAYS)})


THREAT = Threat(
    name="stripped",
    title="Strip the manifest and claim the pixels anew",
    knowledge="the published picture, with and without its manifest",
    budget="a key and a run of the model",
    method="the bare pixels; with the latent of an own seed; with the victim's latent, moved by one step; under another recipe; with pure noise of an own seed as the latent",
    kind="cheap",
    attempt=attempt,
    success=frozenset({"authentic", "consistent"}),
    edition=2,
)
