"""Panels as all dashboards show them: a number, series over time, a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardLink,
    DashboardSpecialValueMapOptions,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE = DataSourceRef("prometheus", "${datasource}")

RATE = "$__rate_interval"
"""At least four scrapes, as Grafana reckons it from the datasource's scrape interval."""

_NUMBER_HEIGHT, _HEIGHT = 4, 8
_FILL = 15

Steps = Mapping[float, str]
"""Colours by the value from which on they are shown."""


@dataclass(frozen=True)
class Query:
    """What Prometheus is asked, and what a series of the answer is called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Link:
    """An answer of the API, or another dashboard, that says more; addresses may hold variables."""

    title: str
    url: str


def number(
    title: str,
    description: str,
    expr: str,
    *,
    unit: str = "short",
    steps: Steps | None = None,
    links: Sequence[Link] = (),
    names: Mapping[int, str] | None = None,
    decimals: int | None = None,
) -> stat.Panel:
    """One number, coloured from each of `steps` on; a value in `names` is shown as its name."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .with_target(_target(Query(expr), 0))
        .unit(unit)
        .span(4)
        .height(_NUMBER_HEIGHT)
        .graph_mode(BigValueGraphMode.AREA)
        .color_mode(BigValueColorMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(_thresholds(steps or {}, "text"))
        .data_links(_links(links))
    )
    if decimals is not None:
        panel = panel.decimals(decimals)
    if names:
        panel = panel.mappings([_names(names)]).graph_mode(BigValueGraphMode.NONE)
    return panel


def series(
    title: str,
    description: str,
    *queries: Query,
    unit: str = "short",
    stacked: bool = False,
    width: int = 12,
    steps: Steps | None = None,
    links: Sequence[Link] = (),
    least: float | None = 0,
) -> timeseries.Panel:
    """Lines over time; `steps` are drawn as dashed lines, `least` is where the axis begins."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .targets([_target(query, index) for index, query in enumerate(queries)])
        .unit(unit)
        .span(width)
        .height(_HEIGHT)
        .show_points(VisibilityMode.NEVER)
        .fill_opacity(_FILL if stacked else 0)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.RIGHT)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(
            common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
        )
        .data_links(_links(links))
    )
    if least is not None:
        panel = panel.min(least)
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    if steps:
        dashed = common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds(_thresholds(steps, "green")).thresholds_style(dashed)
    return panel


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, and how values are shown.

    The source is a label's name, or `Value` with the query's letter: `Value #B`. `empty` stands for
    an empty label.
    """

    source: str
    heading: str
    unit: str = ""
    links: Sequence[Link] = ()
    names: Mapping[int, str] | None = None
    empty: str = ""
    steps: Steps | None = None
    width: int | None = None


def listing(
    title: str,
    description: str,
    queries: Sequence[Query],
    columns: Sequence[Column],
    *,
    width: int = 12,
    height: int = _HEIGHT,
    order: str,
    direction: Literal["ascending", "descending"] = "descending",
) -> table.Panel:
    """A table of the newest values, in these columns only, sorted by the heading `order`."""
    shown = {column.source: index for index, column in enumerate(columns)}
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .targets(
            [
                _target(query, index).instant().format(PromQueryFormat.TABLE)
                for index, query in enumerate(queries)
            ]
        )
        .span(width)
        .height(height)
        .with_transformation(DataTransformerConfig("merge", options={}))
        .with_transformation(
            DataTransformerConfig("filterFieldsByName", options={"include": {"names": list(shown)}})
        )
        .with_transformation(
            DataTransformerConfig(
                "organize",
                options={
                    "indexByName": shown,
                    "renameByName": {column.source: column.heading for column in columns},
                },
            )
        )
        .sort_by(
            [common.TableSortByFieldState().display_name(order).desc(direction == "descending")]
        )
    )
    for column in columns:
        if properties := _properties(column):
            panel = panel.override_by_name(column.heading, properties)
    return panel


def _properties(column: Column) -> list[DynamicConfigValue]:
    properties = []
    if column.unit:
        properties.append(DynamicConfigValue("unit", column.unit))
    if column.links:
        properties.append(
            DynamicConfigValue("links", [link.build() for link in _links(column.links)])
        )
    if column.names:
        properties.append(DynamicConfigValue("mappings", [_names(column.names)]))
    if column.empty:
        properties.append(DynamicConfigValue("mappings", [_empty(column.empty)]))
    if column.steps:
        thresholds = _thresholds(column.steps, "text").build()
        properties.append(DynamicConfigValue("thresholds", thresholds))
        properties.append(DynamicConfigValue("custom.cellOptions", {"type": "color-text"}))
    if column.width:
        properties.append(DynamicConfigValue("custom.width", column.width))
    return properties


def _target(query: Query, index: int) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .expr(query.expr)
        .legend_format(query.legend or "__auto")
        .ref_id("ABCDEFGHIJ"[index])
        .datasource(DATASOURCE)
    )


def _links(links: Sequence[Link]) -> list[Builder[DashboardLink]]:
    return [
        dashboard.DashboardLink(link.title).url(link.url).target_blank("${api:raw}" in link.url)
        for link in links
    ]


def _thresholds(steps: Steps, base: str) -> dashboard.ThresholdsConfig:
    found = [Threshold(value, colour) for value, colour in sorted(steps.items())]
    return (
        dashboard.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(None, base), *found])
    )


def _empty(text: str) -> SpecialValueMap:
    return SpecialValueMap(
        DashboardSpecialValueMapOptions(SpecialValueMatch.EMPTY, ValueMappingResult(text))
    )


def _names(names: Mapping[int, str]) -> ValueMap:
    return ValueMap({str(value): ValueMappingResult(text) for value, text in names.items()})
