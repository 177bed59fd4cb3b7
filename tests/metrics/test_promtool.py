"""Prometheus' own linter has nothing against the exposition."""

from __future__ import annotations

from service.workspace.errors import WorkspaceUnavailable
from tests.api.service import Service
from tests.metrics.promtool import check


async def test_exposition_is_clean(service: Service, promtool: str) -> None:
    await service.get("/failures")
    service.workspace.failing = WorkspaceUnavailable("Out of reach.")
    await service.get("/failures?window=3d", 503)
    assert check(promtool, (await service.get("/metrics")).content) == ""


def test_linter_would_say_so(promtool: str) -> None:
    assert "counter" in check(promtool, b"# HELP a A.\n# TYPE a counter\na 1\n")
