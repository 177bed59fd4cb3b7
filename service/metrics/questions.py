"""What metrics show of answers that are queries of their own: skipped members, and packs.

Each is asked in the background once its answer is past its time, through the cache that people are
answered from. One that fails leaves the others alone, and keeps what it showed.
"""

from __future__ import annotations

import asyncio
import logging
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from service.insights.asking import Answered, Asking
from service.insights.directory import Directory
from service.insights.insight import Insight, NoOptions
from service.insights.packs.model import Metric
from service.insights.packs.pack import Pack
from service.insights.question import Question
from service.insights.skipped_members import SkippedMembers
from service.metrics.family import PREFIX, Family, Values, add
from service.times import Window, default_bin
from service.workspace.errors import WorkspaceError

log = logging.getLogger(__name__)

_AGAIN = 60.0
"""Seconds until what gave no answer is asked again."""

_AT_ONCE = 1000
"""Rows that are made at once: they let go of the interpreter lock in between."""


class Measured(Protocol):
    """An insight whose answer is shown as families."""

    @property
    def insight(self) -> Insight[Any, Any]: ...

    @property
    def fresh_for(self) -> timedelta | None:
        """How long its answer is not asked for again, where the service's setting does not suit."""

    def options(self, question: Question, directory: Directory) -> Any:
        """What the insight is asked with."""

    def families(self, rows: Sequence[tuple[Any, Any]], directory: Directory) -> Iterator[Family]:
        """The families of an answer, or, without rows and jobs, what they are called."""


@dataclass(frozen=True)
class Shown:
    """What is shown of one answer: `as_of` is `None` before the first one."""

    families: tuple[Family, ...]
    as_of: datetime | None = None
    success: bool = False
    expires: float = 0.0


class Questions:
    """Asks what is due, one after the other."""

    def __init__(
        self,
        asking: Asking,
        measured: Iterable[Measured],
        *,
        fresh_for: timedelta,
        max_window: timedelta,
        retention: timedelta,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._asking = asking
        self._measured = {each.insight.name: each for each in measured}
        self._fresh_for = fresh_for
        self._max_window = max_window
        self._retention = retention
        self._now = now
        self._monotonic = monotonic
        self._shown = {
            name: Shown(tuple(each.families((), Directory({}))))
            for name, each in self._measured.items()
        }

    @property
    def shown(self) -> Mapping[str, Shown]:
        """What is shown, by insight."""
        return self._shown

    async def renew(self) -> bool:
        """Asks what is past its time; what fails is asked again the next time.

        Returns whether there was anything.
        """
        before = self._shown
        self._shown = dict(before)
        for name, measured in self._measured.items():
            if self._monotonic() < self._shown[name].expires:
                continue
            try:
                self._shown[name] = await self._ask(measured)
            except WorkspaceError as error:
                log.warning("metrics of %s are not up to date: %s", name, error)
                self._fail(name)
            except Exception:
                # A pack is somebody's own: whatever it does, the others must be shown.
                log.exception("metrics of %s can't be made", name)
                self._fail(name)
        return self._shown != before

    def _fail(self, name: str) -> None:
        again = self._monotonic() + _AGAIN
        self._shown[name] = replace(self._shown[name], success=False, expires=again)

    async def _ask(self, measured: Measured) -> Shown:
        insight, now = measured.insight, self._now()
        length = min(insight.default_window, self._max_window)
        width = default_bin(length)
        window = Window(width.floor(now - length), width.ceil(now), width)
        question = Question(window, now)
        directory = await self._asking.directory()
        options = measured.options(question, directory)
        answered = await self._asking.ask(insight, question, options)
        retained = directory.since(now - self._retention)
        return await asyncio.to_thread(self._made, measured, answered, retained)

    def _made(self, measured: Measured, answered: Answered[Any], directory: Directory) -> Shown:
        fresh, fresh_for = answered.freshness, measured.fresh_for or self._fresh_for
        families = (
            replace(family, as_of=fresh.as_of, fresh_for=fresh_for)
            for family in measured.families(answered.rows, directory)
        )
        return Shown(tuple(families), fresh.as_of, not fresh.stale, fresh.expires)


class SkippedMembersMeasured:
    """How many members each job's groups lack."""

    insight = SkippedMembers()
    fresh_for = None

    def options(self, question: Question, directory: Directory) -> NoOptions:
        return NoOptions()

    def families(self, rows: Sequence[tuple[Any, Any]], directory: Directory) -> Iterator[Family]:
        samples: dict[Values, float] = {(job_id,): 0 for job_id in directory.jobs}
        for job, _ in _each(rows):
            add(samples, (job.job_id,), 1, operator.add)
        yield Family(
            f"{PREFIX}_skipped_members",
            "gauge",
            "Members that groups lack because their reference could not be resolved, of 10 days.",
            ("job_id",),
            samples,
            fold=operator.add,
        )


class PackMeasured:
    """The metrics that a pack declares; `declared` are those of them whose names are free."""

    def __init__(self, pack: Pack, declared: Sequence[Metric]) -> None:
        self.insight = pack
        self.fresh_for = pack.fresh_for
        self._declared = declared

    def options(self, question: Question, directory: Directory) -> Any:
        return self.insight.asked({}, question, directory)

    def families(self, rows: Sequence[tuple[Any, Any]], directory: Directory) -> Iterator[Family]:
        for metric in self._declared:
            samples: dict[Values, float] = {}
            left_out = 0
            for _, row in _each(rows):
                value = _value(getattr(row, metric.value))
                labels = tuple(_label(getattr(row, label)) for label in metric.labels)
                if value is None:
                    continue
                if labels in samples or len(samples) == metric.limit:
                    left_out += 1
                else:
                    samples[labels] = value
            yield Family(
                pack_family(metric),
                "gauge",
                metric.help,
                tuple(metric.labels),
                samples,
                open=tuple(metric.labels),
                folded=left_out,
            )


def measured_packs(packs: Iterable[Pack]) -> Iterator[PackMeasured]:
    """The packs with metrics. Of two families with one name, the first one's pack has it."""
    owners: dict[str, str] = {}
    for pack in packs:
        declared = []
        for metric in pack.model.metrics:
            owner = owners.setdefault(metric.name, pack.name)
            if owner == pack.name:
                declared.append(metric)
            else:
                log.warning(
                    "%s is a metric of the packs %s and %s; only the first one's is shown",
                    pack_family(metric),
                    owner,
                    pack.name,
                )
        if declared:
            yield PackMeasured(pack, declared)


def pack_family(metric: Metric) -> str:
    """The whole name of a pack's family."""
    return f"{PREFIX}_pack_{metric.name}"


def _each(rows: Sequence[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    for start in range(0, len(rows), _AT_ONCE):
        yield from rows[start : start + _AT_ONCE]


def _value(value: Any) -> float | None:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return int(value) if isinstance(value, bool) else value


def _label(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
