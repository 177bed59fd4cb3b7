"""From a code or a reason, as a log shows it, to what is known of it."""

from __future__ import annotations

from functools import cache

from service.insights.knowledge import tables
from service.insights.knowledge.tables import (
    ErrorKnowledge,
    QuarantineKnowledge,
    SkipKnowledge,
)


def error_knowledge(code: str) -> ErrorKnowledge | None:
    """What is known of an error code, with its case: `Timeout` and `TimeOut` are two codes.

    Connectors put their name in front, so the longest ending that is a known code or alias counts
    (`FabrikamEntryConflict` is an `EntryConflict`). Known codes begin with a capital letter, so an
    ending is always whole words. None for an unknown or empty code.
    """
    known = _errors_by_name()
    for start in range(max(0, len(code) - _longest_name()), len(code)):
        if found := known.get(code[start:]):
            return found
    return None


def skip_knowledge(reason: str) -> SkipKnowledge | None:
    """What is known of a skip reason, with its case; None for an unknown or empty one.

    An error code may stand there too; such a skip is benign where nobody has to act on the code.
    """
    known = next((skip for skip in tables.skips() if skip.reason == reason), None)
    if known is None and (error := error_knowledge(reason)):
        return SkipKnowledge(reason, error.owner == "nobody", error.meaning, error.action)
    return known


def quarantine_knowledge(reason: str) -> QuarantineKnowledge | None:
    """What is known of a quarantine reason or its other spelling; None for an unknown one."""
    return next(
        (known for known in tables.quarantines() if reason in (known.reason, *known.aliases)), None
    )


@cache
def _errors_by_name() -> dict[str, ErrorKnowledge]:
    return {name: error for error in tables.errors() for name in (error.code, *error.aliases)}


@cache
def _longest_name() -> int:
    return max(map(len, _errors_by_name()))
