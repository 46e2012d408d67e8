"""A studio with a tiny model of any family, and verification by a regenerator that knows it."""

from datetime import UTC, datetime
from decimal import Decimal

from generator.create import Job, Studio
from generator.models import open_model
from generator.regenerate import open_regenerator
from generator.runtime import load_runtime
from ledger.local import open_ledger
from provenance.claim import Terms
from provenance.home import Home
from provenance.policy import default_policy
from provenance.recipe import Prompt
from provenance.verify import Depth, Request, verify
from tests.generator import tiny
from tests.support.forge import person


def studio(folder, family="sd1", *, model=None, **loading):
    master, credentials = person("ann")
    installed = open_model(str(model or tiny.model(family)))
    home = Home(folder / "config", folder / "data", folder / "state")
    home.make(home.data)
    ledger = open_ledger(str(folder / "data" / "ledger.db"), create=True)
    runtime = load_runtime(installed, device="cpu", **loading)
    return Studio(home, master, credentials, installed, runtime, ledger, lambda _shape: None, datetime.now(UTC))


def job(output, family="sd1", prompt="a cat by the sea", **changes):
    side = 8 * tiny.SIZE if family == "decoder-only" else 2 * tiny.SIZE
    honest = {
        "prompt": Prompt(prompt),
        "output": output,
        "width": side,
        "height": side,
        "steps": 4,
        "guidance": Decimal(3),
        "dtype": "auto",
        "seal_prompt": False,
        "anonymous": False,
        "terms": Terms(),
    }
    return Job(**{**honest, **changes})


def judge(data, *models, trust=None, depth=Depth.AUTO, **more):
    """The report by somebody who has these models and adapter files."""
    machine = open_regenerator([str(model) for model in models])
    request = Request(policy=trust or default_policy(), now=datetime.now(UTC), depth=depth, regenerator=machine, **more)
    return verify(data, request)
