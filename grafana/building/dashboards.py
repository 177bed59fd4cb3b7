"""All dashboards as JSON."""

from __future__ import annotations

from pathlib import Path

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.building.fleet import fleet
from grafana.building.job import job
from grafana.building.service import service

FOLDER = Path(__file__).parents[1] / "dashboards"

_BOARDS = {"fleet.json": fleet, "job.json": job, "service.json": service}


def dashboards() -> dict[str, str]:
    """The text of each file in `FOLDER`, by its name."""
    encoder = JSONEncoder(indent=2, sort_keys=True, ensure_ascii=False)
    return {name: encoder.encode(_numbered(made())) + "\n" for name, made in _BOARDS.items()}


def _numbered(board: Builder[Dashboard]) -> Dashboard:
    """With an ID on each panel, so that a link to a panel stays right."""
    built = board.build()
    for number, panel in enumerate(built.panels or [], 1):
        panel.id_val = number
    return built
