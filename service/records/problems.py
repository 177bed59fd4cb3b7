"""What can go wrong with records: one record, one file, what was asked for."""

from __future__ import annotations


class RecordError(Exception):
    """One record can't be read; the text says why and is shown behind `file:line:`."""


class UnknownShapeError(RecordError):
    """It is no record of any log, as far as can be told."""


class FileError(Exception):
    """One file can't be read as provisioning logs; the text says why."""


class MissingPathError(Exception):
    """A path or pattern that was asked for leads to no file; the text names it."""
