"""A pack as an insight: asked, kept and served as those that came with the service are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, make_dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from service.insights.directory import Directory
from service.insights.fleet_table import FleetTable
from service.insights.insight import Context, Insight, Query
from service.insights.packs.model import Column, PackModel
from service.insights.packs.query import PackQuery
from service.insights.packs.values import PYTHON_TYPES, column_type
from service.insights.question import Question
from service.kql.template import Template
from service.table import TableSchema
from service.workspace.errors import QueryRejected
from service.workspace.protocol import Column as ResultColumn
from service.workspace.protocol import Result, TimeSpan


@dataclass(frozen=True)
class PackOptions:
    """What a question brings for the holes: values by parameter, and the IDs of the chosen jobs."""

    values: Mapping[str, Any] = field(default_factory=dict)
    jobs: tuple[str, ...] = ()


# What stands behind the query when it is shown for some jobs only.
_SLICES = {
    "JobId": Template("where JobId in~ {jobs:strings} // Cut from the answer for all jobs."),
    "job_id": Template("where job_id in~ {jobs:strings} // Cut from the answer for all jobs."),
}


class Pack(Insight[PackOptions, Any]):
    """One user's question.

    `chooses_jobs` says whether it can be asked of some jobs only, `filters_events` whether the
    filters on events reach its query, `names_jobs` whether its query has the chosen jobs in it.
    """

    shape = "table"
    own_columns = True
    options = PackOptions

    def __init__(self, model: PackModel, query: PackQuery, path: Path) -> None:
        self.model = model
        self.query = query
        self.path = path
        self.row = _row(model)

    @property
    def description(self) -> str:
        return self.model.description.strip() or self.title

    @property
    def fresh_for(self) -> timedelta | None:
        return self.model.fresh_for

    @property
    def names_jobs(self) -> bool:
        return "jobs" in self.query.holes

    @property
    def chooses_jobs(self) -> bool:
        return self.names_jobs or self.model.job_column is not None

    @property
    def filters_events(self) -> bool:
        return "events" in self.query.holes

    @property
    def the_slice(self) -> Template | None:
        """The stage that cuts the query's table for some jobs, `None` where nothing has to."""
        column = self.model.job_column
        return None if self.names_jobs or column is None else _SLICES[column]

    def values(self, given: Mapping[str, object]) -> dict[str, Any]:
        """A value for every parameter: what is given, as text or as it is, else the default.

        Raises `ValueError`, which names the parameter and says what is expected.
        """
        if unknown := given.keys() - {parameter.name for parameter in self.model.parameters}:
            raise ValueError(f"{min(unknown)}: {self.name} has no such parameter")
        values = {}
        for parameter in self.model.parameters:
            try:
                if parameter.name in given:
                    values[parameter.name] = parameter.read(given[parameter.name])
                elif parameter.default is None:
                    raise ValueError("expected a value; it has no default")
                else:
                    values[parameter.name] = parameter.default
            except ValueError as error:
                raise ValueError(f"{parameter.name}: {error}") from None
        return values

    def asked(
        self, given: Mapping[str, object], question: Question, directory: Directory
    ) -> PackOptions:
        """The options of one question, with the jobs that it is about.

        Raises `ValueError` as `values` does.
        """
        jobs = tuple(job.job_id for job in directory.chosen(question)) if self.names_jobs else ()
        return PackOptions(self.values(given), jobs)

    def queries(
        self, question: Question, options: PackOptions, schema: TableSchema
    ) -> Sequence[Query]:
        window = question.window
        kql = self.query.fill(question, schema, options.jobs, options.values)
        start = window.start - (self.model.look_back or timedelta(0))
        fresh_for = self.fresh_for.total_seconds() if self.fresh_for else None
        return [Query(kql, TimeSpan(start, window.end), self._read, fresh_for)]

    def answer(
        self, context: Context, options: PackOptions, *counted: Any
    ) -> Sequence[tuple[Any, Any]]:
        """The rows in the query's own order, each with its job, or `None` where it has none."""
        fleet: FleetTable = counted[0]
        column, question = self.model.job_column, context.question
        if column and (
            question.job_id is not None or question.filters.jobs or question.filters.apps
        ):
            fleet = fleet.chosen(context, column)
        return fleet.rows(context, lambda record: self.row(**record), column)

    def _read(self, result: Result) -> FleetTable:
        """The rows; `QueryRejected` where the query gives other columns than are declared."""
        # A workspace that never got any data does not even say which columns there would be.
        if result.columns and (
            differences := column_differences(self.model.columns, result.columns)
        ):
            raise QueryRejected(
                f"The pack {self.name} can't be answered: {differences[0][1]}; "
                f"run check on {self.path.name}."
            )
        return FleetTable.read(result)


def pack_of(model: PackModel, query: PackQuery, path: Path) -> Pack:
    """The insight; a class of its own, since that is where an insight has its name."""
    own = {
        "name": model.name,
        "title": model.title,
        "default_window": model.default_window,
        "columns": query.reads,
        "__module__": __name__,
    }
    made: type[Pack] = type("Pack", (Pack,), own)
    return made(model, query, path)


def column_differences(
    declared: Sequence[Column], found: Sequence[ResultColumn]
) -> list[tuple[int | None, str]]:
    """Where the query's columns are not those declared: the declared one's index, and what to do.

    The index is `None` for a column that is not declared.
    """
    types = {column.name: column_type(column.type) for column in found}
    names = {column.name for column in declared}
    differences: list[tuple[int | None, str]] = []
    for index, column in enumerate(declared):
        if column.name not in types:
            given = ", ".join(types) or "none"
            differences.append(
                (index, f"the query gives no column {column.name}; it gives {given}")
            )
        elif types[column.name] != column.type:
            given, wanted = types[column.name], column.type
            message = f"the query gives {column.name} as {given}, declared is {wanted}"
            differences.append((index, message))
    differences += [
        (None, f"the query gives {name}, which columns does not declare")
        for name in types
        if name not in names
    ]
    return differences


def _row(model: PackModel) -> type:
    """The dataclass of a row: the columns in the answer's order. KQL has nulls but in strings."""
    columns = [
        (
            column.name,
            PYTHON_TYPES[column.type]
            if column.type in ("string", "dynamic")
            else PYTHON_TYPES[column.type] | None,
        )
        for column in model.columns
    ]
    name = "".join(part.capitalize() for part in model.name.split("-"))
    return make_dataclass(name, columns, frozen=True, namespace={"__doc__": model.title})
