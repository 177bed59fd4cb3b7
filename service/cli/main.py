"""Finds the command, runs it, and turns its errors into one line and an exit code."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import NoReturn, cast

from service.cli.command import Command, CommandError, UsageError

PROGRAM = "provisioning-insights"

_COMMANDS = {
    "serve": "service.cli.serve",
    "import": "service.cli.import_records",
    "generate": "service.cli.generate",
    "kql": "service.cli.kql",
    "check": "service.cli.check",
    "doctor": "service.cli.doctor",
    "openapi": "service.cli.openapi",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code."""
    parser = _Parser(prog=PROGRAM, description="Answers over Microsoft Entra provisioning logs.")
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {version('provisioning-insights')}"
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
    for name, module_name in _COMMANDS.items():
        module = import_module(module_name)
        summary = (module.__doc__ or "").partition("\n")[0]
        subparser = subparsers.add_parser(name, help=summary, description=summary)
        command = cast(Command, module)
        command.configure(subparser)
        subparser.set_defaults(run=command.run)
    try:
        given = parser.parse_args(arguments)
        given.run(given)
    except UsageError as error:
        return _fail(error, 2)
    except CommandError as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return 130
    return 0


class _Parser(ArgumentParser):
    """Wrong usage is one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def _fail(error: Exception, code: int) -> int:
    sys.stderr.write(f"{PROGRAM}: {error}\n")
    return code
