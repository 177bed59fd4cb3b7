"""The running service against its own OpenAPI document, by Schemathesis: all its phases."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest
import schemathesis
from schemathesis.config import (
    CoveragePhaseConfig,
    ExamplesPhaseConfig,
    FuzzingPhaseConfig,
    GenerationConfig,
    PhasesConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
    StatefulPhaseConfig,
)
from schemathesis.core.failures import Failure
from schemathesis.engine import events, from_schema
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.schemas import BaseSchema

from tests.acceptance.process import Served, serving

_EACH_ALIKE = (
    r"^/(jobs/\{job_id\}|jobs/\{job_id\}/(?!failures$).+"
    r"|(?!jobs|spikes|healthz|readyz|metrics|insights)[a-z-]+)$"
)
"""Routes that take what another takes, so that every bound is tried on the other."""
_BEYOND_A_SCHEMA = {"window", "from", "to", "bin", "cursor"}
"""Parameters that a schema can't say all about: what they allow depends on each other, on the
clock, or on the page before."""

_LONGEST_ADDRESS = 60_000
"""The server refuses longer ones itself, before the service has a say."""


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as running:
        yield running


def test_random_requests_and_links_find_nothing(served: Served) -> None:
    schema = _schema(
        served,
        PhasesConfig(
            examples=ExamplesPhaseConfig(enabled=False),
            coverage=CoveragePhaseConfig(enabled=False),
        ),
    )
    assert _run(schema) == {"FUZZING", "STATEFUL_TESTING"}


def test_every_example_and_bound_of_every_parameter_finds_nothing(served: Served) -> None:
    schema = _schema(
        served,
        PhasesConfig(
            fuzzing=FuzzingPhaseConfig(enabled=False),
            stateful=StatefulPhaseConfig(enabled=False),
        ),
    )
    assert _run(schema.exclude(path_regex=_EACH_ALIKE)) == {"EXAMPLES", "COVERAGE"}


def _schema(served: Served, phases: PhasesConfig) -> BaseSchema:
    generation = GenerationConfig(max_examples=5, deterministic=True, database="none")
    project = ProjectConfig(generation=generation, phases=phases, continue_on_failure=True)
    config = SchemathesisConfig(seed=1, projects=ProjectsConfig(default=project))
    schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json", config=config)
    # Each takes what its insight takes, so one stands for all.
    return schema.exclude(path_regex=r"^/insights/(?!failures/)[a-z-]+/kql$")


def _run(schema: BaseSchema) -> set[str]:
    """Asks everything; returns the phases that asked something."""
    phases = set()
    for event in from_schema(schema).execute():
        assert not isinstance(event, events.NonFatalError | events.FatalError), event
        if isinstance(event, events.ScenarioFinished):
            phases.add(event.phase.name)
            assert list(_failures(event)) == []
    return phases


def _failures(event: events.ScenarioFinished) -> Iterator[str]:
    for case, checks in event.recorder.checks.items():
        for check in checks:
            if check.failure_info is None:
                continue
            failure = check.failure_info.failure
            interaction = event.recorder.interactions[case]
            if len(interaction.request.uri) > _LONGEST_ADDRESS:
                continue
            response = interaction.response
            content = response.content if response is not None else b""
            if not _expected(failure, content or b""):
                yield f"{failure}\n{content!r:.300}\n{check.failure_info.code_sample:.600}"


def _expected(failure: Failure, content: bytes) -> bool:
    if not isinstance(failure, RejectedPositiveData):
        return False
    return {error["parameter"] for error in orjson.loads(content)["errors"]} <= _BEYOND_A_SCHEMA
