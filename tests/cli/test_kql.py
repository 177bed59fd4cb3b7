from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.cli import main
from service.insights.catalogue import INSIGHTS
from service.kql.checks import check_query
from service.table import TABLE


def queries(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["kql", *arguments]) == 0
    written = capsys.readouterr()
    assert written.err == ""
    return written.out.removesuffix("\n").split("\n\n")


OF_ONE = {"event": ["--event-id", "an event"], "identity-events": ["--source-id", "a person"]}


@pytest.mark.parametrize("name", INSIGHTS)
def test_every_insight_has_its_queries(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for query in queries(capsys, name, *OF_ONE.get(name, [])):
        check_query(query, [TABLE])


def test_window_filters_and_jobs_are_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    (query,) = queries(
        capsys,
        *("failures", "--from", "2026-11-21T00:00:00Z", "--to", "2026-11-22T00:00:00Z"),
        *("--action", "Create", "--error-code", "X", "--job-id", "a", "--job-id", "b"),
    )
    for part in ("2026-11-21T00:00:00", '"create"', '"x"', 'JobId in~ ("a", "b")'):
        assert part in query


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
@settings(
    deadline=None,
    max_examples=15,  # each builds the whole command line
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_job_id_leaves_one_query(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kql", "failures", f"--job-id={text}"]) == 0
    check_query(capsys.readouterr().out, [TABLE])


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["--window", "never"], "--window"),
        (["--window", "999999d"], "--window"),
        (["--window", "24h", "--from", "2026-11-21T00:00:00Z"], "--window"),
        (["--to", "2026-11-21T00:00:00Z"], "--to"),
        (["--bin", "2h"], "--bin"),
        (["--window", "90d", "--bin", "5m"], "--bin"),
        (["--action", "destroy"], "--action"),
        (["--error-code", "x" * 300], "--error-code"),
        (["--limit", "5"], "--limit"),
    ],
)
def test_wrong_parameters_are_named(
    arguments: list[str], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kql", "failures", *arguments]) == 2
    written = capsys.readouterr()
    (line,) = written.err.splitlines()
    assert option in line
    assert written.out == ""


@pytest.mark.parametrize("name", OF_ONE)
def test_what_a_path_names_is_an_option_that_must_be_given(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    option, value = OF_ONE[name]
    assert main(["kql", name]) == 2
    assert option in capsys.readouterr().err
    assert f'"{value}"' in queries(capsys, name, option, value)[0]
