from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from service.insights.directory import App, Directory, Job
from service.insights.window_counts import WindowCounts
from service.metrics.exposition import Exposition
from service.metrics.provisioning_families import Snapshot, families
from service.metrics.service_families import ServiceFamilies
from tests.api.world import NOW
from tests.metrics.scraping import Scrape, read_openmetrics

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def snapshot(job_id: str, app: str, failures: dict[str, int]) -> Snapshot:
    job = Job(job_id, App("id", app), "source", "target", NOW, NOW)
    counts = WindowCounts(NOW, {}, {("24h", job_id, code): n for code, n in failures.items()})
    return Snapshot(Directory({job_id: job}), counts, NOW)


def shown(snapshot: Snapshot, top_errors: int) -> Scrape:
    exposition = Exposition(ServiceFamilies())
    exposition.show(families(snapshot, top_errors, success=True))
    text, _ = exposition.scrape(openmetrics=True)
    return read_openmetrics(text.decode())


@given(job_id=names, app=names, failures=st.dictionaries(names, st.integers(1, 10**6), max_size=6))
@settings(deadline=None)
def test_any_names_are_valid_text_and_no_failure_is_lost(
    job_id: str, app: str, failures: dict[str, int]
) -> None:
    found = shown(snapshot(job_id, app, failures), 3)
    counted = found.of("entra_provisioning_window_failures", job_id=job_id)
    assert sum(counted.values()) == sum(failures.values())
    assert len(counted) <= 4
    info = found.of("entra_provisioning_job_info", app_id="id")
    assert info == {(app, job_id, "source", "target"): 1}


def test_error_code_called_other_joins_the_rest() -> None:
    found = shown(snapshot("job", "app", {"other": 9, "a": 5, "b": 4, "c": 1}), 2)
    counted = found.of("entra_provisioning_window_failures", job_id="job", window="24h")
    assert counted == {("a",): 5, ("other",): 14}


def test_nothing_is_shown_of_jobs_before_the_first_answer() -> None:
    assert [family.name for family in families(None, 10, success=False)] == [
        "entra_provisioning_refresh_success"
    ]
