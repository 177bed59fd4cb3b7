"""What all dashboards share: variables, links to each other and to the API."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from grafana.building.panels import DATASOURCE, Link

TAG = "entra-provisioning"
API = "http://127.0.0.1:8080"
"""Where `make observe` serves; the variable `api` says where yours does."""

_ALL = VariableOption(selected=True, text="All", value="$__all")


def frame(name: str, title: str, description: str) -> dashboard.Dashboard:
    """An empty dashboard of this name, with the datasource, the API's address, and links."""
    return (
        dashboard.Dashboard(title)
        .uid(f"{TAG}-{name}")
        .description(description)
        .tags([TAG])
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh("1m")
        .time("now-24h", "now")
        .link(
            dashboard.DashboardLink("Provisioning")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .keep_time(True)
        )
        .link(
            dashboard.DashboardLink("API")
            .type(DashboardLinkType.LINK)
            .url("${api:raw}/docs")
            .icon("external link")
            .target_blank(True)
        )
        .with_variable(
            dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
        )
        .with_variable(
            dashboard.TextBoxVariable("api")
            .label("API")
            .description("Where the service answers; links lead there.")
            .default_value(API)
        )
    )


def many(name: str, label: str, values: str) -> dashboard.QueryVariable:
    """A choice of several values, by default all; `.*` stands for all, whatever their number."""
    return _choice(name, label, values).multi(True).include_all(True).all_value(".*").current(_ALL)


def one(name: str, label: str, values: str) -> dashboard.QueryVariable:
    """A choice of one value."""
    return _choice(name, label, values)


def current(selector: str) -> str:
    """These series without those of replicas that are behind, whose counts are over."""
    return f"{selector} unless on (instance) instance:entra_provisioning_data:behind"


def answer(title: str, path: str) -> Link:
    """A link to an answer of the API, whose address must stay as it is: links encode variables."""
    return Link(title, "${api:raw}" + path)


def _choice(name: str, label: str, values: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .query(values)
        .datasource(DATASOURCE)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
    )
