"""Whether a pack's query runs and gives the columns that the pack declares.

Microsoft's analyser knows every operator and column but runs nothing; the embedded workspace runs
the query, here over an empty store, but knows fewer operators. What only the latter refuses is a
warning: it works on Log Analytics.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from service.insights.packs.analyser import Analysis
from service.insights.packs.faults import Fault
from service.insights.packs.pack import PackOptions, column_differences
from service.insights.packs.query import sample_value
from service.insights.packs.reading import PackFile
from service.insights.question import Question
from service.kql.tokens import position, significant, tokenize
from service.records.store import Store, open_for_reading
from service.table import COLUMNS, TableSchema
from service.times import BINS, Window
from service.workspace.embedded import EmbeddedWorkspace
from service.workspace.errors import QueryRejected, WorkspaceError
from service.workspace.protocol import Column, Workspace

_DEADLINE = timedelta(seconds=60)
_UNSUPPORTED = re.compile(r"unsupported KQL construct '(?:\w+:)?([^']*)'")
_SYNTAX = re.compile(r"could not parse KQL at (\d+):\d+: (.*?)(?: expecting \{.*)?$", re.DOTALL)
_QUOTED = re.compile(r"""["']([A-Za-z_][A-Za-z0-9_]*)["']""")
_ORDERING = frozenset({"order", "sort", "top"})

_PERSONAL = (
    *("source", "target", "object", "identity", "user", "person", "member", "owner", "manager"),
    *("employee", "account", "principal", "actor", "initiat", "display", "upn", "mail", "email"),
)
"""What words begin with in the names of columns that tell who somebody is."""

_IMPERSONAL = re.compile(r"system|type$|kind$|_count$", re.IGNORECASE)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_QUESTION = Question(Window(_NOON - timedelta(days=1), _NOON, BINS["1h"]), _NOON)


@asynccontextmanager
async def empty_workspace() -> AsyncIterator[Workspace]:
    """An embedded workspace that has every column and no event."""
    with tempfile.TemporaryDirectory(prefix="provisioning-insights-") as folder:
        path = Path(folder, "empty.duckdb")
        Store.create_or_open(path, lambda: _NOON).close()
        connection = open_for_reading(path, memory_limit="256MB", threads=1)
        workspace = EmbeddedWorkspace(connection)
        try:
            yield workspace
        finally:
            await workspace.close()


async def check_pack(
    file: PackFile, workspace: Workspace, analysis: Analysis | None
) -> list[Fault]:
    """What is wrong with the query of a pack that could be read, by line.

    `analysis` is that of its sample, `None` where the analyser was not asked.
    """
    faults = [*_analysed(file, analysis)] if analysis else []
    if all(fault.warning for fault in faults):
        faults += await _run(file, workspace, sure=analysis is not None)
    return sorted({*faults, *_advice(file)})


def _advice(file: PackFile) -> Iterator[Fault]:
    query = file.pack.query
    if not query.names & _ORDERING:
        message = "kql: end it with order by, or rows may move between pages"
        yield file.fault(("kql",), message, warning=True)
    if not query.holes & {"from", "events"}:
        message = "kql: count from {from} to {to}, or from {events}; it does not name the window"
        yield file.fault(("kql",), message, warning=True)
    for index, metric in enumerate(file.pack.model.metrics):
        for label in filter(_seems_personal, metric.labels):
            message = (
                f"metrics[{index}].labels: {label} seems to tell who somebody is, and nobody's ID "
                "or name may be in a label; count them, or label by job, group or code"
            )
            yield file.fault(("metrics", index, "labels"), message, warning=True)


def _seems_personal(label: str) -> bool:
    words = [word.lower() for word in _WORD.findall(label)]
    return not _IMPERSONAL.search(label) and any(word.startswith(_PERSONAL) for word in words)


def _analysed(file: PackFile, analysis: Analysis) -> Iterator[Fault]:
    for found in analysis.diagnostics:
        message = f"kql: {found.message} ({found.code})"
        yield file.query_fault(found.line, message, warning=not found.severe)
    if analysis.columns:
        yield from _differences(file, analysis.columns)


async def _run(file: PackFile, workspace: Workspace, *, sure: bool) -> list[Fault]:
    """What the workspace finds. `sure` says that the analyser has nothing against the query."""
    pack = file.pack
    values = {item.name: sample_value(item) for item in pack.model.parameters}
    options = PackOptions(values, ("a", "b"))
    (query,) = pack.queries(_QUESTION, options, TableSchema())
    try:
        result = await workspace.query(query.kql, query.span, deadline=_DEADLINE)
    except QueryRejected as error:
        return [_rejected(file, str(error), sure=sure)]
    except WorkspaceError as error:
        return [file.fault(("kql",), f"kql: {error}")]
    return [] if sure else [*_differences(file, result.columns), *_wrong_case(file)]


def _rejected(file: PackFile, message: str, *, sure: bool) -> Fault:
    if unsupported := _UNSUPPORTED.search(message):
        words = re.findall("[A-Z][a-z]+", unsupported[1].removesuffix("Operator"))
        name = "-".join(words).lower() or unsupported[1]
        text = (
            f"kql: the embedded workspace does not know {name}, so the pack works on "
            "Log Analytics only; docs/kql.md has what both know"
        )
        return file.query_fault(_line_of(file, [name, name.partition("-")[0]]), text, warning=True)
    if sure:
        text = f"kql: the embedded workspace can't run it, Log Analytics can: {message}"
        return file.fault(("kql",), text, warning=True)
    if syntax := _SYNTAX.search(message):
        return file.query_fault(int(syntax[1]), f"kql: not KQL: {syntax[2]}; correct it")
    text = message.removeprefix("The query can't run: ").removeprefix("Binder Error: ")
    return file.query_fault(_line_of(file, _QUOTED.findall(message)), f"kql: {text}")


def _wrong_case(file: PackFile) -> Iterator[Fault]:
    """Names that only the embedded workspace takes for columns: it does not tell case apart."""
    columns = {name.lower(): name for name in COLUMNS}
    tokens = significant(tokenize(file.pack.query.text))
    around = zip(["", *(token.text for token in tokens)], tokens, strict=False)
    made = {token.text for token, following in pairwise(tokens) if following.text == "="}
    for before, token in around:
        column = columns.get(token.text.lower(), token.text) if token.kind == "name" else token.text
        if column != token.text and before != "." and token.text not in made:
            line, _ = position(file.pack.query.text, token.start)
            message = f"kql: KQL tells upper from lower case: {token.text} is {column} in the table"
            yield file.query_fault(line, message, warning=True)


def _line_of(file: PackFile, names: Sequence[str]) -> int:
    """The query's first line with one of these words, else its first."""
    text = file.pack.query.text
    for token in tokenize(text):
        if token.kind == "name" and token.text in names:
            return position(text, token.start)[0]
    return 1


def _differences(file: PackFile, columns: Sequence[Column]) -> Iterator[Fault]:
    for index, message in column_differences(file.pack.model.columns, columns):
        if index is None:
            yield file.fault(("columns",), f"columns: {message}; declare it or project it away")
        else:
            yield file.fault(("columns", index), f"columns: {message}; make them agree")
