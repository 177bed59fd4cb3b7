"""What every command of the command line is made of."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Protocol


class UsageError(Exception):
    """The command was called wrongly: one line that says what to change; exit code 2."""


class CommandError(Exception):
    """The command was right but could not be done: one line that says why; exit code 1."""


class Command(Protocol):
    """A module in `service.cli` that is one command; its docstring's first line is its help."""

    def configure(self, parser: ArgumentParser) -> None:
        """Declares the command's arguments."""

    def run(self, arguments: Namespace) -> None:
        """Does it; raises `UsageError` or `CommandError`."""
