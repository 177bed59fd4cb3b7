"""What an insight is: a question, the KQL that counts for the fleet, and the answer's rows."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Generic, Literal, TypeVar

from service.insights.activity.keeper import Activity
from service.insights.directory import Directory, Job
from service.insights.question import Question
from service.kql.template import Kql, Template
from service.table import TableSchema
from service.workspace.protocol import Result, TimeSpan

_THE_SLICE = Template(
    "where JobId in~ {jobs:strings} // The service asks for all jobs at once and cuts this from it."
)

Options = TypeVar("Options")
Row = TypeVar("Row")


@dataclass(frozen=True)
class NoOptions:
    """The options of an insight that has none."""


@dataclass(frozen=True)
class Query:
    """One query for the whole fleet, and how its table is kept between questions.

    `read` runs in a thread. What it returns is shared by all questions and must not be changed.
    """

    kql: Kql
    span: TimeSpan
    read: Callable[[Result], Any]
    fresh_for: float | None = None
    """Seconds after which it is asked again, where the service's setting does not suit."""


@dataclass(frozen=True)
class FromActivity:
    """Counts that are cut from activity without asking the workspace.

    `kql` is the query that would count the same, for whoever wants to see it. `cut` runs in a
    thread.
    """

    kql: Kql
    span: TimeSpan
    cut: Callable[[Activity], Any]


@dataclass(frozen=True)
class Context:
    """What a question is answered in: the jobs there are."""

    question: Question
    directory: Directory

    def jobs(self) -> Iterator[Job]:
        """The jobs that the question is about, by ID."""
        return self.directory.chosen(self.question)


Shape = Literal["table", "series", "object"]
"""How an answer looks: rows, rows that are series over time, or one object."""


class Insight(ABC, Generic[Options, Row]):
    """One question that can be asked of provisioning logs.

    `row` is the dataclass of one row of the answer; on fleet routes a row also names its job,
    unless the insight has its `own_columns`.
    `columns` are those of `insights.columns` that its KQL reads.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    default_window: ClassVar[timedelta]
    shape: ClassVar[Shape] = "table"
    columns: ClassVar[tuple[str, ...]] = ()
    own_columns: ClassVar[bool] = False
    row: type
    options: type[Options]

    @property
    def description(self) -> str:
        """The question in words: the first line of the insight's module."""
        return (sys.modules[type(self).__module__].__doc__ or self.title).partition("\n")[0]

    def reads(self, options: Options) -> tuple[str, ...]:
        """The columns that an answer with these options cannot be whole without."""
        return self.columns

    @property
    def the_slice(self) -> Template | None:
        """The stage that cuts the query's table for some jobs, `None` where nothing has to."""
        return _THE_SLICE

    @abstractmethod
    def queries(
        self, question: Question, options: Options, schema: TableSchema
    ) -> Sequence[Query | FromActivity]:
        """Where the answer is made from, the insight's own query first."""

    @abstractmethod
    def answer(
        self, context: Context, options: Options, *counted: Any
    ) -> Sequence[tuple[Job | None, Row]]:
        """The rows with their jobs, in the order of the contract; `None` is the whole fleet.

        `counted` is what the queries' `read` and `cut` made, in their order. Runs in a thread.
        """

    def begin(self, options: Options, position: str | None, limit: int) -> Options:
        """The options for one page; for insights whose query reads no more than that."""
        return options

    def page(
        self,
        rows: Sequence[tuple[Job | None, Row]],
        options: Options,
        position: str | None,
        limit: int,
    ) -> tuple[Sequence[tuple[Job | None, Row]], str | None]:
        """One page of the answer's rows, and where the next one begins, `None` on the last."""
        offset = int(position or 0)
        end = offset + limit
        return rows[offset:end], str(end) if end < len(rows) else None


def span(question: Question) -> TimeSpan:
    return TimeSpan(question.window.start, question.window.end)
