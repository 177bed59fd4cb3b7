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
    values = {
        "$JOB": quote(observed.job_id, safe=""),
        "{{ $labels.job_id }}": quote(observed.job_id, safe=""),
        "{{ $labels.window }}": "24h",
        "$MEMBER": "somebody",
        "$INSIGHT": "failures",
        "$NAME": "failures",
    }
    for variable, value in values.items():
        call = call.replace(variable, value)
    assert "$" not in call
    answer = httpx.get(observed.url + call, timeout=60, trust_env=False)
    assert answer.status_code == 200, answer.text
