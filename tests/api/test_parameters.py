"""Windows, bins and filters, as callers give them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from service.api.parameters import MAX_BINS, OneEventParameters, Parameters, resolve_window
from service.api.problems import Problem
from service.times import BINS
from tests.api.service import Service
from tests.api.world import NOW

MAX_WINDOW = timedelta(days=90)
RETENTION = timedelta(days=400)


def resolved(**given: Any) -> Any:
    parameters = Parameters.model_validate(given)
    return resolve_window(
        parameters, timedelta(hours=24), NOW, max_window=MAX_WINDOW, retention=RETENTION
    )


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("colour=red", {"colour"}),
        ("Window=24h", {"Window"}),
        ("window=24h&window=24h", {"window"}),
        ("limit=1&limit=2&bin=1h&bin=1h", {"limit", "bin"}),
        ("window=24", {"window"}),
        ("window=", {"window"}),
        ("window=0h", {"window"}),
        ("window=-1h", {"window"}),
        ("window=91d", {"window"}),
        ("window=999999d", {"window"}),
        ("window=P99999W", {"window"}),
        ("window=24h&from=2026-11-21T00:00:00Z", {"window"}),
        ("from=2026-11-21T00:00:00", {"from"}),
        ("from=yesterday", {"from"}),
        ("from=2026-02-30T00:00:00Z", {"from"}),
        ("from=0001-01-01T00:00:00Z", {"from"}),
        ("from=9999-12-31T23:59:59-12:00", {"from"}),
        ("from=2027-01-01T00:00:00Z", {"from"}),
        ("from=2026-11-21T00:00:00Z&to=2026-11-21T00:00:00Z", {"from"}),
        ("from=2026-11-21T00:00:00Z&to=2026-11-20T00:00:00Z", {"from"}),
        ("from=2026-01-01T00:00:00Z&to=2026-11-20T00:00:00Z", {"from"}),
        ("from=2026-11-21T00:00:00Z&to=9999-01-01T00:00:00Z", {"to"}),
        ("to=2026-11-21T00:00:00Z", {"to"}),
        ("from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00", {"to"}),
        ("bin=2h", {"bin"}),
        ("bin=1H", {"bin"}),
        ("window=90d&bin=5m", {"bin"}),
        ("action=destroy", {"action"}),
        ("action=create&action=destroy", {"action"}),
        ("result=ok", {"result"}),
        ("limit=0", {"limit"}),
        ("limit=1001", {"limit"}),
        ("limit=ten", {"limit"}),
        ("format=xml", {"format"}),
        ("format=svg", {"format"}),
        ("app=" + "x" * 257, {"app"}),
        ("error_code=" + "x" * 257, {"error_code"}),
        ("&".join(f"operation=o{n}" for n in range(201)), {"operation"}),
        ("cursor=none", {"cursor"}),
        ("cursor=" + "x" * 1025, {"cursor"}),
        ("colour=red&bin=2h", {"colour", "bin"}),
    ],
)
async def test_what_is_wrong_is_named(shared: Service, query: str, names: set[str]) -> None:
    shared.workspace.queries.clear()
    problem = await shared.problem(f"/failures?{query}", 400, "invalid-parameter")
    assert {error["parameter"] for error in problem["errors"]} == names
    assert all(error["message"] for error in problem["errors"])
    assert shared.workspace.queries == []


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("of=colour", "of"),
        ("sensitivity=0", "sensitivity"),
        ("sensitivity=nan", "sensitivity"),
        ("sensitivity=inf", "sensitivity"),
        ("min_events=-1", "min_events"),
        ("min_events=1.5", "min_events"),
        ("only=drops", "only"),
    ],
)
async def test_options_of_spikes_have_bounds(shared: Service, query: str, name: str) -> None:
    problem = await shared.problem(f"/spikes?{query}", 400, "invalid-parameter")
    assert [error["parameter"] for error in problem["errors"]] == [name]


async def test_unknown_value_is_answered_with_those_there_are(shared: Service) -> None:
    problem = await shared.problem("/failures?action=destroy", 400, "invalid-parameter")
    assert "'stageddelete'" in problem["detail"]


@pytest.mark.parametrize(
    ("window", "bin_name"),
    [
        ("30m", "5m"),
        ("6h", "5m"),
        ("PT6H", "5m"),
        ("7h", "1h"),
        ("3d", "1h"),
        ("P3DT1S", "1d"),
        ("90d", "1d"),
    ],
)
def test_default_bin_follows_from_the_window(window: str, bin_name: str) -> None:
    assert resolved(window=window).window.bin is BINS[bin_name]


@pytest.mark.parametrize("bin_name", ["5m", "15m", "1h", "6h", "1d", "7d"])
async def test_window_is_whole_bins_and_the_answer_says_which(
    shared: Service, bin_name: str
) -> None:
    window = (await shared.json(f"/failures?window=26h&bin={bin_name}"))["window"]
    start, end = (datetime.fromisoformat(window[name]) for name in ("from", "to"))
    width = BINS[bin_name].width
    assert start <= NOW - timedelta(hours=26) < start + width
    assert end - width < NOW <= end
    monday = datetime(2026, 11, 16, tzinfo=UTC)
    assert (start - monday) % width == (end - monday) % width == timedelta()


async def test_window_and_from_to_mean_the_same(shared: Service) -> None:
    one = await shared.json("/failures?window=24h")
    other = await shared.json("/failures?from=2026-11-21T14:04:10%2B01:00&to=2026-11-22T13:04:10Z")
    assert (one["data"], one["window"]) == (other["data"], other["window"])
    assert one["window"] == {
        "from": "2026-11-21T13:00:00Z",
        "to": "2026-11-22T14:00:00Z",
        "bin": "PT1H",
    }


async def test_from_without_to_ends_now(shared: Service) -> None:
    window = (await shared.json("/failures?from=2026-11-22T10:00:00Z"))["window"]
    assert window == {"from": "2026-11-22T10:00:00Z", "to": "2026-11-22T13:05:00Z", "bin": "PT5M"}


async def test_event_at_to_is_not_counted_and_one_at_from_is(shared: Service) -> None:
    at = "2026-11-22T10:00:00Z"  # the failures of the odd job
    query = "bin=5m&error_code=%2B1"
    before = await shared.json(f"/failures?from=2026-11-22T09:00:00Z&to={at}&{query}")
    after = await shared.json(f"/failures?from={at}&to=2026-11-22T11:00:00Z&{query}")
    assert before["data"] == []
    assert [row["events"] for row in after["data"]] == [1]


async def test_default_window_gives_way_to_a_smaller_maximum() -> None:
    answer = resolve_window(
        Parameters(), timedelta(days=30), NOW, max_window=timedelta(days=7), retention=RETENTION
    )
    assert answer.window.end - answer.window.start <= timedelta(days=9)


def test_window_keeps_its_meaning_until_its_next_end_moves() -> None:
    assert resolved(window="24h").steady_for == timedelta(minutes=55, seconds=50)
    assert resolved(window="6h").steady_for == timedelta(seconds=50)
    assert resolved(**{"from": "2026-11-22T10:00:00Z"}).steady_for == timedelta(seconds=50)
    ends = {"from": "2026-11-22T10:00:00Z", "to": "2026-11-22T11:01:00Z"}
    assert resolved(**ends).steady_for is None


def test_what_takes_no_window_is_about_all_that_is_retained() -> None:
    answer = resolve_window(
        OneEventParameters(), timedelta(days=1), NOW, max_window=MAX_WINDOW, retention=RETENTION
    )
    assert answer.window.start <= NOW - RETENTION
    assert answer.window.end > NOW + timedelta(days=1)


@given(
    start=st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    length=st.timedeltas(timedelta(microseconds=1), timedelta(days=100)),
    bin_name=st.none() | st.sampled_from(list(BINS)),
)
@settings(deadline=None)
def test_any_window_is_cut_into_whole_bins_that_hold_it_or_refused(
    start: datetime, length: timedelta, bin_name: str | None
) -> None:
    given = {"from": start.isoformat(), "to": (start + length).isoformat(), "bin": bin_name}
    try:
        window = resolved(**given).window
    except Problem as problem:
        too_long, too_fine = length > MAX_WINDOW, "expected a wider one" in problem.detail
        assert too_long or (too_fine and length / BINS[bin_name or "1d"].width > MAX_BINS - 2)
        return
    assert window.start <= start
    assert window.end >= start + length
    assert window.end - window.start < length + 2 * window.bin.width
    assert 0 < window.bins <= MAX_BINS
    assert window.starts()[-1] + window.bin.width == window.end


@given(text=st.text(max_size=40), name=st.sampled_from(["window", "from", "to", "bin"]))
@settings(deadline=None)
def test_any_text_is_a_window_or_a_problem(text: str, name: str) -> None:
    try:
        window = resolved(**{name: text}).window
    except (Problem, ValidationError):
        return
    assert window.start < window.end


async def events_of(shared: Service, query: str) -> int:
    rows = (await shared.json(f"/jobs?{query}"))["data"]
    return sum(row["events"] for row in rows)


@pytest.mark.parametrize(
    ("query", "events"),
    [
        ("", 94),
        ("app=gARDEN", 57),
        ("app=garden&app=ORCHARD", 90),
        ("app=nobody", 0),
        ("job_id=SCIM.GARDEN.1", 57),
        ("job_id=scim.garden.1&app=Orchard", 0),
        ("action=CREATE", 34),
        ("action=Create&action=update", 61),
        ("result=Failure", 25),
        ("result=failure&action=update", 15),
        ("error_code=duplicatetargetentries", 4),
        ("error_code=DuplicateTargetEntries&error_code=GardenGateLocked", 6),
        ("identity_type=gROUP", 42),
        ("operation=referenceresolution", 30),
        ("operation=entryexportadd&identity_type=group", 12),
        ("error_code=no%27such%22code%0A%00%5C|take+1", 0),
    ],
)
async def test_filters_ignore_case_or_within_and_between(
    shared: Service, query: str, events: int
) -> None:
    assert await events_of(shared, query) == events


async def test_filters_that_choose_events_keep_every_job(shared: Service) -> None:
    rows = (await shared.json("/jobs?action=delete"))["data"]
    assert len(rows) == 4


@pytest.mark.parametrize("path", ["/failures", "/spikes", "/skipped-members", "/jobs", "/cycles"])
async def test_job_id_filter_is_the_fleets_only(shared: Service, path: str) -> None:
    await shared.get(f"{path}?job_id=scim.garden.1")
    of_job = "/jobs/scim.garden.1" + ("" if path == "/jobs" else path)
    problem = await shared.problem(f"{of_job}?job_id=x", 400, "invalid-parameter")
    assert problem["errors"][0]["parameter"] == "job_id"
