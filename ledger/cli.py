"""``seedproof ledger``: the group of all that has to do with logs. ``publish`` is in :mod:`ledger.cli_publish`."""

from __future__ import annotations

import importlib

import click

from ledger.cli_publish import publish

__all__ = ["ledger", "publish"]

_COMMANDS = {
    "api-key": "ledger.cli_apikey:api_key",
    "backup": "ledger.cli_operate:backup",
    "find": "ledger.cli_look:find",
    "fsck": "ledger.cli_operate:fsck",
    "monitor": "ledger.cli_watch:monitor",
    "move-tiles": "ledger.cli_tiles:move_tiles",
    "restore": "ledger.cli_operate:restore",
    "rotate-key": "ledger.cli_operate:rotate_key",
    "serve": "ledger.cli_serve:serve",
    "show": "ledger.cli_look:show",
    "stamp": "ledger.cli_look:stamp",
    "tsa": "ledger.cli_tsa:tsa",
    "witness": "ledger.cli_witness:witness",
}
"""Name of a command -> module:function. Its module must import quickly: the help of the group loads them all."""


class _Lazy(click.Group):
    """Imports the module of a command only when it is asked for: one that is started must not load the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(cls=_Lazy, epilog="Example: seedproof ledger show --ledger gallery.db")
def ledger() -> None:
    """Serve a log, look into logs, check and keep them."""
