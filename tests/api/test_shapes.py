"""The same answer as JSON, CSV and SVG."""

from __future__ import annotations

import csv
import io
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest

from tests.api.service import Service
from tests.api.world import FORMULAS, GARDEN, HOSTILE_APP, ODD, QUIET

SVG = "{http://www.w3.org/2000/svg}"


def table(text: str) -> list[dict[str, str]]:
    """A strict reading of RFC 4180."""
    lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert all(len(line) == len(lines[0]) for line in lines)
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def flat(row: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in row.items():
        nested = isinstance(value, dict)
        found |= flat(value, f"{prefix}{name}.") if nested else {f"{prefix}{name}": value}
    return found


def cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


@pytest.mark.parametrize("route", ["/failures", "/skipped-members", "/silence"])
async def test_csv_has_the_rows_of_the_json(shared: Service, route: str) -> None:
    rows = [flat(row) for row in (await shared.json(route))["data"]]
    lines = table((await shared.get(f"{route}?format=csv")).text)
    assert len(lines) == len(rows) > 0
    for line, row in zip(lines, rows, strict=True):
        for name, value in row.items():
            if value is None and name not in line:  # an object that is null has empty columns
                assert all(not line[column] for column in line if column.startswith(f"{name}."))
                continue
            assert line[name].removeprefix("'") == cell(value)


async def test_csv_lines_end_with_cr_lf_and_formulas_are_text(shared: Service) -> None:
    answer = await shared.get(f"/failures?format=csv&job_id={quote(ODD, safe='')}")
    text = answer.content.decode("utf-8")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert text.startswith("job_id,app.id,app.name,error_code,")
    assert text.endswith("\r\n")
    outside = "".join(text.split('"')[::2])  # what no quotes are around
    assert outside.replace("\r\n", "").isprintable()
    lines = table(text)
    assert {line["error_code"] for line in lines} == {f"'{code}" for code in FORMULAS}
    assert {line["sample_description"] for line in lines} == {f"'{code}" for code in FORMULAS}
    assert {line["app.name"] for line in lines} == {f"'{HOSTILE_APP}"}


@pytest.mark.parametrize("route", ["/failures", "/spikes", "/skipped-members", "/cycles"])
async def test_csv_has_its_header_even_when_empty(shared: Service, route: str) -> None:
    full = (await shared.get(f"{route}?format=csv")).text
    empty = (await shared.get(f"/jobs/{QUIET}{route}?format=csv&window=1h")).text
    of_fleet = (await shared.get(f"{route}?format=csv&app=nobody")).text
    assert of_fleet == full.partition("\r\n")[0] + "\r\n"
    assert "job_id,app.id,app.name," + empty == of_fleet


async def test_series_is_one_line_per_point(shared: Service) -> None:
    rows = (await shared.json("/spikes?of=action"))["data"]
    lines = table((await shared.get("/spikes?of=action&format=csv")).text)
    points = [
        (row["job_id"], row["name"], p["at"], p["events"]) for row in rows for p in row["points"]
    ]
    assert [(x["job_id"], x["name"], x["at"], int(x["events"])) for x in lines] == points
    assert {"expected", "upper", "score", "spike"} < set(lines[0])


async def test_one_job_is_one_line(shared: Service) -> None:
    (line,) = table((await shared.get(f"/jobs/{GARDEN}?format=csv")).text)
    assert (line["job_id"], line["events"], line["health.status"]) == (GARDEN, "57", "degraded")


async def test_series_are_a_chart_that_says_what_it_shows(shared: Service) -> None:
    answer = await shared.get("/spikes?format=svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    chart = ElementTree.fromstring(answer.content)
    assert chart.tag == f"{SVG}svg"
    texts = {tag: chart.find(f"{SVG}{tag}") for tag in ("title", "desc")}
    assert all(found is not None and found.text for found in texts.values())
    assert not list(chart.iter(f"{SVG}script"))


async def test_chart_of_hostile_names_is_still_xml(shared: Service) -> None:
    url = f"/jobs/{quote(ODD, safe='')}/spikes?format=svg&of=result"
    chart = ElementTree.fromstring((await shared.get(url)).content)
    assert any("HYPERLINK" in (text or "") for text in chart.itertext())


async def test_chart_without_events_is_a_chart(shared: Service) -> None:
    answer = await shared.get(f"/jobs/{QUIET}/spikes?format=svg&window=1h")
    assert ElementTree.fromstring(answer.content).tag == f"{SVG}svg"
