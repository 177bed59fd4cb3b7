"""Who gets a token, and what a query without a good one is answered with."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.api.world import Clock
from tests.simulator import CLIENT_ID, WORKSPACE_ID, Logs, Simulator
from tests.simulator.calling import Caller, calling
from tests.stores import NOW


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize(
    ("fields", "status", "error", "number"),
    [
        ({"client_secret": "another"}, 401, "invalid_client", 7000215),
        ({"client_id": "nobody"}, 400, "unauthorized_client", 700016),
        ({"tenant": "nowhere"}, 400, "invalid_request", 90002),
        ({"scope": "api://garden"}, 400, "invalid_scope", 70011),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
    ],
)
def test_token_is_refused_with_its_code(
    caller: Caller, fields: dict[str, str], status: int, error: str, number: int
) -> None:
    answer = caller.ask_token(**fields)
    said = answer.json()
    assert (answer.status_code, said["error"], said["error_codes"]) == (status, error, [number])
    assert said["error_description"].startswith(f"AADSTS{number}: ")


@pytest.mark.parametrize(
    ("fault", "status"), [("invalid_client", 401), ("unavailable", 503), ("html", 200)]
)
def test_token_endpoint_fails_as_it_is_told(caller: Caller, fault: str, status: int) -> None:
    caller.simulator.fail(fault, at="token", times=1)
    assert caller.ask_token().status_code == status
    assert caller.ask("print 1").status_code == 200
    assert caller.simulator.counts.tokens_refused == 1


def test_query_without_a_good_token_is_refused_as_recorded(caller: Caller) -> None:
    without = caller.client.post(f"/v1/workspaces/{WORKSPACE_ID}/query", json={"query": "print 1"})
    assert code(without) == (401, "AuthenticationFailed")
    assert code(caller.ask("print 1", token="made-up")) == (403, "InvalidAuthenticationToken")
    other = caller.ask_token(scope="https://garden.example/.default").json()["access_token"]
    assert code(caller.ask("print 1", token=other)) == (403, "InvalidAuthenticationTokenAudience")
    token = caller.token
    caller.simulator.revoke_tokens()
    assert code(caller.ask("print 1", token=token)) == (403, "InvalidAuthenticationToken")


def test_token_for_the_public_address_of_the_api_is_good(caller: Caller) -> None:
    said = caller.ask_token(scope="https://api.loganalytics.io/.default").json()
    assert caller.ask("print 1", token=said["access_token"]).status_code == 200


def test_principal_without_a_role_may_not_read_until_it_has_one(caller: Caller) -> None:
    caller.simulator.readers.discard(CLIENT_ID)
    answer = caller.ask("print 1")
    assert code(answer) == (403, "InsufficientAccessError")
    assert answer.json()["error"]["innererror"]["code"] == "UnauthorizedClient"
    caller.simulator.readers.add(CLIENT_ID)
    assert caller.ask("print 1").status_code == 200


def test_token_is_good_for_its_lifetime_only(store: Path) -> None:
    clock = Clock(NOW)
    simulator = Simulator(
        {WORKSPACE_ID: Logs(store)}, now=clock.now, token_lifetime=timedelta(minutes=5)
    )
    with simulator, calling(simulator) as caller:
        said = caller.ask_token().json()
        assert said["expires_in"] == 300
        clock.advance(seconds=299)
        assert caller.ask("print 1", token=said["access_token"]).status_code == 200
        clock.advance(seconds=1)
        assert caller.ask("print 1", token=said["access_token"]).status_code == 401
