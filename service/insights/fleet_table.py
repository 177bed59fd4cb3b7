"""A query's table for the whole fleet, held by column and in order.

Cycles of a month can be hundreds of thousands of rows. As Python objects they would take ten times
the memory, and hold the interpreter lock, and with it the event loop, whenever they are sorted or
let go of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, Self, TypeVar, overload

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from service.insights.directory import Job
from service.insights.insight import Context
from service.table import KqlType
from service.workspace.protocol import Result

Row = TypeVar("Row")
Record = dict[str, Any]

_TYPES: dict[KqlType, pa.DataType] = {
    "bool": pa.bool_(),
    "datetime": pa.timestamp("us", tz="UTC"),
    "dynamic": pa.binary(),
    "int": pa.int64(),
    "long": pa.int64(),
    "real": pa.float64(),
    "string": pa.string(),
    "timespan": pa.duration("us"),
}
_READ_AT_ONCE = 1000


class FleetTable:
    """Rows by column; dynamic values are kept as JSON and parsed when somebody looks."""

    def __init__(self, table: pa.Table, dynamic: frozenset[str]) -> None:
        self._table = table
        self._dynamic = dynamic

    @classmethod
    def read(cls, result: Result, order: Sequence[str] = ()) -> Self:
        """The result's rows, in the order of these columns, a `-` before those that descend.

        Without any, they stay in the order of the query. A workspace that never got any data does
        not even send columns: the table is then empty, whatever is asked of it.
        """
        schema = pa.schema([(column.name, _TYPES[column.type]) for column in result.columns])
        dynamic = frozenset(item.name for item in result.columns if item.type == "dynamic")
        table = pa.Table.from_batches(_batches(result, schema), schema).combine_chunks()
        if len(table) and order:
            keys = [
                (name.removeprefix("-"), "descending" if name.startswith("-") else "ascending")
                for name in order
            ]
            table = table.take(pc.sort_indices(table, sort_keys=keys))
        return cls(table, dynamic)

    @property
    def nbytes(self) -> int:
        return int(self._table.nbytes)

    def total(self, column: str) -> int:
        """The sum of a column of whole numbers."""
        return pc.sum(self._table[column]).as_py() or 0 if len(self) else 0

    def chosen(self, context: Context, column: str = "JobId") -> FleetTable:
        """The rows of the jobs that the question is about, in the same order."""
        if not len(self):
            return self
        jobs = pa.array([job.job_id for job in context.jobs()], pa.string())
        return FleetTable(self._table.filter(pc.is_in(self._table[column], jobs)), self._dynamic)

    def rows(
        self, context: Context, make: Callable[[Record], Row], column: str | None = "JobId"
    ) -> Sequence[tuple[Any, Row]]:
        """Every row with its job, `None` where it has none; each made when somebody looks."""
        return _Rows(self, context.directory.jobs, make, column)

    def records(self, start: int, end: int) -> list[Record]:
        """The rows from `start` up to `end`, by column name."""
        if not len(self):  # Without columns, PyArrow makes records of nothing.
            return []
        records: list[Record] = self._table.slice(start, end - start).to_pylist()
        for name in self._dynamic:
            for record in records:
                if record[name] is not None:
                    record[name] = orjson.loads(record[name])
        return records

    def __len__(self) -> int:
        return int(self._table.num_rows)


class _Rows(Sequence[tuple[Any, Row]], Generic[Row]):
    def __init__(
        self,
        table: FleetTable,
        jobs: Mapping[str, Job],
        make: Callable[[Record], Row],
        column: str | None,
    ) -> None:
        self._table = table
        self._jobs = jobs
        self._make = make
        self._column = column

    def __len__(self) -> int:
        return len(self._table)

    @overload
    def __getitem__(self, index: int) -> tuple[Any, Row]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[Any, Row]]: ...
    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, slice):
            (row,) = self[range(len(self))[index] :][:1]
            return row
        start, end, _ = index.indices(len(self))
        return [
            (self._jobs.get(record[self._column]) if self._column else None, self._make(record))
            for record in self._table.records(start, end)
        ]


def _batches(result: Result, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(result.rows), _READ_AT_ONCE):
        columns = zip(*result.rows[start : start + _READ_AT_ONCE], strict=True)
        arrays = [_array(column, field.type) for column, field in zip(columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_binary(kind):
        values = [None if value is None else orjson.dumps(value) for value in values]
    elif pa.types.is_floating(kind):  # a decimal is one too
        values = [None if value is None else float(value) for value in values]
    return pa.array(values, kind)
