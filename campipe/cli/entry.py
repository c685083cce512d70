"""The entry of the command `campipe`: what goes wrong becomes one line on stderr and an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import typer

from campipe.core.errors import CampipeError

BAD_INPUT, INTERRUPTED = 2, 130

_USAGE_ERROR: Any = typer.BadParameter.__mro__[1]  # click's, which newer releases of typer carry inside
_AGAIN = "run the same command again and it goes on where it stopped"
_GO_ON = {"synth": _AGAIN, "train": _AGAIN}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and leave with its status: 0, 2 for input that cannot be used, 130 when interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = _run(words)
    except BrokenPipeError:
        # The reader of our output went away; Python would complain once more while it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    except KeyboardInterrupt:
        status = _complain("", "stopped before anything was done", INTERRUPTED)
    sys.exit(status)


def _run(words: list[str]) -> int:
    from campipe.cli.training import app

    command = next((word for word in words if not word.startswith("-")), "")
    try:
        done = app(words or ["--help"], prog_name="campipe", standalone_mode=False)
        status = done if isinstance(done, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except typer.Exit as leave:
        status = leave.exit_code
    except _USAGE_ERROR as error:
        known = command in {entry.name or entry.callback.__name__ for entry in app.registered_commands if entry.callback}
        hint = f"campipe {command} --help" if known else "campipe --help"
        return _complain(command if known else "", f"{error.format_message().rstrip('.')} (see {hint})")
    except CampipeError as error:
        return _complain(command, str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _complain(command, f"{place}{error.strerror or error}; choose another place or free some space")
    except MemoryError:
        return _complain(command, "there is not enough memory for this; use a smaller picture, or fewer workers")
    # Releases of typer differ in what they make of Ctrl-C: an Abort, or this status.
    if status == INTERRUPTED:
        return _complain(command, f"stopped; {_GO_ON.get(command, 'run the same command again to do it from the start')}", INTERRUPTED)
    return status


def _complain(command: str, message: str, status: int = BAD_INPUT) -> int:
    line = " ".join(message.split())
    sys.stderr.write(f"campipe{' ' if command else ''}{command}: {line}\n")
    return status
