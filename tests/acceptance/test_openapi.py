"""The running service against its own OpenAPI document, by Schemathesis: all its phases."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import schemathesis
from schemathesis.config import (
    GenerationConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.core.failures import Failure
from schemathesis.engine import events, from_schema
from schemathesis.openapi.checks import RejectedPositiveData

from tests.acceptance.process import serving

_CONFIG = SchemathesisConfig(
    seed=1,
    projects=ProjectsConfig(
        default=ProjectConfig(
            generation=GenerationConfig(max_examples=20, deterministic=True, database="none"),
            continue_on_failure=True,
        )
    ),
)
_BEYOND_A_SCHEMA = {"window", "from", "to", "bin", "cursor"}
"""Parameters that a schema can't say all about: what they allow depends on each other, on the
clock, or on the page before."""


def test_nothing_is_found() -> None:
    phases = set()
    with serving() as served:
        schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json", config=_CONFIG)
        # Each takes what its insight takes, so one stands for all.
        chosen = schema.exclude(path_regex=r"^/insights/(?!failures/)[a-z-]+/kql$")
        for event in from_schema(chosen).execute():
            assert not isinstance(event, events.NonFatalError | events.FatalError), event
            if isinstance(event, events.ScenarioFinished):
                phases.add(event.phase.name)
                assert list(_failures(event)) == []
    assert {"EXAMPLES", "COVERAGE", "FUZZING", "STATEFUL_TESTING"} <= phases


def _failures(event: events.ScenarioFinished) -> Iterator[str]:
    for case, checks in event.recorder.checks.items():
        for check in checks:
            if check.failure_info is None:
                continue
            failure = check.failure_info.failure
            response = event.recorder.interactions[case].response
            content = response.content if response is not None else b""
            if not _expected(failure, content or b""):
                yield f"{failure}\n{content!r:.300}\n{check.failure_info.code_sample:.600}"


def _expected(failure: Failure, content: bytes) -> bool:
    if not isinstance(failure, RejectedPositiveData):
        return False
    return {error["parameter"] for error in orjson.loads(content)["errors"]} <= _BEYOND_A_SCHEMA
