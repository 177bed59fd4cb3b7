"""The tables of knowledge as one page of Markdown, which `docs/errors.md` holds."""

from __future__ import annotations

from collections.abc import Iterable

from service.insights.knowledge import tables
from service.insights.knowledge.tables import ErrorKnowledge

_HEAD = """\
# Error codes, skip reasons and quarantine reasons

Made by `python -m service.insights.knowledge > docs/errors.md` from the tables in
`service/insights/knowledge`; change those. The service puts the same words beside each code in
`/failures` and each reason in `/skips`.

A code is looked up with its case (`Timeout` comes from an application, `TimeOut` from cloud sync).
Connectors put their name in front of a code, so the longest known ending counts:
`FabrikamEntryConflict` is explained as `EntryConflict`. *Retried* is empty where no public source
says.
"""


def errors_page() -> str:
    """Markdown with a table for each kind of code and reason; the same for the same data."""
    areas = dict.fromkeys(error.area for error in tables.errors())
    return "\n".join(
        (
            _HEAD,
            *(
                _section(
                    f"Error codes: {area}",
                    ("Code", "Meaning", "What to do", "Category", "Owner", "Retried"),
                    (_error_row(error) for error in tables.errors() if error.area == area),
                )
                for area in areas
            ),
            _section(
                "Skip reasons",
                ("Reason", "Benign", "Meaning", "What to do"),
                (
                    (f"`{skip.reason}`", "yes" if skip.benign else "no", skip.meaning, skip.action)
                    for skip in tables.skips()
                ),
            ),
            _section(
                "Quarantine reasons",
                ("Reason", "Meaning", "What to do"),
                (
                    (_names(f"`{known.reason}`", known.aliases), known.meaning, known.action)
                    for known in tables.quarantines()
                ),
            ),
        )
    )


def _error_row(error: ErrorKnowledge) -> tuple[str, ...]:
    retried = {None: "", True: "yes", False: "no"}[error.retried_automatically]
    if error.retry_minutes is not None:
        retried = f"after {error.retry_minutes} min"
    return (
        _names(f"[`{error.code}`]({error.docs})", error.aliases),
        error.meaning,
        error.action,
        error.category,
        error.owner,
        retried,
    )


def _names(name: str, aliases: Iterable[str]) -> str:
    return "<br>".join((name, *(f"also `{alias}`" for alias in aliases)))


def _section(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(columns)
    lines = (head, ("---",) * len(head), *rows)
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"## {title}\n\n{table}\n"
