"""The command ``seedproof``: its root, and how commands of other packages join it.

Commands that need the protocol alone are ours; ``generator`` and ``ledger`` add theirs under the entry-point group
``seedproof.commands``. Nothing is imported before the command that needs it is called.
"""

from __future__ import annotations

import importlib
import sys
from difflib import get_close_matches
from importlib.metadata import entry_points, version
from typing import TYPE_CHECKING, Any

import click

from provenance.errors import InterruptedFault, SeedproofError
from provenance.terminal import fail, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main", "seedproof"]

_OWN = {
    "keys": ("provenance.cli_keys", "keys"),
    "verify": ("provenance.cli_verify", "verify"),
    "inspect": ("provenance.cli_verify", "inspect"),
    "lineage": ("provenance.cli_lineage", "lineage"),
    "challenge": ("provenance.cli_challenge", "challenge"),
    "respond": ("provenance.cli_challenge", "respond"),
    "check": ("provenance.cli_challenge", "check"),
    "claim": ("provenance.cli_claim", "claim"),
    "dispute": ("provenance.cli_dispute", "dispute"),
    "disclose": ("provenance.cli_challenge", "disclose"),
}
_GROUP = "seedproof.commands"
_INTERRUPTED = 130


class _Root(click.Group):
    """Finds commands by name and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted({*_OWN, *(point.name for point in entry_points(group=_GROUP))})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name in _OWN:
            module, attribute = _OWN[cmd_name]
            command: click.Command = getattr(importlib.import_module(module), attribute)
            return command
        for point in entry_points(group=_GROUP, name=cmd_name):
            loaded: click.Command = point.load()
            return loaded
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with the nearest name where there is none such."""
        wanted = args[0]
        if not wanted.startswith("-") and self.get_command(ctx, wanted) is None:
            near = get_close_matches(wanted, self.list_commands(ctx), n=1)
            ctx.fail(f"no such command: {wanted!r:.60}" + "".join(f"; did you mean {name}?" for name in near))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; Ctrl-C becomes an error of ours, since click would write an empty line of its own."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise InterruptedFault("interrupted; no file was left half-written") from error


@click.group(cls=_Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(version("seedproof"), prog_name="seedproof")
def seedproof() -> None:  # click wants the backspace character itself
    """Prove that you made a generated picture without giving away the secret; let anybody check by making it again.

    \b
    Start here:
      seedproof keys new
      seedproof create "a lavender field at sunset" -o lavender.png
      seedproof verify lavender.png
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Errors are one line on stderr; the exit code tells which kind (docs/report.md)."""
    try:
        code = seedproof.main(args=arguments, prog_name="seedproof", standalone_mode=False)
    except SeedproofError as error:
        fail(str(error))
        code = error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        code = 2
    except click.UsageError as error:
        hint = f" (see: {error.ctx.command_path} --help)" if error.ctx else ""
        fail(error.format_message() + hint)
        code = 2
    except click.ClickException as error:
        fail(error.format_message())
        code = 2
    except (KeyboardInterrupt, click.Abort):
        fail("interrupted; no file was left half-written")
        code = _INTERRUPTED
    except ImportError as error:
        fail(f"this installation is damaged: {error}; install seedproof again")
        code = 4
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    except OSError as error:
        fail(printable(f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")))
        code = 4
    except MemoryError:
        fail("out of memory; a smaller --size or a smaller file would fit")
        code = 4
    sys.exit(code if isinstance(code, int) else 0)
