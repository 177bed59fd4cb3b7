from __future__ import annotations

import pytest

from service.api.problems import KINDS
from tests.api.service import Service

CONTRACT = {
    "invalid-parameter": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "job-not-found": 404,
    "insight-not-found": 404,
    "incident-not-found": 404,
    "event-not-found": 404,
    "not-found": 404,
    "method-not-allowed": 405,
    "not-acceptable": 406,
    "precondition-failed": 412,
    "rate-limited": 429,
    "internal": 500,
    "workspace-rejected-query": 502,
    "workspace-access-denied": 502,
    "workspace-unavailable": 503,
    "overloaded": 503,
    "workspace-timeout": 504,
}


def test_codes_are_those_of_the_contract() -> None:
    assert {kind.code: kind.status for kind in KINDS.values()} == CONTRACT


@pytest.mark.parametrize("code", CONTRACT)
async def test_each_code_is_explained(shared: Service, code: str) -> None:
    kind = await shared.json(f"/problems/{code}")
    assert (kind["code"], kind["status"]) == (code, CONTRACT[code])
    assert kind["title"]
    assert len(kind["explanation"].split()) > 5


async def test_unknown_code_is_answered_with_those_there_are(shared: Service) -> None:
    problem = await shared.problem("/problems/none", 404, "not-found")
    assert all(code in problem["detail"] for code in CONTRACT)
