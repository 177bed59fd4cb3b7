"""What is written for callers names everything there is, and nothing that is not."""

from __future__ import annotations

import re
from pathlib import Path

from service.api.problems import KINDS
from service.app import openapi_document

GUIDE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")


def test_every_route_has_its_heading() -> None:
    routes = {
        path.replace(f"/insights/{name}/kql", "/insights/{name}/kql")
        for path in openapi_document()["paths"]
        for name in [path.split("/")[2] if path.startswith("/insights/") else ""]
    }
    headings = re.findall(r"^### (.+)$", GUIDE, re.MULTILINE)
    told = {route for heading in headings for route in re.findall(r"`GET ([^`]+)`", heading)}
    assert told == routes | {"/docs", "/openapi.json"}


def test_every_problem_has_its_row() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \| (.+) \|$", GUIDE, re.MULTILINE)
    assert {code: int(status) for code, status, _ in rows} == {
        kind.code: kind.status for kind in KINDS.values()
    }


def test_links_lead_somewhere() -> None:
    docs = Path(__file__).parents[2] / "docs"
    for target in re.findall(r"\]\(([^)#]+)\)", GUIDE):
        assert (docs / target).is_file()
