"""What alerts and runbooks tell a person to call answers."""

from __future__ import annotations

import re
from urllib.parse import quote

import httpx
import pytest
import yaml

from tests.prometheus.demo import Observed
from tests.prometheus.running import ROOT, RULES


def calls() -> list[str]:
    """Addresses of the API as runbooks and descriptions write them, with their variables."""
    found: set[str] = set()
    for page in (ROOT / "docs" / "runbooks").glob("*.md"):
        found |= set(re.findall(r'"\$API(/[^"]*)"', page.read_text("utf-8")))
    for path in RULES:
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]:
            for rule in group["rules"]:
                told = rule.get("annotations", {}).get("description", "")
                found |= set(re.findall(r"See (/.*)$", told))
    return sorted(found)


@pytest.mark.parametrize("call", calls())
def test_call_is_answered(call: str, observed: Observed) -> None:
    names = {"failures"}
    if "$NAME" in call:
        names = insights("entra_provisioning_data_timestamp_seconds", observed) - {"activity"}
    assert names
    for name in names:
        assert answer(filled(call, name, observed), observed).status_code == 200


def test_runbook_of_failing_queries_knows_every_insight_that_is_shown(observed: Observed) -> None:
    """An insight is listed with its query, or named there as the service's own."""
    page = (ROOT / "docs/runbooks/ProvisioningWorkspaceFailing.md").read_text("utf-8")
    listed = {row["name"]: row["kql"] for row in answer("/insights", observed).json()["data"]}
    shown = insights("insights_workspace_queries_total", observed)
    own = {name for name in shown if f"`{name}`" in page}
    assert {"activity", "clock"} <= own
    assert not own & listed.keys()
    for name in shown - own:
        found = answer(listed[name], observed)
        assert found.status_code == 200 or found.json()["errors"][0]["parameter"]


def insights(family: str, observed: Observed) -> set[str]:
    """The values that this label of a family has."""
    found = observed.prometheus.query(f"count by (insight) ({family})")
    return {labels["insight"] for labels, _ in found}


def answer(path: str, observed: Observed) -> httpx.Response:
    return httpx.get(observed.url + path, timeout=60, trust_env=False)


def filled(call: str, name: str, observed: Observed) -> str:
    values = {
        "$JOB": quote(observed.job_id, safe=""),
        "{{ $labels.job_id }}": quote(observed.job_id, safe=""),
        "{{ $labels.window }}": "24h",
        "$MEMBER": "somebody",
        "$NAME": name,
    }
    for variable, value in values.items():
        call = call.replace(variable, value)
    assert "$" not in call
    return call
