"""The plot of a chart: axes, lines, the marks that tell lines apart, and its spikes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import TypeVar
from xml.etree import ElementTree as ET

from service.charts.axes import bin_label, count_ticks, short_count, time_ticks
from service.charts.content import Chart, ChartSeries, Spike, spike_in_words
from service.charts.style import FONT, MARKS, SPIKE
from service.charts.svg import add, number, text_width

MOST_RINGS = 50

_MOST_LABELS = 4
_LABEL_FONT = 11
_PIXELS_PER_TICK = 56
_PIXELS_PER_COUNT = 30
_PIXELS_PER_MARK = 52
_PIXELS_PER_NOTCH = 8

_Point = tuple[float, float]
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Plot:
    """Where the axes are, and where on them an instant or a count is, in pixels."""

    left: float
    right: float
    top: float
    bottom: float
    chart: Chart
    counts: Sequence[int]

    @cached_property
    def cell(self) -> float:
        """The width of a bin; its point is in the middle."""
        starts = self.chart.starts
        return (self.right - self.left) / ((starts[-1] - starts[0]) / self.chart.bin_width + 1)

    def x(self, at: datetime) -> float:
        return self.left + ((at - self.chart.starts[0]) / self.chart.bin_width + 0.5) * self.cell

    def y(self, value: float) -> float:
        return self.bottom - min(1, max(0, value / self.counts[-1])) * (self.bottom - self.top)

    def holds(self, box: _Box) -> bool:
        """Whether a label there stays off the axes; it may rise a little above the plot."""
        return (
            self.left + 2 <= box.left
            and box.right <= self.right + 16
            and self.top - 16 <= box.top
            and box.bottom <= self.bottom - 1
        )

    def point(self, index: int, value: float) -> _Point:
        return self.x(self.chart.starts[index]), self.y(value)


def lay_out(
    chart: Chart, drawn: Sequence[ChartSeries], left: float, right: float, top: float, bottom: float
) -> Plot:
    """A plot of the series between these edges, the labels of the counts included."""
    highest = float(max(max(each.values) for each in drawn))
    if len(drawn) == 1:
        highest = max(highest, *(level or 0 for level in drawn[0].expected_levels))
        # A limit far above everything would press the counts flat; it may leave the picture.
        limit = max(level or 0 for level in drawn[0].upper_levels)
        highest = max(highest, min(limit, highest * 1.25))
    counts = count_ticks(highest, most=min(8, int((bottom - top) / _PIXELS_PER_COUNT)))
    labels = max(text_width(short_count(count), FONT) for count in counts)
    return Plot(left + labels + 8, right, top, bottom, chart, counts)


def draw_axes(svg: ET.Element, plot: Plot) -> None:
    """The counts with their lines across, and the times with a notch each."""
    lines = "".join(
        f"M{number(plot.left)},{number(plot.y(count))}H{number(plot.right)}"
        for count in plot.counts[1:]
    )
    add(svg, "path", class_="grid", d=lines)
    for count in plot.counts:
        y = plot.y(count) + 4
        add(svg, "text", short_count(count), class_="quiet end", x=plot.left - 8, y=y)
    chart = plot.chart
    most = max(2, int((plot.right - plot.left) / _PIXELS_PER_TICK))
    ticks = time_ticks(chart.starts[0], chart.starts[-1], chart.bin_width, most)
    base = f"M{number(plot.left)},{number(plot.bottom)}H{number(plot.right)}"
    minor = chart.starts if plot.cell >= _PIXELS_PER_NOTCH else ()
    notches = "".join(
        f"M{number(plot.x(at))},{number(plot.bottom)}v{length}"
        for length, instants in ((3, minor), (6, [tick.at for tick in ticks]))
        for at in instants
    )
    add(svg, "path", class_="axis", d=base + notches)
    for tick in ticks:
        x = plot.x(tick.at)
        add(svg, "text", tick.label, class_="quiet middle", x=x, y=plot.bottom + 19)
        if tick.context:
            add(svg, "text", tick.context, class_="quiet middle", x=x, y=plot.bottom + 34)


def draw_usual(svg: ET.Element, plot: Plot, series: ChartSeries) -> None:
    """What was expected of a series as a dotted line, and the usual range above as an area."""
    lows, highs = (
        [None if level is None else plot.point(index, level) for index, level in enumerate(levels)]
        for levels in (series.expected_levels, series.upper_levels)
    )
    both = (
        None if low is None or high is None else (low, high)
        for low, high in zip(lows, highs, strict=True)
    )
    reach = min(plot.cell / 2, 8)
    area = "".join(
        _path(_reaching([high for _, high in run], reach))
        + _path(_reaching([low for low, _ in run], reach)[::-1]).replace("M", "L", 1)
        + "z"
        for run in _known(both)
    )
    if area:
        add(svg, "path", class_="area s0", d=area)
    if line := "".join(_path(_reaching(run, reach)) for run in _known(lows)):
        add(svg, "path", class_="line expected s0", d=line)


def _known(items: Iterable[_Item | None]) -> Iterator[list[_Item]]:
    """The stretches without a gap."""
    for known, run in groupby(items, key=lambda item: item is not None):
        if known:
            yield [item for item in run if item is not None]


def _reaching(points: Sequence[_Point], reach: float) -> list[_Point]:
    """The points of a level, led on a little at both ends, so that one bin's is seen too."""
    (first, start), (last, end) = points[0], points[-1]
    return [(first - reach, start), *points, (last + reach, end)]


def draw_line(svg: ET.Element, plot: Plot, series: ChartSeries, style: str) -> None:
    """The line of a series, with its full name for the pointer."""
    points = [plot.point(index, value) for index, value in enumerate(series.values)]
    weight = "line dense" if plot.cell < 2 else "line"
    line = add(svg, "path", class_=f"{weight} {style}", d=_path(points))
    add(line, "title", series.label)


def _path(points: Sequence[_Point]) -> str:
    """The line through the points; those in the middle of a level stretch add nothing to it."""
    bends = (
        point
        for index, point in enumerate(points)
        if not 0 < index < len(points) - 1
        or not points[index - 1][1] == point[1] == points[index + 1][1]
    )
    return "M" + "L".join(f"{number(x)},{number(y)}" for x, y in bends)


def draw_marks(
    svg: ET.Element, plot: Plot, series: ChartSeries, place: int, series_count: int
) -> None:
    """Signs along a line that tell it from the others without colour, not where theirs are."""
    every = max(1, round(_PIXELS_PER_MARK / plot.cell)) if plot.cell < 16 else 1
    first = min(every * place // series_count, len(series.values) - 1)
    points = (
        plot.point(index, series.values[index]) for index in range(first, len(series.values), every)
    )
    _mark(svg, MARKS[place], f"mark s{place}", points)


def draw_spikes(svg: ET.Element, plot: Plot, spikes: Sequence[Spike]) -> None:
    """A ring around each of the spikes, given largest first; the first few get a label."""
    shown = spikes[:MOST_RINGS]
    points = [plot.point(spike.index, spike.value) for spike in shown]
    taken = [_Box(x - 7, y - 7, x + 7, y + 7) for x, y in points]
    _mark(svg, SPIKE, "halo", points)
    for spike, point in zip(shown, points, strict=True):
        _mark(svg, MARKS[spike.place], f"mark s{spike.place}", [point])
        ring = _mark(svg, SPIKE, "ring", [point])
        add(ring, "title", f"{spike.label} {spike_in_words(spike, plot.chart)}")
    for spike, (x, y) in list(zip(shown, points, strict=True))[:_MOST_LABELS]:
        start = bin_label(plot.chart.starts[spike.index], plot.chart.bin_width)
        label = f"{short_count(spike.value)} · {start}"
        for box in _places(x, y, text_width(label, _LABEL_FONT, bold=True), spike.is_drop):
            if plot.holds(box) and not any(map(box.meets, taken)):
                taken.append(box)
                add(svg, "text", label, class_="label halo", x=box.left, y=box.bottom - 3)
                break


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: _Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


def _places(x: float, y: float, width: float, is_drop: bool) -> Iterator[_Box]:
    """Where a label of that width may stand about a ring, the best place first."""
    above, below = y - 24, y + 9
    tops = (below, above) if is_drop else (above, below)
    yield _Box(x - width / 2, tops[0], x + width / 2, tops[0] + 15)
    yield _Box(x + 10, y - 8, x + 10 + width, y + 7)
    yield _Box(x - 10 - width, y - 8, x - 10, y + 7)
    for top in tops:
        yield _Box(x - width + 8, top, x + 8, top + 15)
        yield _Box(x - 8, top, x - 8 + width, top + 15)


def _mark(svg: ET.Element, shape: str, style: str, points: Iterable[_Point]) -> ET.Element:
    outlines = "".join(f"M{number(x)},{number(y)}{shape}" for x, y in points)
    return add(svg, "path", class_=style, d=outlines)
