"""What a query's text tells."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.insights.activity.counting import recounting_kql
from service.table import TableSchema
from service.workspace.protocol import TimeSpan
from tests.simulator.reading import Bounds, bounds_of, result_name, visualization
from tests.simulator.timespans import EVER
from tests.stores import NOW

HOUR = timedelta(hours=1)
SPAN = TimeSpan(NOW - 9 * HOUR, NOW)


@pytest.mark.parametrize(
    ("condition", "start", "end"),
    [
        ("TimeGenerated > ago(2h)", 2, 0),
        ("TimeGenerated >= datetime(2026-11-18T08:00:00Z) and TimeGenerated < ago(1h)", 4, 1),
        ("TimeGenerated between (datetime(2026-11-18 09:00) .. now())", 3, 0),
        ("TimeGenerated between (ago(3h) .. ago(1.5h))", 3, 1.5),
        ("TimeGenerated > ago(2d)", 9, 0),
        ("bin(TimeGenerated, 1h) > ago(1h)", 9, 0),
        ('ResultType == "TimeGenerated > ago(1h)"', 9, 0),
        ("TimeGenerated < ago(20h)", 9, 9),
    ],
)
def test_bounds_are_what_the_text_and_the_request_both_allow(
    condition: str, start: float, end: float
) -> None:
    text = f"AADProvisioningLogs | where {condition}"
    within = TimeSpan(NOW - start * HOUR, NOW - end * HOUR)
    assert bounds_of(text, SPAN, NOW) == Bounds(within)


def test_bounds_of_our_own_query_for_news_say_since_when() -> None:
    since = NOW - timedelta(minutes=10)
    text = recounting_kql(SPAN, TableSchema(), since).text
    assert bounds_of(text, EVER, NOW) == Bounds(SPAN, since)


def test_widest_of_several_bounds_counts() -> None:
    text = """
    let Recent = AADProvisioningLogs | where TimeGenerated > ago(1h);
    AADProvisioningLogs | where TimeGenerated > ago(3h) | where Id in ((Recent | project Id))
    """
    assert bounds_of(text, SPAN, NOW).span == TimeSpan(NOW - 3 * HOUR, NOW)


def test_rendering_and_the_name_of_the_result_are_told() -> None:
    assert visualization("AADProvisioningLogs | count | render piechart") == "piechart"
    assert visualization("AADProvisioningLogs | count") is None
    assert result_name("AADProvisioningLogs | getschema") == "getschema"
    assert result_name("AADProvisioningLogs | count") == "PrimaryResult"
