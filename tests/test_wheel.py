"""A wheel built from the repository and installed into an empty environment does the main job, also without a checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_wheel_holds_data_model_and_migrations_and_nothing_else(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", tmp_path, ROOT],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "provenance/data/normal-quantiles.f32",
        "provenance/data/policy.json",
        "generator/house/model/model_index.json",
        "generator/house/model/unet/diffusion_pytorch_model.safetensors",
        "generator/data/prompts.txt",
        "ledger/migrations/env.py",
        "provenance/py.typed",
    ):
        assert needed in names, needed
    assert any(name.startswith("provenance/data/calibrations/") for name in names)
    assert any(name.startswith("ledger/migrations/versions/") for name in names)
    assert "ledger/migrations/__init__.py" not in names
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"provenance", "generator", "ledger"}


@pytest.mark.slow
def test_the_installed_wheel_does_the_main_job():
    done = subprocess.run(
        ["sh", ROOT / "tools" / "wheel_test.sh", sys.executable], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "AUTHENTIC" in done.stdout
