"""docs/metrics.md has a row for every family of a scrape, and for nothing else."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from service.metrics.rendering import render_registry
from service.metrics.service_families import ServiceFamilies
from service.workspace.errors import WorkspaceUnavailable
from tests.api.service import Start, running
from tests.api.world import NOW, event, grown
from tests.metrics.scraping import read_openmetrics, scrape_openmetrics

TABLE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8")
AT = NOW - timedelta(minutes=20)


async def test_families_kinds_and_labels_are_those_of_a_scrape(store: Path, tmp_path: Path) -> None:
    # A system that was not there before, and a group with a privileged one's name.
    new = [
        event(900_000, AT).replace(b'"targetSystem":{"Id":"t"', b'"targetSystem":{"Id":"new"'),
        event(900_001, AT, kind="Group").replace(b"Person 900001", b"Domain Admins"),
    ]
    async with running(Start(grown(store, tmp_path / "more.duckdb", new, NOW))) as service:
        await service.settled()
        await service.get("/failures")
        service.workspace.failing = WorkspaceUnavailable("Out of reach.")
        await service.get("/failures?window=3d", 503)
        shown = {
            name: (family.type, _labels(family))
            for name, family in (await scrape_openmetrics(service)).families.items()
        }
    assert shown["insights_deliveries"] == ("counter", set())
    shown["insights_deliveries"] = _deliveries()
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+?) \| .+ \|$", TABLE, re.MULTILINE)
    told = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    assert told == shown


def _deliveries() -> tuple[str, set[str]]:
    """What only a notification shows."""
    families = ServiceFamilies()
    families.delivery("operations", "success")
    text = render_registry(families.registry).openmetrics.decode()
    family = read_openmetrics(text + "# EOF\n").families["insights_deliveries"]
    return family.type, _labels(family)


def _labels(family: Any) -> set[str]:
    return {label for sample in family.samples for label in sample.labels} - {"le"}
