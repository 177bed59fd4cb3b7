"""A chart as SVG: lines over time that a person can read, without script or outside reference."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from service.charts.axes import short_count, window_label
from service.charts.content import NO_EVENTS, Chart, ChartSeries, choose, in_words, spikes_of
from service.charts.plot import (
    MOST_RINGS,
    draw_axes,
    draw_line,
    draw_marks,
    draw_spikes,
    draw_usual,
    lay_out,
)
from service.charts.style import FONT, MARKS, MOST_SERIES, SPIKE, STYLE, TITLE_FONT
from service.charts.svg import add, clean, fit, number, text_width

__all__ = ["Chart", "ChartSeries", "render_chart"]

_MARGIN = 16
_TOP = 68
_BOTTOM = 44
_GAP = 28
_ROW = 18
_SWATCH = 32


def render_chart(chart: Chart, width: int = 800, height: int = 300) -> str:
    """The chart as an SVG document, in pixels, that scales; the same chart gives the same text.

    Eight series at most are drawn singly, fewer in a low chart; the others are added up into one.
    `ValueError` for less than 480 by 240 pixels, where nothing could be read.
    """
    if width < 480 or height < 240:
        raise ValueError("a chart needs a width of at least 480 and a height of at least 240")
    rows = int((height - _TOP - _MARGIN) // _ROW)
    singly, other = choose(chart.series, min(MOST_SERIES, rows - 2))
    drawn = {f"s{place}": series for place, series in enumerate(singly)}
    if other:
        drawn["other"] = other
    svg = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "class": "insights-chart",
            "role": "img",
            "width": str(width),
            "height": str(height),
            "viewBox": f"0 0 {width} {height}",
        },
    )
    add(svg, "title", clean(chart.title))
    add(svg, "desc", in_words(chart, list(drawn.values())))
    add(svg, "style", STYLE)
    add(svg, "rect", class_="paper", width=width, height=height)
    _draw_head(svg, chart, width)
    if chart.starts and drawn:
        legend = width - _MARGIN - _legend_width(drawn, width)
        _draw_plot(svg, chart, drawn, legend - _GAP, height - _BOTTOM)
        _draw_legend(svg, drawn, legend, width - _MARGIN)
    else:
        add(svg, "text", NO_EVENTS, class_="quiet middle", x=width / 2, y=height / 2)
    return ET.tostring(svg, encoding="unicode")


def _draw_head(svg: ET.Element, chart: Chart, width: int) -> None:
    room: float = width - 2 * _MARGIN
    if chart.note:
        note = fit(clean(chart.note), room / 2, FONT, bold=True)
        right = width - _MARGIN
        add(svg, "path", class_="warning", d=f"M{right - 7},16l7,12h-14z")
        text = add(svg, "text", note, class_="warning strong end", x=right - 20, y=27)
        add(text, "title", clean(chart.note))
        room -= text_width(note, FONT, bold=True) + 32
    title = fit(clean(chart.title), room, TITLE_FONT, bold=True)
    add(svg, "text", title, class_="title", x=_MARGIN, y=28)
    subtitle = fit(clean(chart.unit), 200, FONT)
    if chart.starts:
        window = window_label(chart.starts[0], chart.starts[-1], chart.bin_width)
        subtitle = f"{subtitle} · {window}"
    add(svg, "text", subtitle, class_="quiet", x=_MARGIN, y=48)


def _draw_plot(
    svg: ET.Element, chart: Chart, drawn: dict[str, ChartSeries], right: float, bottom: float
) -> None:
    plot = lay_out(chart, list(drawn.values()), _MARGIN, right, _TOP, bottom)
    draw_axes(svg, plot)
    if len(drawn) == 1:
        draw_usual(svg, plot, drawn["s0"])
    for style, series in drawn.items():
        draw_line(svg, plot, series, style)
    singly = [series for style, series in drawn.items() if style != "other"]
    for place, series in enumerate(singly):
        draw_marks(svg, plot, series, place, len(singly))
    draw_spikes(svg, plot, spikes_of(singly))
    if not any(series.total for series in drawn.values()):
        middle = (plot.left + plot.right) / 2, (plot.top + plot.bottom) / 2
        add(svg, "text", NO_EVENTS, class_="quiet middle halo", x=middle[0], y=middle[1])


def _legend_width(drawn: dict[str, ChartSeries], width: int) -> float:
    names = max(text_width(series.label, FONT) for series in drawn.values())
    return _SWATCH + min(max(names, 90), width * 0.3 - _SWATCH) + _totals_width(drawn)


def _totals_width(drawn: dict[str, ChartSeries]) -> float:
    return 12 + max(text_width(short_count(series.total), FONT) for series in drawn.values())


def _draw_legend(svg: ET.Element, drawn: dict[str, ChartSeries], left: float, right: float) -> None:
    """A row for each series, with its total, then one for each other sign in use."""
    add(svg, "text", "total", class_="quiet end", x=right, y=48)
    room = right - left - _SWATCH - _totals_width(drawn)
    y = _TOP + 4.0
    for place, (style, series) in enumerate(drawn.items()):
        row = add(svg, "g")
        add(row, "title", series.label)
        _draw_swatch(row, f"line {style}", left, y)
        if style != "other":
            add(
                row,
                "path",
                class_=f"mark {style}",
                d=f"M{number(left + 11)},{number(y)}{MARKS[place]}",
            )
        add(row, "text", fit(series.label, room, FONT), x=left + _SWATCH, y=y + 4)
        add(row, "text", short_count(series.total), class_="quiet end", x=right, y=y + 4)
        y += _ROW
    y += 6
    only = drawn["s0"] if len(drawn) == 1 else None
    if only and any(level is not None for level in only.expected_levels):
        _draw_swatch(svg, "line expected s0", left, y)
        add(svg, "text", "expected", class_="quiet", x=left + _SWATCH, y=y + 4)
        y += _ROW
    if only and any(
        None not in levels for levels in zip(only.expected_levels, only.upper_levels, strict=True)
    ):
        add(svg, "rect", class_="area s0", x=left, y=y - 6, width=22, height=12)
        add(svg, "text", "usual range", class_="quiet", x=left + _SWATCH, y=y + 4)
        y += _ROW
    if spikes := spikes_of(list(drawn.values())):
        add(svg, "path", class_="ring", d=f"M{number(left + 11)},{number(y)}{SPIKE}")
        sign = "spike or drop" if any(spike.is_drop for spike in spikes) else "spike"
        if len(spikes) > MOST_RINGS:
            sign += f" ({MOST_RINGS} of {len(spikes)})"
        add(svg, "text", sign, class_="quiet", x=left + _SWATCH, y=y + 4)


def _draw_swatch(parent: ET.Element, style: str, left: float, y: float) -> None:
    add(parent, "path", class_=style, d=f"M{number(left)},{number(y)}h22")
