"""Families from a snapshot of activity."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from service.insights.activity.arrivals import Outcome
from service.insights.directory import App, Job
from service.insights.window_counts import WindowCounts
from service.metrics.family import Family
from service.metrics.provisioning_families import EventsTotal, Snapshot, families
from tests.api.world import NOW

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
OUTCOME = ("job", "create", "success")


def job(job_id: str) -> Job:
    return Job(job_id, App("id", "app"), "source", "target", NOW, NOW)


def snapshot(
    failures: dict[str, int] | None = None,
    outcomes: list[Outcome] | None = None,
    totals: dict[Outcome, int] | None = None,
) -> Snapshot:
    failed = {("24h", "job", code): count for code, count in (failures or {}).items()}
    counts = WindowCounts(NOW, {}, failed)
    return Snapshot(NOW, {"job": job("job")}, counts, outcomes or [], totals or {})


def family(shown: Snapshot, name: str, top: int = 10) -> Family:
    return {each.name: each for each in families(shown, top)}[f"entra_provisioning_{name}"]


@given(failures=st.dictionaries(names, st.integers(1, 10**6), max_size=6))
@settings(deadline=None)
def test_no_failure_is_lost_beyond_the_top_codes(failures: dict[str, int]) -> None:
    found = family(snapshot(failures), "window_failures", 3)
    assert sum(found.samples.values()) == sum(failures.values())
    assert len(found.samples) <= 4
    assert found.folded == max(0, len(failures) - 3)


def test_error_code_called_other_joins_the_rest() -> None:
    found = family(snapshot({"other": 9, "a": 5, "b": 4, "c": 1}), "window_failures", 2)
    assert found.samples == {("job", "a", "24h"): 5, ("job", "other", "24h"): 14}


def test_actions_begin_at_zero_with_success_and_failure() -> None:
    found = EventsTotal(99).family(snapshot(outcomes=[("job", "create", "skipped")]))
    assert found.samples == {
        ("job", "create", result): 0 for result in ("success", "failure", "skipped")
    }


def test_counter_never_moves_a_job_into_other_or_out_of_it() -> None:
    total = EventsTotal(2)
    one = {OUTCOME: 1, ("job", "create", "failure"): 1}
    assert total.family(snapshot(totals=one)).samples == one
    # The new job is larger, and has no room; what the first one does later stays with it.
    more = {("a", "delete", "success"): 500, **one, ("job", "delete", "success"): 9}
    second = total.family(snapshot(totals=more))
    assert second.samples["other", "delete", "success"] == 500
    assert second.samples["job", "delete", "success"] == 9
    assert second.folded == 1
    # The first job is gone for good; the other one stays where it is.
    third = total.family(snapshot(totals={("a", "delete", "success"): 501}))
    assert third.samples == {("other", "delete", "success"): 501}


def test_counter_shows_the_largest_of_the_jobs_that_come_at_once() -> None:
    outcomes = [(job_id, "create", "success") for job_id in ("a", "b", "job")]
    totals = dict.fromkeys(outcomes, 7)
    events = {
        ("24h", *outcome): events for outcome, events in zip(outcomes, (1, 2, 3), strict=True)
    }
    shown = replace(snapshot(totals=totals), counts=WindowCounts(NOW, events, {}))
    found = EventsTotal(1).family(shown)
    assert found.samples == {OUTCOME: 7, ("other", "create", "success"): 14}
    assert found.folded == 2


def test_counter_goes_on_where_it_was_when_a_job_comes_back() -> None:
    total = EventsTotal(99)
    here = snapshot(totals={OUTCOME: 7})
    gone = replace(here, jobs={})
    assert total.family(here).samples == {OUTCOME: 7}
    assert total.family(gone).samples == {}
    assert total.family(replace(here, totals={OUTCOME: 8})).samples == {OUTCOME: 8}


def test_other_of_the_counter_outlives_its_jobs() -> None:
    total = EventsTotal(1)
    shown = snapshot(totals={OUTCOME: 1, ("left", "create", "success"): 4})
    assert total.family(shown).samples["other", "create", "success"] == 4
