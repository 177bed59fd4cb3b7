"""The rules are sound, fire as their own tests say, and lead to a page that helps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.times import parse_duration
from tests.prometheus.running import ROOT, RULES, checked

TESTS = sorted((ROOT / "prometheus" / "tests").glob("*.yml"))
RUNBOOKS = ROOT / "docs" / "runbooks"

SECTIONS = ("## What it means", "## How to look", "## What to do", "## When to silence it")


def rules() -> list[dict[str, Any]]:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = [rule for rule in rules() if "alert" in rule]


def test_rules_are_accepted() -> None:
    checked("promtool", "check", "rules", *RULES)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_rules_fire_and_resolve_as_told(path: Path) -> None:
    checked("promtool", "test", "rules", path)


def test_example_of_prometheus_is_accepted() -> None:
    checked("promtool", "check", "config", ROOT / "prometheus" / "prometheus.yml")


def test_example_of_alertmanager_is_accepted() -> None:
    checked("amtool", "check-config", ROOT / "prometheus" / "alertmanager.yml")


def test_every_alert_was_seen_firing() -> None:
    seen = {
        case["alertname"]
        for path in TESTS
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test.get("alert_rule_test", ())
        if case.get("exp_alerts")
    }
    assert seen == {alert["alert"] for alert in ALERTS}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_alert_says_what_is_wrong_and_where_help_is(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("critical", "warning")
    told = alert["annotations"]
    assert told["summary"]
    assert "{{" in told["description"] or alert["alert"] == "ProvisioningInsightsAbsent"
    assert told["runbook_url"] == f"docs/runbooks/{alert['alert']}.md"
    page = (ROOT / told["runbook_url"]).read_text("utf-8")
    assert page.startswith(f"# {alert['alert']}\n")
    assert [line for line in page.splitlines() if line.startswith("## ")] == list(SECTIONS)
    assert "curl " in page


def test_every_runbook_has_its_alert() -> None:
    names = {alert["alert"] for alert in ALERTS}
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == names


def test_every_alert_of_one_job_says_its_name() -> None:
    for alert in ALERTS:
        if "$labels.job_id" in str(alert["annotations"]):
            assert "group_left (app_name)" in alert["expr"], alert["alert"]


def test_ranges_hold_two_scrapes_whatever_end_of_them_is_open() -> None:
    """Prometheus 3 leaves out the sample at the very beginning of a range."""
    example = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())
    interval = parse_duration(example["global"]["scrape_interval"])
    ranges = [found for rule in rules() for found in re.findall(r"\[(\w+)[\]:]", rule["expr"])]
    assert ranges
    assert all(parse_duration(found) >= 2 * interval for found in ranges)


def test_rules_are_written_over_families_that_there_are() -> None:
    """Names with a colon are our own; the others have a row in docs/metrics.md."""
    told = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE))
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used = re.findall(
        r"[a-z_]+:[a-z_:0-9]+|(?:entra_provisioning|insights)_\w+",
        "\n".join(re.sub(r"\[.*?\]", "", rule["expr"]) for rule in rules()),
    )
    assert {name for name in used if ":" in name} <= recorded
    plain = {re.sub(r"_(total|bucket)$", "", name) for name in used if ":" not in name}
    assert plain <= told


def test_documentation_lists_alerts_and_recorded_series() -> None:
    page = (ROOT / "docs" / "prometheus.md").read_text("utf-8")
    told = set(re.findall(r"^\| \[?`([\w:]+)`", page, re.MULTILINE))
    assert told == {rule.get("alert") or rule["record"] for rule in rules()}
