"""The service itself: does it answer, is what it shows fresh, and what does it ask?"""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from grafana.building.frame import answer, frame, many
from grafana.building.panels import RATE, Query, number, series

_HERE = '{instance=~"$instance"}'


def _rate(counter: str, matchers: str = "") -> str:
    return f'rate({counter}{{instance=~"$instance"{matchers}}}[{RATE}])'


def _quantile(quantile: float, histogram: str, labels: str = "") -> str:
    by = f"le, {labels}" if labels else "le"
    return f"histogram_quantile({quantile}, sum by ({by}) ({_rate(f'{histogram}_bucket')}))"


def service() -> dashboard.Dashboard:
    """All instances, or some."""
    board = frame(
        "service", "Entra provisioning: service", "The service that answers and is scraped."
    ).with_variable(
        many("instance", "Instance", "label_values(insights_http_requests_total, instance)")
    )
    return _freshness(_workspace(_cache(_requests(_now(board)))))


def _now(board: dashboard.Dashboard) -> dashboard.Dashboard:
    requests = "insights_http_requests_total"
    failed = _rate(requests, ',status=~"5.."')
    return (
        board.with_row(dashboard.Row("Now"))
        .with_panel(
            number(
                "Instances",
                "Instances that answer their scrapes.",
                f"sum(up{_HERE} and on (instance) entra_provisioning_refresh_success)",
                links=[answer("Ready?", "/readyz")],
            )
        )
        .with_panel(
            number(
                "Requests",
                "Requests answered, of any route.",
                f"sum({_rate(requests)})",
                unit="reqps",
            )
        )
        .with_panel(
            number(
                "Errors",
                "Share of requests answered with a status of 500 or above.",
                f"(sum({failed}) or vector(0)) / sum({_rate(requests)})",
                unit="percentunit",
                decimals=1,
                steps={0: "green", 0.01: "orange", 0.05: "red"},
            )
        )
        .with_panel(
            number(
                "95 of 100 answers within",
                "Time to the answer, over all routes.",
                _quantile(0.95, "insights_http_request_duration_seconds"),
                unit="s",
            )
        )
        .with_panel(
            number(
                "Age of the counts",
                "Time since the workspace was asked, of the instance for which it is longest ago.",
                "time() - min(entra_provisioning_data_timestamp_seconds"
                '{instance=~"$instance",insight="activity"})',
                unit="s",
                steps={0: "green", 300: "orange", 900: "red"},
            )
        )
        .with_panel(
            number(
                "Last refresh",
                "Whether all refreshes got an answer.",
                f"min(entra_provisioning_refresh_success{_HERE})",
                names={0: "failed", 1: "worked"},
                steps={0: "red", 1: "green"},
            )
        )
    )


def _requests(board: dashboard.Dashboard) -> dashboard.Dashboard:
    requests, seconds = "insights_http_requests_total", "insights_http_request_duration_seconds"
    return (
        board.with_row(dashboard.Row("Requests"))
        .with_panel(
            series(
                "Requests by route",
                "Requests answered.",
                Query(f"topk(10, sum by (route) ({_rate(requests)}))", "{{route}}"),
                unit="reqps",
            )
        )
        .with_panel(
            series(
                "Requests by status",
                "Requests answered.",
                Query(f"sum by (status) ({_rate(requests)})", "{{status}}"),
                unit="reqps",
                stacked=True,
            )
        )
        .with_panel(
            series(
                "Time to the answer",
                "Within this time half, 95 and 99 of 100 requests are answered.",
                *(Query(_quantile(share, seconds), f"{share:.0%}") for share in (0.5, 0.95, 0.99)),
                unit="s",
            )
        )
        .with_panel(
            series(
                "Slowest routes",
                "Within this time 95 of 100 requests are answered.",
                Query(f"topk(10, {_quantile(0.95, seconds, 'route')})", "{{route}}"),
                unit="s",
            )
        )
    )


def _cache(board: dashboard.Dashboard) -> dashboard.Dashboard:
    lookups = "insights_cache_requests_total"
    found = _rate(lookups, ',outcome=~"hit|stale|joined"')
    hits = f"sum by (cache) ({found})"
    every = f"sum by (cache) ({_rate(lookups)})"
    return (
        board.with_row(dashboard.Row("Cache"))
        .with_panel(
            series(
                "Look-ups by outcome",
                "`bodies` are rendered answers, `answers` those of the workspace.",
                Query(f"sum by (cache, outcome) ({_rate(lookups)})", "{{cache}} {{outcome}}"),
                unit="ops",
                stacked=True,
            )
        )
        .with_panel(
            series(
                "Answered without new work",
                "Share of look-ups that found something, or joined a query that was under way.",
                Query(f"({hits} or {every} * 0) / {every}", "{{cache}}"),
                unit="percentunit",
            )
        )
    )


def _workspace(board: dashboard.Dashboard) -> dashboard.Dashboard:
    queries, seconds = (
        "insights_workspace_queries_total",
        "insights_workspace_query_duration_seconds",
    )
    return (
        board.with_row(dashboard.Row("Workspace"))
        .with_panel(
            series(
                "Queries by insight",
                "Queries that the workspace was asked.",
                Query(f"sum by (insight) ({_rate(queries)})", "{{insight}}"),
                unit="ops",
                stacked=True,
                width=8,
            )
        )
        .with_panel(
            series(
                "Queries by outcome",
                "`partial` answers lack rows; others are named after the error.",
                Query(f"sum by (outcome) ({_rate(queries)})", "{{outcome}}"),
                unit="ops",
                stacked=True,
                width=8,
            )
        )
        .with_panel(
            series(
                "Time of a query",
                "Within this time 95 of 100 queries are answered.",
                Query(_quantile(0.95, seconds, "insight"), "{{insight}}"),
                unit="s",
                width=8,
            )
        )
        .with_panel(
            series(
                "Rows",
                "Rows that came back.",
                Query(
                    f"sum by (insight) ({_rate('insights_workspace_rows_total')})", "{{insight}}"
                ),
                unit="rowsps",
                width=8,
            )
        )
        .with_panel(
            series(
                "Queries at this moment",
                "Queries that the workspace works on, and those that wait for their turn.",
                Query(f"sum(insights_workspace_queries_in_flight{_HERE})", "under way"),
                Query(f"sum(insights_workspace_queue_length{_HERE})", "waiting"),
                width=8,
            )
        )
        .with_panel(
            series(
                "Throttling",
                "Share of time in which queries were held back because the workspace asked for it.",
                Query(
                    f"sum by (instance) ({_rate('insights_workspace_throttled_seconds_total')})",
                    "{{instance}}",
                ),
                unit="percentunit",
                width=8,
            )
        )
    )


def _freshness(board: dashboard.Dashboard) -> dashboard.Dashboard:
    return (
        board.with_row(dashboard.Row("Freshness and scrapes"))
        .with_panel(
            series(
                "Age of what is shown",
                "Time since the workspace was asked, of the instance for which it is longest ago.",
                Query(
                    f"time() - min by (insight) (entra_provisioning_data_timestamp_seconds{_HERE})",
                    "{{insight}}",
                ),
                unit="s",
                width=8,
                steps={900: "red"},
            )
        )
        .with_panel(
            series(
                "Refreshes that work",
                "1 while the last refresh got an answer, 0 while it did not.",
                Query(
                    f"min by (insight) (entra_provisioning_refresh_success{_HERE})", "{{insight}}"
                ),
                width=8,
            )
        )
        .with_panel(
            series(
                "Time of a scrape",
                "As Prometheus measures it.",
                Query(
                    f"scrape_duration_seconds{_HERE} "
                    "and on (instance) entra_provisioning_refresh_success",
                    "{{instance}}",
                ),
                unit="s",
                width=8,
            )
        )
    )
