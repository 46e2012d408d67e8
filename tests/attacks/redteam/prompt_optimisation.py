"""Prompt optimisation: the thief's seed stays, the prompt is sought under which it makes the victim's picture.

What stops it: a prompt has a few hundred bits and the latent many thousands: the nearest prompt's picture is still
steps away (step 9). Free embeddings come nearer, but a recipe has no place for them: a prompt is text, and a textual
inversion is an adapter, which the house model does not take and which bounds any other work to *consistent*.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from generator.sampler import sample_flow_euler
from provenance.correlation import cosine, whitened_cosine
from provenance.latent import cell_distance, step_array
from provenance.noise import gaussian
from provenance.recipe import Prompt
from provenance.setup import Adapter, Setup
from tests.attacks.redteam.lab import attempt as judged
from tests.attacks.redteam.painter import calibration, latent_of, painted, psnr, stolen
from tests.attacks.redteam.threat import Outcome, Threat, chance

ROUNDS, MUTANTS, WORDS = 12, 8, 10
DESCENT = 24

_WORSE = ("crash", "authentic", "consistent", "disputed", "claimed", "unproved", "refused", "invalid")


@dataclass(frozen=True)
class Sampler:
    """Runs of the model from one noise (1, C, h, w), as a recipe of so many steps and such a guidance has it."""

    pipeline: Any
    noise: Any
    steps: int
    guidance: float

    def __call__(self, states):
        """Latents (B, C, h, w) for text states (B, tokens, width); gradients go through."""
        away = self.states([""]).detach().expand(len(states), -1, -1)
        both = torch.cat([states, away])

        def field(x, sigma):
            towards, back = self.pipeline._predict(torch.cat([x, x]), sigma, both).chunk(2)
            return back + self.guidance * (towards - back)

        return sample_flow_euler(field, self.noise.expand(len(states), -1, -1, -1), self.pipeline._sigmas(self.steps))

    def states(self, texts):
        """Text states of several prompts (B, tokens, width)."""
        return torch.cat([self.pipeline._embed(text) for text in texts])


def climb(sampler, target, weight, dice, rounds=ROUNDS):
    """The prompt whose picture is nearest in the whitened steps ``weight``, by mutating the best one word by word."""
    vocabulary = sorted(word for word in sampler.pipeline.tokenizer.get_vocab() if word.isalpha())
    best, loss = [dice.choice(vocabulary) for _ in range(WORDS)], float("inf")
    for _ in range(rounds):
        mutants = [list(best) for _ in range(MUTANTS)]
        for mutant in mutants[1:]:
            for place in dice.sample(range(WORDS), dice.choice((1, 1, 2))):
                mutant[place] = dice.choice(vocabulary)
        with torch.inference_mode():
            made = sampler(sampler.states([" ".join(each) for each in mutants]))
            losses = ((made - target) * weight).square().mean(dim=(1, 2, 3)).tolist()
        if min(losses) < loss:
            best, loss = mutants[int(np.argmin(losses))], min(losses)
    return " ".join(best)


def descend(sampler, target, weight, text, rounds=DESCENT):
    """Free text states from those of ``text`` by Adam through the whole sampler; (states, latent)."""
    states = sampler.states([text]).clone().requires_grad_(requires_grad=True)
    solver = torch.optim.Adam([states], lr=0.05)
    for _ in range(rounds):
        solver.zero_grad()
        loss = ((sampler(states) - target) * weight).square().mean()
        loss.backward()
        solver.step()
    with torch.inference_mode():
        return states.detach(), sampler(states.detach())[0].numpy()


def attempt(lab, i, rounds=ROUNDS, descent=DESCENT):
    work, known, dice = painted(lab, i), calibration(lab), chance("prompt-optimisation", i)
    changed = {"steps": known.region.steps[0], "guidance": known.region.guidance[0]}
    cheat = stolen(lab, work, i, **changed)
    pipeline = lab.pooled.inner._pipeline(cheat.recipe)._pipeline
    own = gaussian(cheat.recipe.seed, cheat.recipe.shape)
    noise, target = torch.from_numpy(own[None].copy()), torch.from_numpy(latent_of(work).astype(np.float32))
    sampler = Sampler(pipeline, noise, changed["steps"], float(changed["guidance"]))
    weight = torch.from_numpy(1.0 / step_array(known.steps))
    text = climb(sampler, target, weight, dice, rounds)
    with torch.inference_mode(mode=False), torch.enable_grad():
        theirs = replace(sampler, noise=noise.clone())
        _, free = descend(theirs, target.clone(), weight.clone(), work.recipe.prompt.text, descent)
    figures = {}
    with torch.inference_mode():
        worded = sampler(sampler.states([text]))[0].numpy()
    for name, latent in (("words", worded), ("embedding", free)):
        figures |= {
            f"distance_{name}": cell_distance(latent, work.integers, known.steps),
            f"psnr_{name}": psnr(lab.pooled.inner.decode(work.recipe, latent), work.rgb),
            f"cosine_{name}": cosine(latent, latent_of(work)),
            f"whitened_{name}": whitened_cosine(latent, own, known.whitening),
        }
    adapter = Setup("HousePipeline", adapters=(Adapter("textual-inversion", "victim", bytes(32)),))
    forged = [
        stolen(lab, work, i, prompt=Prompt(text), **changed),
        stolen(lab, work, i, prompt=Prompt("victim"), setup=adapter, **changed),
    ]
    found = [judged(lambda each=each: lab.verify(each.sign(), pooled=True)) for each in forged]
    verdicts = [each.verdict for each in found]
    worst = min(range(2), key=lambda place: _WORSE.index(verdicts[place]))
    return Outcome(verdicts[worst], {**figures, "seconds_words": found[0].figures["seconds"]}, found[0].stopped)


THREAT = Threat(
    name="prompt-optimisation",
    title="Optimise the prompt, or its embedding, until the thief's seed makes the victim's picture",
    knowledge="the published file, the model with its gradients",
    budget=f"{ROUNDS * MUTANTS} pictures of prompts, {DESCENT} gradients through the sampler",
    method="hill climbing over the model's words; gradient descent on the text states, brought as an adapter; at the fewest steps and the weakest guidance that the calibration covers",
    kind="optimised",
    attempt=attempt,
    success=frozenset({"authentic", "consistent"}),
    edition=2,
)
