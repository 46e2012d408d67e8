"""A studio with the real house model, a keystore's worth of secrets and an empty log, in a temporary home."""

import functools
from datetime import UTC, datetime
from decimal import Decimal

from generator.create import Job, Studio
from generator.models import house_model
from generator.runtime import load_runtime
from ledger.local import open_ledger
from provenance.claim import Terms
from provenance.home import Home
from provenance.policy import default_policy
from provenance.recipe import Prompt
from tests.support.forge import fewest_steps, person


@functools.cache
def runtime():
    return load_runtime(house_model(), device="cpu")


def studio(folder, name="ann"):
    master, credentials = person(name)
    model = house_model()
    home = Home(folder / "config", folder / "data", folder / "state")
    home.make(home.data)
    trust = default_policy().models[model.identity.digest]

    def steps(shape):
        calibration = trust.calibration(shape)
        return calibration.steps if calibration else None

    ledger = open_ledger(str(folder / "data" / "ledger.db"), create=True)
    return Studio(home, master, credentials, model, runtime(), ledger, steps, datetime.now(UTC))


def job(output, prompt="a calm lake at dawn", **changes):
    honest = {
        "prompt": Prompt(prompt),
        "output": output,
        "width": 128,
        "height": 128,
        "steps": fewest_steps(),
        "guidance": Decimal(2),
        "dtype": "float32",
        "seal_prompt": False,
        "anonymous": False,
        "terms": Terms(),
    }
    return Job(**{**honest, **changes})
