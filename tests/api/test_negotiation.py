from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.api.negotiation import Format, best_of, negotiate
from service.api.problems import Problem
from tests.api.service import Service

ALL: tuple[Format, ...] = ("json", "csv", "svg")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("text/csv", "csv"),
        ("Text/CSV; charset=utf-8; header=present", "csv"),
        ("image/*", "svg"),
        ("text/csv;q=0.5, application/json;q=0.4", "csv"),
        ("application/json;q=0.4, */*;q=0.1", "json"),
        ("application/json;q=0, */*", "csv"),
        ("text/*;q=0.3, text/csv;q=0, */*;q=0.1", "json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "json"),
        ("image/svg+xml;q=0.9, application/json;q=0.9", "json"),
        ("text/csv;q=nonsense, image/svg+xml;q=0.001", "svg"),
        ("text/csv;q=nan, image/svg+xml;q=0.001", "svg"),
        (",, text/csv ,", "csv"),
    ],
)
def test_accept_chooses(accept: str, chosen: Format) -> None:
    assert negotiate(None, accept, ALL) == chosen


@pytest.mark.parametrize(
    "accept", ["text/html", "application/problem+json", "*/*;q=0", "text/csv;q=0", "json", "/"]
)
def test_accept_that_nothing_matches_is_refused(accept: str) -> None:
    with pytest.raises(Problem) as caught:
        negotiate(None, accept, ALL)
    assert caught.value.code == "not-acceptable"


def test_format_wins_over_accept() -> None:
    assert negotiate("csv", "application/json", ALL) == "csv"


@given(accept=st.text(max_size=100))
@settings(deadline=None)
def test_any_accept_is_an_offer_or_none(accept: str) -> None:
    assert best_of(accept, ["text/csv", "text/plain"]) in ("text/csv", "text/plain", None)


async def test_not_acceptable_says_what_there_is(shared: Service) -> None:
    headers = {"accept": "text/html"}
    problem = await shared.problem("/failures", 406, "not-acceptable", headers=headers)
    assert "application/json, text/csv" in problem["detail"]
    assert "image/svg+xml" not in problem["detail"]


async def test_several_lines_of_accept_are_one_list(shared: Service) -> None:
    for url in ("/failures?window=25h", "/failures?window=25h"):
        lines = [("accept", "application/json;q=0.1"), ("accept", "text/csv")]
        answer = await shared.get(url, headers=lines)
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    plain = await shared.get("/failures?window=25h", headers={"accept": "text/csv;q=0, */*"})
    assert plain.headers["content-type"] == "application/json"


@pytest.mark.parametrize(("route", "status"), [("/failures", 400), ("/spikes", 200)])
async def test_svg_is_for_series_only(shared: Service, route: str, status: int) -> None:
    answer = await shared.get(f"{route}?format=svg", status)
    if status == 400:
        assert [error["parameter"] for error in answer.json()["errors"]] == ["format"]
    accepted = await shared.get(route, 406 if status == 400 else 200, headers={"accept": "image/*"})
    assert accepted.headers["content-type"] != "application/json"
