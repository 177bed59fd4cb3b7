"""How a store fails to be used, and which of DuckDB's errors mean which of it.

StoreError
├── StoreMissing
├── StoreLocked
├── StoreDamaged
└── NotAStore
"""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

_HOLDER = re.compile(r"PID (\d+)")


class StoreError(Exception):
    """The store can't be used; the text is one sentence that says why."""


class StoreMissing(StoreError):
    """There is no file."""


class StoreLocked(StoreError):
    """Another process writes the store, or reads it while this one wants to write."""


class StoreDamaged(StoreError):
    """The file is a store that can't be read to its end."""


class NotAStore(StoreError):
    """The file is something else."""


def translated(error: duckdb.Error, path: Path) -> StoreError:
    """The error as the caller of a store should see it."""
    text = str(error)
    lowered = text.lower()
    if "conflicting lock" in lowered or "could not set lock" in lowered:
        holder = _HOLDER.search(text)
        who = f"process {holder[1]}" if holder else "another process"
        return StoreLocked(f"{path}: {who} has the store open; stop it or name another file.")
    if "no space left" in lowered or "disk quota" in lowered or "max_temp_directory" in lowered:
        return StoreError(f"{path}: the disk is full; make room and import again.")
    if "could not write" in lowered or "file too large" in lowered:
        return StoreError(f"{path}: the store can't be written ({_first_line(text)}).")
    if "not a valid duckdb" in lowered:
        return NotAStore(f"{path}: this file is not a store; name another file.")
    if "permission denied" in lowered or "read-only file system" in lowered:
        return StoreError(f"{path}: the store may not be opened or written here.")
    if isinstance(error, duckdb.OutOfMemoryException):
        return StoreError(f"{path}: not enough memory for this; raise the memory limit.")
    return StoreDamaged(
        f"{path}: the store is damaged ({_first_line(text)}); restore it or import anew."
    )


def _first_line(text: str) -> str:
    return (text.splitlines() or ["no reason given"])[0][:160]
