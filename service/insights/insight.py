"""What an insight is: a question, the KQL that counts for the fleet, and the answer's rows."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Generic, Literal, TypeVar

from service.insights.directory import Directory, Job
from service.insights.question import Question
from service.kql.template import Kql
from service.table import TableSchema
from service.workspace.protocol import Result, TimeSpan

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

    `row` is the dataclass of one row of the answer; on fleet routes a row also names its job.
    `columns` are those of `insights.columns` that its KQL reads, and those of the table that it
    reads as they are.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    default_window: ClassVar[timedelta]
    shape: ClassVar[Shape] = "table"
    columns: ClassVar[tuple[str, ...]] = ()
    row: type
    options: type[Options]

    @property
    def description(self) -> str:
        """The question in words: the first line of the insight's module."""
        return (sys.modules[type(self).__module__].__doc__ or self.title).partition("\n")[0]

    def reads(self, options: Options) -> tuple[str, ...]:
        """The columns that an answer with these options cannot be whole without."""
        return self.columns

    @abstractmethod
    def queries(self, question: Question, options: Options, schema: TableSchema) -> Sequence[Query]:
        """The queries whose tables the answer is made from, the insight's own first."""

    @abstractmethod
    def answer(
        self, context: Context, options: Options, *counted: Any
    ) -> Sequence[tuple[Job, Row]]:
        """The rows with their jobs, in the order of the contract.

        `counted` is what the queries' `read` made, in their order. Runs in a thread.
        """


def span(question: Question) -> TimeSpan:
    return TimeSpan(question.window.start, question.window.end)


def by_job(result: Result, row: Callable[[dict[str, Any]], Any]) -> Mapping[str, list[Any]]:
    """A table's rows by job ID, each made by `row` from its values by name."""
    jobs: dict[str, list[Any]] = {}
    for record in result.records():
        jobs.setdefault(record["JobId"], []).append(row(record))
    return jobs
