"""What may stand in a pack: its keys, their types, and what must fit together."""

from __future__ import annotations

import keyword
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from service.insights.packs.values import (
    JSON_SCHEMAS,
    ColumnType,
    ParameterType,
    shown,
    value_of,
)

_COMMON_PARAMETERS = frozenset(
    {"window", "from", "to", "bin", "format", "limit", "cursor", "job_id", "app", "action"}
    | {"result", "error_code", "identity_type", "operation"}
)

_JOB_COLUMNS = frozenset({"JobId", "job_id"})
_LONGEST = timedelta(days=90)

_SAMPLE_ENDINGS = frozenset(
    {"total", "bucket", "sum", "count", "gsum", "gcount", "info", "created"}
)
"""What OpenMetrics puts behind the names of other metrics than gauges."""

_RESERVED_LABELS = frozenset({"le", "quantile"})
_TARGET_LABELS = frozenset({"job", "instance"})


def _duration(given: object) -> object:
    return value_of(given, "timespan")


def _named(key: str, given: object, kind: Any) -> Any:
    try:
        return value_of(given, kind)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _at_most(longest: timedelta) -> AfterValidator:
    def check(given: timedelta) -> timedelta:
        if given > longest:
            raise ValueError(f"expected at most {shown(longest)}")
        return given

    return AfterValidator(check)


def _free(name: str) -> str:
    if keyword.iskeyword(name):
        raise ValueError(f"`{name}` is a reserved word; choose another name")
    return name


def _free_parameter(name: str) -> str:
    taken = {*_COMMON_PARAMETERS, *dir(BaseModel), "jobs", "events", "options", "filters"}
    if name in taken or name.startswith("model_"):
        raise ValueError(f"`{name}` is taken by the service; choose another name")
    return _free(name)


def _gauge_name(name: str) -> str:
    ending = name.rpartition("_")[2]
    if ending in _SAMPLE_ENDINGS:
        raise ValueError(
            f"`{name}` ends in _{ending}, which no gauge may; choose another name, such as "
            "failing_objects"
        )
    return name


def _free_label(name: str) -> str:
    if name in _RESERVED_LABELS:
        raise ValueError(f"Prometheus keeps the label `{name}` for itself; rename the column")
    if name in _TARGET_LABELS:
        raise ValueError(
            f"every scrape sets the label `{name}` to its target; rename the column, such as job_id"
        )
    return name


def _distinct(labels: list[str]) -> list[str]:
    for index, label in enumerate(labels):
        if label in labels[:index]:
            raise ValueError(f"{label} stands here twice; drop one")
    return labels


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "examples": ["30m", "24h", "7d", "PT1H"]}),
]
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$")]
Text = Annotated[str, Field(max_length=4000)]
ColumnName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$"), AfterValidator(_free)]
ParameterName = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$"), AfterValidator(_free_parameter)
]


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )


class Parameter(_Part):
    """A value that a caller may give; it fills the hole of its name."""

    name: ParameterName
    """What it is called in the address and, in braces, in the query."""

    type: ParameterType
    """`strings` is a list, for `in` and `has_any`."""

    description: Text = ""
    """What it does, for the documentation."""

    default: Any = None
    """What stands in when it is not given. Without one, it must be given."""

    minimum: Any = None
    """The least value; for `long`, `real`, `datetime` and `timespan`."""

    maximum: Any = None
    """The greatest value; for `long`, `real`, `datetime` and `timespan`."""

    enum: list[Any] | None = Field(default=None, min_length=1, max_length=100)
    """The values there are to choose from."""

    @model_validator(mode="before")
    @classmethod
    def _typed(cls, given: Any) -> Any:
        """Reads the values that are of the parameter's own type."""
        kind = given.get("type") if isinstance(given, dict) else None
        if not isinstance(kind, str) or kind not in JSON_SCHEMAS:
            return given
        read = dict(given)
        for key in ("default", "minimum", "maximum"):
            if read.get(key) is not None:
                if key != "default" and kind in ("string", "strings", "regex", "bool"):
                    raise ValueError(f"a {kind} has no {key}; drop it")
                read[key] = _named(key, read[key], kind)
        if isinstance(read.get("enum"), list):
            one = "string" if kind == "strings" else kind
            read["enum"] = [_named("enum", value, one) for value in read["enum"]]
        return read

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("minimum is greater than maximum; exchange them")
        if self.default is not None:
            try:
                self.check(self.default)
            except ValueError as error:
                raise ValueError(f"default: {error}") from None
        return self

    def read(self, given: object) -> Any:
        """The value for the hole, from JSON or the text of an address.

        Raises `ValueError`, which says what is expected.
        """
        value = value_of(given, self.type)
        self.check(value)
        return value

    def check(self, value: Any) -> None:
        """Raises `ValueError` for a value outside of the bounds or the choice."""
        if self.minimum is not None and value < self.minimum:
            raise ValueError(f"expected at least {shown(self.minimum)}")
        if self.maximum is not None and value > self.maximum:
            raise ValueError(f"expected at most {shown(self.maximum)}")
        if self.enum is not None:
            for item in value if isinstance(value, list) else [value]:
                if item not in self.enum:
                    raise ValueError(f"expected one of {', '.join(map(shown, self.enum))}")


class Column(_Part):
    """One column of the answer, which the query must give by this name and type."""

    name: ColumnName
    """The query's name for it, and the answer's."""

    type: ColumnType
    """Its KQL type; `long` is right for `int` too."""

    description: Text = ""
    """What it holds, for the documentation."""


class Metric(_Part):
    """One family of gauges: a sample for each row of the answer."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,60}$"), AfterValidator(_gauge_name)]
    """The end of the family's name, after the prefix that all packs share. Not `…_total` or such,
    which other kinds of metrics end in."""

    help: Line
    """What it counts, with the unit."""

    value: ColumnName
    """The column that holds the value: `long`, `real`, `bool` or `timespan` (in seconds)."""

    labels: Annotated[
        list[Annotated[ColumnName, AfterValidator(_free_label)]], AfterValidator(_distinct)
    ] = Field(default=[], max_length=10, json_schema_extra={"uniqueItems": True})
    """The columns that tell samples apart. Never a person's ID or name; no `le`, `quantile`, `job`
    or `instance`, which Prometheus sets."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    """How many samples there are at most, in the answer's order."""


class Rule(_Part):
    """The condition that makes a row of the answer an incident."""

    title: Line
    """What is said of it in one line."""

    severity: Literal["info", "warning", "critical"] = "warning"

    column: ColumnName
    """The column that is looked at: `long`, `real`, `bool` or `timespan` (in seconds)."""

    at_least: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """It holds from this value on. Give this or `at_most`."""

    at_most: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """It holds up to this value."""

    dimensions: list[ColumnName] = Field(default=[], max_length=5)
    """The columns that tell incidents of one job apart. Stable ones: no times, no counts."""

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("give either at_least or at_most")
        return self


class PackModel(_Part):
    """A question of your own: one file, one query, one answer at `/insights/{name}`."""

    model_config = ConfigDict(title="Provisioning Insights pack")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=60)]
    """Its name in the address, in kebab case, which no other insight has."""

    title: Line
    """Its name for people."""

    description: Text = ""
    """The question in words."""

    kql: Annotated[str, Field(min_length=1)]
    """One query, with the holes `{from}`, `{to}`, `{jobs}`, `{events}` and the parameters'."""

    parameters: list[Parameter] = Field(default=[], max_length=20)
    """What a caller may give beside the window."""

    columns: list[Column] = Field(min_length=1, max_length=50)
    """The answer's columns, in its order: exactly those that the query gives."""

    default_window: Annotated[Duration, _at_most(_LONGEST)] = timedelta(days=1)
    """The window that is counted when a caller names none."""

    look_back: Annotated[Duration, _at_most(_LONGEST)] | None = None
    """How much before `{from}` the query looks; without it, the workspace shows nothing earlier."""

    fresh_for: Annotated[Duration, _at_most(timedelta(days=1))] | None = None
    """How long an answer is served before the query is asked again; the service's own default."""

    metrics: list[Metric] = Field(default=[], max_length=5)
    """What a scrape shows of the answer."""

    rule: Rule | None = None
    """When a row of the answer is an incident."""

    @property
    def job_column(self) -> str | None:
        """The column that says which job a row is about, if there is one."""
        return next((column.name for column in self.columns if column.name in _JOB_COLUMNS), None)
