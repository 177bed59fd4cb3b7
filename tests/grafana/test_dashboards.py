"""Dashboards are what the code makes, and every panel of theirs shows something."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import yaml

from grafana.building.dashboards import FOLDER, dashboards
from tests.prometheus.demo import Observed
from tests.prometheus.running import ROOT

BOARDS = {name: json.loads(text) for name, text in dashboards().items()}


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, board in BOARDS.items():
        for panel in board["panels"]:
            if panel["type"] != "row":
                yield name, panel


def queries() -> list[Any]:
    return [
        pytest.param(name, target["expr"], id=f"{name}-{panel['title']}-{target['refId']}")
        for name, panel in panels()
        for target in panel["targets"]
    ]


def links() -> list[str]:
    """All addresses of the API, as they stand in the dashboards."""
    text = json.dumps(BOARDS)
    return sorted(set(re.findall(r'"\$\{api:raw\}([^"]*)"', text)))


def filled(text: str, name: str, observed: Observed) -> str:
    """An expression as Grafana would send it."""
    one = name == "job.json"
    values = {
        "$__rate_interval": "1m",
        "$app": observed.app if one else ".*",
        "$job": observed.job_id if one else ".*",
        "$instance": ".*",
    }
    for variable, value in values.items():
        text = text.replace(variable, value.replace("\\", "\\\\").replace('"', '\\"'))
    assert "$" not in text
    return text


def test_committed_dashboards_are_what_the_code_makes() -> None:
    committed = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.json")}
    assert committed == dashboards(), "run `make dashboards` and commit grafana/dashboards"


@pytest.mark.parametrize(("name", "expr"), queries())
def test_panel_shows_something(name: str, expr: str, observed: Observed) -> None:
    found = observed.prometheus.query(filled(expr, name, observed))
    assert any(not math.isnan(value) for _, value in found)


@pytest.mark.parametrize("link", links())
def test_link_leads_to_an_answer(link: str, observed: Observed) -> None:
    job = quote(observed.job_id, safe="")
    address = link.replace("${job:percentencode}", job)
    address = address.replace("${__data.fields.Job:percentencode}", job)
    address = address.replace("/jobs/${__value.raw:percentencode}", f"/jobs/{job}")
    address = address.replace("${__value.raw:percentencode}", "DuplicateTargetEntries")
    address = address.replace("${__data.fields.Of:percentencode}", "result")
    assert "$" not in address
    answer = httpx.get(observed.url + address, timeout=60, trust_env=False)
    assert answer.status_code == 200, answer.text


def test_rules_and_targets_have_no_fault(observed: Observed) -> None:
    assert observed.prometheus.faults() == []


def test_panels_do_not_overlap() -> None:
    for board in BOARDS.values():
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            cells = {
                (place["x"] + across, place["y"] + down)
                for across in range(place["w"])
                for down in range(place["h"])
            }
            assert max(x for x, _ in cells) < 24
            assert not cells & taken, panel["title"]
            taken |= cells


def test_provisioned_datasource_knows_the_scrape_interval() -> None:
    """Grafana's shortest range is made of it; a wrong one leaves panels empty."""
    provisioning = ROOT / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    scraping = yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text())
    assert source["jsonData"]["timeInterval"] == scraping["global"]["scrape_interval"]
