"""docs/metrics.md has a row for every family of a scrape, and for nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from service.workspace.errors import WorkspaceUnavailable
from tests.api.service import Service
from tests.metrics.scraping import scrape_openmetrics

TABLE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8")


async def test_families_kinds_and_labels_are_those_of_a_scrape(service: Service) -> None:
    await service.get("/failures")
    service.workspace.failing = WorkspaceUnavailable("Out of reach.")
    await service.get("/failures?window=3d", 503)
    shown = {
        name: (family.type, _labels(family))
        for name, family in (await scrape_openmetrics(service)).families.items()
    }
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+?) \| .+ \|$", TABLE, re.MULTILINE)
    told = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    assert told == shown


def _labels(family: Any) -> set[str]:
    return {label for sample in family.samples for label in sample.labels} - {"le"}
