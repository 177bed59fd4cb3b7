"""What a caller may ask with: typed query parameters, and the question they make."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, create_model

from service.api.negotiation import Format
from service.api.problems import invalid
from service.insights.events import EventOptions
from service.insights.insight import NoOptions
from service.insights.question import Action, Filters, Result
from service.insights.spikes import Dimension, SpikeOptions
from service.times import (
    BINS,
    Window,
    default_bin,
    format_duration,
    parse_duration,
    parse_instant,
)

MAX_BINS = 2000
PATH_FIELDS = {
    "source_id": "The object's ID in its source system.",
    "event_id": "The event's ID.",
}
"""What paths name beside a job."""

_DURATION = (
    "^([1-9][0-9]{0,5}[mhd]|P[0-9]{1,5}[WD]"
    "|P([0-9]{1,5}D)?T(?=[0-9])([0-9]{1,6}H)?([0-9]{1,7}M)?([0-9]{1,8}S)?)$"
)
"""What `parse_duration` takes, but for lengths of zero."""

_FIRST_YEAR, _LAST_YEAR = 2000, 9000
"""Beyond them lie no logs, only dates that can't be computed with."""


def _parsed(parse: Callable[[str], Any]) -> BeforeValidator:
    def validate(given: object) -> object:
        if not isinstance(given, str):
            return given
        try:
            return parse(given)
        except OverflowError:
            raise ValueError("expected something less extreme") from None

    return BeforeValidator(validate)


Duration = Annotated[
    timedelta | None,
    _parsed(parse_duration),
    WithJsonSchema({"type": "string", "pattern": _DURATION, "examples": ["24h", "7d", "PT1H"]}),
]
Instant = Annotated[
    datetime | None,
    _parsed(parse_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
# What an address may hold is 64 KiB: a list as long as this, of plain text.
Text = Annotated[str, Field(max_length=256)]
Texts = Annotated[list[Text], Field(max_length=200)]
Lower = _parsed(str.lower)


class InsightParameters(BaseModel):
    """What the route of an insight takes, once per name unless it is a list."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    format: Literal["json", "csv", "svg"] | None = None

    def options(self) -> Any:
        """What the insight takes beyond the common parameters."""
        return NoOptions()

    def filters(self) -> Filters:
        """Which events and jobs are meant."""
        return Filters()


class Parameters(InsightParameters):
    """What every insight over a window takes."""

    window: Annotated[Duration, Field(examples=["24h", "7d", "PT1H"])] = None
    """How far back to count from now, such as 24h, 7d, 30m or PT1H. Not together with `from`."""

    from_: Annotated[Instant, Field(alias="from")] = None
    """The first moment to count, RFC 3339 with its zone; rounded down to the bin."""

    to: Instant = None
    """The moment up to which, and without which, to count; rounded up to the bin. Default: now."""

    bin: Annotated[
        Literal["5m", "15m", "1h", "6h", "1d", "7d"] | None,
        WithJsonSchema({"type": "string", "enum": list(BINS)}),
    ] = None
    """The width that time is cut into, in UTC. Default: 5m up to 6 h, 1h up to 3 d, else 1d."""

    app: Texts = []
    """Only jobs of this application, by its name. Repeatable."""

    action: list[Annotated[Action, Lower]] = []
    """Only events with this action. Repeatable."""

    result: list[Annotated[Result, Lower]] = []
    """Only events with this result. Repeatable."""

    error_code: Texts = []
    """Only events with this error code. Repeatable."""

    identity_type: Texts = []
    """Only events whose source object is of this type, such as User or Group. Repeatable."""

    operation: Texts = []
    """Only events whose last step has this name. Repeatable."""

    format: Format | None = None
    """The representation, where `Accept` can't say it; svg is a chart."""

    def filters(self) -> Filters:
        return Filters(
            jobs=_folded(getattr(self, "job_id", [])),
            apps=_folded(self.app),
            actions=frozenset(self.action),
            results=frozenset(self.result),
            error_codes=_folded(self.error_code),
            identity_types=_folded(self.identity_type),
            operations=_folded(self.operation),
        )


class ListParameters(Parameters):
    """What an insight takes beside whose answer is a list that can grow."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    """How many rows a page has at most."""

    cursor: Annotated[
        str | None, Field(max_length=1024), WithJsonSchema({"type": "string", "maxLength": 1024})
    ] = None
    """Where the next page begins, from `next` of the page before."""


class EventParameters(ListParameters):
    """What the events insight takes beside."""

    q: Annotated[Text | None, WithJsonSchema({"type": "string", "maxLength": 256})] = None
    """Finds an ID, user principal name or display name of source or target that contains this."""

    def options(self) -> EventOptions:
        return EventOptions(q=self.q)


class OneEventParameters(InsightParameters):
    """What the route of one event takes."""

    format: Annotated[
        Literal["json", "csv"] | None, WithJsonSchema({"type": "string", "enum": ["json", "csv"]})
    ] = None
    """The representation, where `Accept` can't say it: json or csv."""

    def options(self) -> EventOptions:
        return EventOptions(rows=1)


class SpikeParameters(ListParameters):
    """What the spikes insight takes beside."""

    of: Dimension = "operation"
    """What the series are made over: the last step's name, the action or the result."""

    sensitivity: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = 3.0
    """The score from which a point counts as a spike; lower finds more."""

    min_events: Annotated[int, Field(ge=0, le=1_000_000_000)] = 5
    """How many events more than expected a spike must have, a drop less: against noise."""

    only: Annotated[
        Literal["spikes"] | None, WithJsonSchema({"type": "string", "enum": ["spikes"]})
    ] = None
    """`spikes` leaves out series without one."""

    def options(self) -> SpikeOptions:
        return SpikeOptions(self.of, self.sensitivity, self.min_events, self.only)


# Making a model takes milliseconds, and there are as many as routes.
@cache
def offering(
    model: type[InsightParameters], formats: tuple[Format, ...]
) -> type[InsightParameters]:
    """The same parameters with these formats only."""
    schema = WithJsonSchema({"type": "string", "enum": list(formats)})
    description = Field(description=model.model_fields["format"].description)
    chosen = Annotated[Literal[*formats] | None, schema, description]  # type: ignore[valid-type]
    return create_model(model.__name__, __base__=model, format=(chosen, None))


@cache
def for_fleet(model: type[InsightParameters]) -> type[InsightParameters]:
    """The same parameters and `job_id`, which only routes without a job in their path take."""
    if not issubclass(model, Parameters):
        return model
    job_id = Annotated[Texts, Field(description="Only this job, by its ID. Repeatable.")]
    return create_model(f"Fleet{model.__name__}", __base__=model, job_id=(job_id, []))


@cache
def with_path_fields(
    model: type[InsightParameters], names: tuple[str, ...]
) -> type[InsightParameters]:
    """The same parameters and those that a path would name, for where there is no such path."""
    required: dict[str, Any] = {
        name: (Annotated[str, Field(description=text, min_length=1, max_length=512)], ...)
        for name, text in PATH_FIELDS.items()
        if name in names
    }
    return create_model(f"{model.__name__}ByQuery", __base__=model, **required) if names else model


def options_of(parameters: InsightParameters) -> Any:
    """The insight's options, with those that a path would name."""
    options = parameters.options()
    named = {
        field.name: getattr(parameters, field.name)
        for field in fields(options)
        if field.name in type(parameters).model_fields
    }
    return replace(options, **named)


@dataclass(frozen=True)
class ResolvedWindow:
    """A window, and how long the same request will mean the same window; `None`: for ever."""

    window: Window
    steady_for: timedelta | None
    start_moves: bool = True

    def earlier(self, within: timedelta) -> Iterator[Window]:
        """What the same request meant before, a bin at a time; nothing if always the same."""
        width = self.window.bin.width
        if self.steady_for is None:
            return
        for back in range(1, math.ceil(within / width) + 1):
            start = self.window.start - back * width if self.start_moves else self.window.start
            if start < (end := self.window.end - back * width):
                yield replace(self.window, start=start, end=end)


def resolve_window(
    parameters: InsightParameters,
    default: timedelta,
    now: datetime,
    *,
    max_window: timedelta,
    retention: timedelta,
) -> ResolvedWindow:
    """The window in whole bins; raises the problem that names the parameter to change.

    Where no window can be asked for, it is all that the workspace retains, and as far ahead: a
    clock that is wrong writes events too.
    """
    if not isinstance(parameters, Parameters):
        day = BINS["1d"]
        window = Window(day.floor(now - retention), day.ceil(now + retention), day)
        return ResolvedWindow(window, day.ceil(now) - now)
    start, end = _ends(parameters, default, now, max_window)
    width = BINS[parameters.bin] if parameters.bin else default_bin(end - start)
    window = Window(width.floor(start), width.ceil(end), width)
    if window.bins > MAX_BINS:
        raise invalid(
            "bin",
            f"expected a wider one: {width.name} makes {window.bins:,} bins of this window, "
            f"and {MAX_BINS:,} is the most",
        )
    moving = [] if parameters.to else [end]
    moving += [] if parameters.from_ else [start]
    steady_for = min((width.ceil(instant) - instant for instant in moving), default=None)
    return ResolvedWindow(window, steady_for, start_moves=not parameters.from_)


def _ends(
    parameters: Parameters, default: timedelta, now: datetime, max_window: timedelta
) -> tuple[datetime, datetime]:
    if parameters.from_ is None:
        if parameters.to is not None:
            raise invalid("to", "expected `from` beside it, or `window` instead")
        length = parameters.window or min(default, max_window)
        _refuse_longer("window", length, max_window)
        return now - length, now
    if parameters.window is not None:
        raise invalid("window", "expected either `window` or `from` and `to`, not both")
    start, end = parameters.from_, parameters.to or now
    for name, instant in (("from", start), ("to", end)):
        if not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
            raise invalid(name, f"expected a year from {_FIRST_YEAR} to {_LAST_YEAR}")
    if start >= end:
        given = "`to`" if parameters.to else "now"
        raise invalid("from", f"expected a time before {given}")
    _refuse_longer("from", end - start, max_window)
    return start, end


def _refuse_longer(name: str, length: timedelta, max_window: timedelta) -> None:
    if length > max_window:
        raise invalid(name, f"expected a window of at most {format_duration(max_window)}")


def _folded(values: list[str]) -> frozenset[str]:
    return frozenset(value.lower() for value in values)
