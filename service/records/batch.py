"""Rows as one Arrow table: how they travel between processes and into the store."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from service.records.row import Row
from service.table import COLUMNS, KqlType

ID_KEY = "_IdKey"
CONTENT_KEY = "_ContentKey"

_TYPES: dict[KqlType, pa.DataType] = {
    "datetime": pa.timestamp("us"),
    "long": pa.int64(),
    "real": pa.float64(),
    "string": pa.string(),
}

SCHEMA = pa.schema(
    [(name, _TYPES[kind]) for name, kind in COLUMNS.items()]
    + [(ID_KEY, pa.uuid()), (CONTENT_KEY, pa.uuid())]
)
"""The columns of a row, then its two keys: of its ID (null without one) and of its content."""


def table_of(rows: Sequence[Row]) -> pa.Table:
    """The rows as a table of `SCHEMA`."""
    if not rows:
        return SCHEMA.empty_table()
    columns = []
    for field, values in zip(SCHEMA, zip(*rows, strict=True), strict=True):
        if field.type == pa.uuid():
            keys = pa.array(values, type=pa.binary(16))
            columns.append(pa.ExtensionArray.from_storage(pa.uuid(), keys))
        else:
            columns.append(pa.array(values, type=field.type))
    return pa.table(columns, schema=SCHEMA)
