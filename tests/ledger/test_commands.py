"""The group ``seedproof ledger``: every command is found, has an example, and none loads what it does not need."""

import importlib
import subprocess
import sys

import click
import pytest

from ledger.cli import _COMMANDS, ledger

HEAVY = "sqlalchemy,alembic,starlette,uvicorn,granian,msgspec,obstore,psycopg,torch,requests,httpx"


@pytest.mark.parametrize("name", sorted(_COMMANDS))
def test_every_command_is_there_with_an_example(name):
    command = ledger.get_command(click.Context(ledger), name)
    assert isinstance(command, click.Command)
    assert command.name == name
    if not isinstance(command, click.Group):
        assert command.epilog.startswith(f"Example: seedproof ledger {name}")


def test_an_unknown_command_is_none():
    assert ledger.get_command(click.Context(ledger), "../show") is None


def test_help_loads_neither_database_nor_web():
    script = f"""
import sys
from provenance.cli import main
try:
    main(["ledger", "--help"])
except SystemExit as end:
    print("exit", end.code)
print(*(m for m in {HEAVY!r}.split(",") if m in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    *_, code, heavy = done.stdout.splitlines()
    assert code == "exit 0"
    assert heavy == ""


def test_one_command_does_not_import_the_module_of_another(monkeypatch):
    asked = []
    original = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", lambda name, *rest: asked.append(name) or original(name, *rest))
    ledger.get_command(click.Context(ledger), "show")
    assert asked == ["ledger.cli_look"]
