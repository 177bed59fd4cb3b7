"""What an import tells while it runs, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Refusal:
    """A record that could not be read."""

    path: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


@dataclass(frozen=True)
class Unreadable:
    """A file that could not be read, or not to its end."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class Summary:
    """What an import came to: `read` is `added`, `already_there` and `refused` together."""

    read: int
    added: int
    already_there: int
    refused: int
    first_event: datetime | None
    """Of the rows that were read, in UTC; None without rows."""
    last_event: datetime | None
    jobs: int
    files: int
    unreadable: tuple[Unreadable, ...]


class Reporter(Protocol):
    """Is told how an import goes."""

    def begin(self, files: int, size: int) -> None:
        """Reading begins: so many files, so many bytes as they lie on the disk."""

    def advance(self, done: int, records: int) -> None:
        """So many bytes have been read by now, and so many records."""

    def refused(self, refusal: Refusal) -> None:
        """A record could not be read."""

    def unreadable(self, unreadable: Unreadable) -> None:
        """A file could not be read, or not to its end."""

    def end(self) -> None:
        """Everything is in the store."""


class Silent:
    """A reporter that keeps quiet."""

    def begin(self, files: int, size: int) -> None:
        pass

    def advance(self, done: int, records: int) -> None:
        pass

    def refused(self, refusal: Refusal) -> None:
        pass

    def unreadable(self, unreadable: Unreadable) -> None:
        pass

    def end(self) -> None:
        pass
