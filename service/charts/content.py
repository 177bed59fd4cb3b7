"""What a chart shows: series, those drawn singly, those added up, its spikes, and it in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.charts.axes import bin_label, window_label
from service.charts.svg import clean

NO_EVENTS = "No events in this window"

_MOST_TOLD = 10
_MOST = 2.0**63  # KQL's `long`; a level above it, or not a number, says nothing


@dataclass(frozen=True)
class ChartSeries:
    """Counts per bin and what is known of them.

    `expected` and `upper` hold, per bin, the usual count and the limit of the usual, or None.
    `spikes` are the indexes of bins that stand out, upwards or downwards.
    """

    name: str
    values: Sequence[int]
    expected: Sequence[float | None] | None = None
    upper: Sequence[float | None] | None = None
    spikes: Sequence[int] = ()

    @property
    def label(self) -> str:
        """The name as it is shown."""
        return clean(self.name) or "(no name)"

    @property
    def total(self) -> int:
        return sum(self.values)

    @property
    def expected_levels(self) -> list[float | None]:
        """What was expected of each bin; None where that is unknown."""
        return self._levels(self.expected)

    @property
    def upper_levels(self) -> list[float | None]:
        return self._levels(self.upper)

    def _levels(self, levels: Sequence[float | None] | None) -> list[float | None]:
        if levels is None:
            return [None] * len(self.values)
        return [level if level is not None and abs(level) < _MOST else None for level in levels]


@dataclass(frozen=True)
class Chart:
    """Series over the same bins, largest first.

    `starts` are the starts of the bins, oldest first. `unit` says what a value counts, such as
    `events per day`. `note` is shown beside the title, such as `incomplete data`. `ValueError` if
    a series has not one value for each bin, or a spike has no bin.
    """

    title: str
    unit: str
    starts: Sequence[datetime]
    bin_width: timedelta
    series: Sequence[ChartSeries]
    note: str | None = None

    def __post_init__(self) -> None:
        bins = len(self.starts)
        for series in self.series:
            per_bin = (series.values, series.expected, series.upper)
            if any(values is not None and len(values) != bins for values in per_bin):
                raise ValueError(f"a series needs one value for each of the {bins} bins")
            if not all(0 <= index < bins for index in series.spikes):
                raise ValueError(f"a spike needs the index of one of the {bins} bins")


@dataclass(frozen=True)
class Spike:
    """One bin of a series that stands out; `place` is that of its series in the chart."""

    place: int
    index: int
    label: str
    value: int
    expected: float | None

    @property
    def size(self) -> float:
        """How far the count is from the expected one, or from zero where none is known."""
        return abs(self.value - (self.expected or 0))

    @property
    def is_drop(self) -> bool:
        return self.expected is not None and self.value < self.expected


def choose(
    series: Sequence[ChartSeries], most: int
) -> tuple[list[ChartSeries], ChartSeries | None]:
    """At most `most` series to draw singly, in their order, and the sum of the others, if any.

    Those with spikes go before larger ones without, so that no spike disappears in a sum.
    """
    by_interest = sorted(range(len(series)), key=lambda place: not series[place].spikes)
    chosen, folded = sorted(by_interest[:most]), sorted(by_interest[most:])
    if not folded:
        return [series[place] for place in chosen], None
    sums = [sum(values) for values in zip(*(series[place].values for place in folded), strict=True)]
    return [series[place] for place in chosen], ChartSeries(f"other ({len(folded)} more)", sums)


def spikes_of(series: Sequence[ChartSeries]) -> list[Spike]:
    """Every spike of the series, largest first."""
    spikes = [
        Spike(place, index, each.label, each.values[index], expected[index])
        for place, each in enumerate(series)
        if each.spikes
        for expected in (each.expected_levels,)
        for index in sorted(set(each.spikes))
    ]
    return sorted(spikes, key=lambda spike: -spike.size)


def in_words(chart: Chart, drawn: Sequence[ChartSeries]) -> str:
    """The chart for those who cannot see it: time, totals, highest bins and spikes."""
    return " ".join(_sentences(chart, drawn))


def _sentences(chart: Chart, drawn: Sequence[ChartSeries]) -> Iterator[str]:
    if chart.note:
        yield f"Note: {clean(chart.note)}."
    if not chart.starts or not any(series.total for series in drawn):
        yield f"{NO_EVENTS}."
    if not chart.starts:
        return
    window = window_label(chart.starts[0], chart.starts[-1], chart.bin_width)
    yield f"Line chart of {clean(chart.unit)}, {window}."
    for series in drawn:
        highest = max(range(len(series.values)), key=series.values.__getitem__)
        peak = bin_label(chart.starts[highest], chart.bin_width)
        yield (
            f"{series.label}: {series.total:,} in all, at most {series.values[highest]:,} ({peak})."
        )
    spikes = spikes_of(chart.series)
    if spikes:
        told = "; ".join(
            f"{spike.label} {spike_in_words(spike, chart)}" for spike in spikes[:_MOST_TOLD]
        )
        more = f"; and {len(spikes) - _MOST_TOLD} more" if len(spikes) > _MOST_TOLD else ""
        yield f"Spikes: {told}{more}."


def spike_in_words(spike: Spike, chart: Chart) -> str:
    """A spike's bin, count and expected count: `22 Nov: 1,240, expected 300`."""
    expected = "" if spike.expected is None else f", expected {spike.expected:,.0f}"
    return f"{bin_label(chart.starts[spike.index], chart.bin_width)}: {spike.value:,}{expected}"
