"""How charts look: colours for light, dark and print, and the mark of each series.

The hues start from Okabe and Ito's palette for colour-blind readers, darkened or lightened to a
contrast of at least 3:1 on their background. Each series has a mark of its own shape besides, so
that a grey print can be read.
"""

from __future__ import annotations

_LIGHT = {
    "paper": "#ffffff",
    "ink": "#1b1f24",
    "quiet": "#57606a",
    "grid": "#e3e7eb",
    "warning": "#9a5b00",
    "other": "#6e7781",
    "hues": "#0f55ad #e8451f #185b40 #c43470 #4496c3 #6b3802 #25076a #6f9526",
}
_DARK = {
    "paper": "#14181d",
    "ink": "#e9edf1",
    "quiet": "#a3adb8",
    "grid": "#2a3139",
    "warning": "#f0b548",
    "other": "#98a2ad",
    "hues": "#4685f8 #ff866b #4ee0ac #c068bf #cdf0fb #ffc030 #9892ff #e9e280",
}
MOST_SERIES = 8
FONT = 12
TITLE_FONT = 15

# Drawn around a point, each in a square of about 7 units.
MARKS = (
    "m-3.2,0a3.2,3.2 0 1 0 6.4,0a3.2,3.2 0 1 0-6.4,0z",
    "m-2.9-2.9h5.8v5.8h-5.8z",
    "m0-3.8l3.7,6.6h-7.4z",
    "m0-4.1l4.1,4.1l-4.1,4.1l-4.1-4.1z",
    "m0,3.8l3.7-6.6h-7.4z",
    "m-1.2-3.8h2.4v2.6h2.6v2.4h-2.6v2.6h-2.4v-2.6h-2.6v-2.4h2.6z",
    "m-3.4-3.6h6.8l-6.8,7.2h6.8z",
    "m-3.8-1.4h7.6v2.8h-7.6z",
)
SPIKE = "m-6.5,0a6.5,6.5 0 1 0 13,0a6.5,6.5 0 1 0-13,0z"


def _rules(colours: dict[str, str]) -> list[str]:
    classes = [f"s{index}" for index in range(MOST_SERIES)]
    series = dict(zip(classes, colours["hues"].split(), strict=True)) | {"other": colours["other"]}
    return [
        f"text{{fill:{colours['ink']}}}",
        f".quiet{{fill:{colours['quiet']}}}",
        f".paper{{fill:{colours['paper']}}}",
        f".grid{{stroke:{colours['grid']}}}",
        f".axis{{stroke:{colours['quiet']}}}",
        f".ring{{stroke:{colours['ink']}}}",
        f".mark,.halo{{stroke:{colours['paper']}}}",
        f".warning{{fill:{colours['warning']}}}",
        *(f".line.{name}{{stroke:{hue}}}" for name, hue in series.items()),
        *(f".mark.{name},.area.{name}{{fill:{hue}}}" for name, hue in series.items()),
    ]


def _scoped(rules: list[str]) -> str:
    return "".join(
        ",".join(f".insights-chart {selector}" for selector in selectors.split(",")) + "{" + body
        for selectors, body in (rule.split("{", 1) for rule in rules)
    )


_SHAPES = [
    f"text{{font:{FONT}px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,"
    "sans-serif;font-variant-numeric:tabular-nums}",
    f".title{{font-size:{TITLE_FONT}px;font-weight:600}}",
    ".strong{font-weight:600}",
    ".middle{text-anchor:middle}",
    ".end{text-anchor:end}",
    ".label{font-size:11px;font-weight:600}",
    "text.halo{paint-order:stroke;stroke-width:3px;stroke-linejoin:round}",
    ".line{fill:none;stroke-width:1.8px;stroke-linejoin:round;stroke-linecap:round}",
    ".dense{stroke-width:1px}",
    ".line.s4,.line.s6{stroke-dasharray:9 3;stroke-linecap:butt}",
    ".line.s5,.line.s7{stroke-dasharray:9 3 2 3;stroke-linecap:butt}",
    ".line.other{stroke-dasharray:5 4;stroke-linecap:butt}",
    ".expected{stroke-width:1.5px;stroke-dasharray:2 3;stroke-linecap:butt}",
    ".grid,.axis{fill:none;stroke-width:1px;shape-rendering:crispEdges}",
    ".mark{stroke-width:1px}",
    ".area{opacity:.14}",
    ".ring{fill:none;stroke-width:1.8px}",
    "path.halo{fill:none;stroke-width:4.5px}",
]

STYLE = (
    _scoped(_SHAPES + _rules(_LIGHT))
    + "@media screen and (prefers-color-scheme:dark){"
    + _scoped(_rules(_DARK))
    + "}"
)
"""The content of the `<style>` element: nothing in it reaches outside the picture."""
