"""Each query that the routes send by default, against the same answer by hand-written SQL.

Both run on the same connection to the same store and must give the same rows. Ours is the way of a
question that no cache knows: the KQL through the embedded workspace, typed rows out. Translations
are kept by text, so they are no part of the ratio but told beside it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.data import DAYS, SMALL, Data
from benchmarks.figure import Aim, Figure, in_turns
from benchmarks.sql import ANSWERS
from service.insights.catalogue import INSIGHTS
from service.insights.question import Question
from service.kql.template import Kql
from service.records.store import open_for_reading
from service.settings import Settings
from service.table import TableSchema
from service.times import BINS, Window
from service.workspace.embedded import EmbeddedWorkspace
from service.workspace.embedded.translation import translate
from service.workspace.protocol import TimeSpan

AIM = Aim("at most", 1.5)
_DEADLINE = timedelta(minutes=5)


@dataclass(frozen=True)
class Asked:
    """One query as a route sends it; `name` is its key among the hand-written answers."""

    name: str
    window: str
    kql: Kql
    span: TimeSpan


def figures(data: Data, *, quick: bool) -> Iterator[Figure]:
    """One figure for each query, on 2 million events (`quick`: a few)."""
    settings = Settings()
    connection = open_for_reading(
        data.store(SMALL if quick else 2_000_000),
        memory_limit=f"{settings.embedded_memory}B",
        threads=settings.embedded_threads,
    )
    workspace = EmbeddedWorkspace(connection)
    by_hand = connection.cursor()
    with asyncio.Runner() as runner:
        # Not `runner.run`: its handling of Ctrl-C writes out the whole result as text.
        run = runner.get_loop().run_until_complete
        for asked in questions(data.end):
            span = {
                name: instant.astimezone(UTC).replace(tzinfo=None)
                for name, instant in (("start", asked.span.start), ("end", asked.span.end))
            }

            def ours(asked: Asked = asked) -> list[tuple[Any, ...]]:
                query = workspace.query(asked.kql, asked.span, deadline=_DEADLINE)
                return run(query).rows

            def theirs(
                sql: str = ANSWERS[asked.name], span: Mapping[str, datetime] = span
            ) -> list[tuple[Any, ...]]:
                return by_hand.execute(sql, dict(span)).fetchall()

            _check_same(asked.name, ours(), theirs())
            sides = in_turns(ours, theirs, rounds=1 if quick else 7)
            yield Figure(
                f"query {asked.name}, {asked.window}",
                "KQL through the embedded workspace",
                "the same rows by hand-written SQL",
                sides.ratio,
                AIM,
                f"{sides.first * 1e3:.0f} ms, {sides.second * 1e3:.0f} ms; "
                f"translation once {_translation_seconds(asked.kql) * 1e3:.0f} ms",
            )
        run(workspace.close())


def questions(now: datetime) -> list[Asked]:
    """All queries of all routes, each once: with their default windows, and over all events."""
    schema, day = TableSchema(), BINS["1d"]
    found: list[Asked] = []
    for name, insight in INSIGHTS.items():
        for length in (insight.default_window, timedelta(DAYS)):
            width = BINS["1h"] if length <= timedelta(days=3) else day
            window = Window(width.floor(now - length), width.ceil(now), width)
            queries = insight.queries(Question(window, now), insight.options(), schema)
            parts = _PARTS.get(name, (name,))
            found += [
                Asked(part, _shown(query.span), query.kql, query.span)
                for part, query in zip(parts, queries, strict=True)
                if part in ANSWERS
            ]
    return list({asked.kql: asked for asked in found}.values())


_PARTS = {
    "jobs": ("counts", "rhythm"),
    "job": ("counts", "rhythm", "latest cycles"),
    "silence": ("rhythm",),
}


def _shown(span: TimeSpan) -> str:
    hours = (span.end - span.start) // timedelta(hours=1)
    return f"{hours} h" if hours <= 72 else f"{hours // 24} d"


def _translation_seconds(kql: Kql) -> float:
    started = time.perf_counter()
    translate(kql.text, TableSchema())
    return time.perf_counter() - started


def _check_same(name: str, ours: list[tuple[Any, ...]], by_hand: list[tuple[Any, ...]]) -> None:
    """Raises `AssertionError` where the two answers differ in anything but order."""
    typed = [tuple(_in_utc(value) for value in row) for row in by_hand]
    assert ours, f"{name}: no rows, nothing is measured"
    assert sorted(ours) == sorted(typed), f"{name}: the KQL and the SQL give different rows"


def _in_utc(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
