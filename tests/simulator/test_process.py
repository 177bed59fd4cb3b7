"""The simulator as a process, told what to do over its control endpoint."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.simulator import CLIENT_ID, CLIENT_SECRET, TENANT_ID
from tests.simulator.process import Remote, started


@pytest.fixture(scope="module")
def remote(store: Path) -> Iterator[Remote]:
    with started(store, "--limits") as running:
        yield running
    assert not running.ca_file.exists()


def ask(remote: Remote, query: str) -> httpx.Response:
    """Asks as the environment says."""
    said = remote.environment
    context = ssl.create_default_context(cafile=said["INSIGHTS_CA_FILE"])
    with httpx.Client(verify=context, trust_env=False) as client:
        token = client.post(
            f"{said['AZURE_AUTHORITY_HOST']}/{said['AZURE_TENANT_ID']}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": said["AZURE_CLIENT_ID"],
                "client_secret": said["AZURE_CLIENT_SECRET"],
                "scope": f"{said['INSIGHTS_ENDPOINT']}/.default",
            },
        ).json()["access_token"]
        return client.post(
            f"{said['INSIGHTS_ENDPOINT']}/v1/workspaces/{said['INSIGHTS_WORKSPACE_ID']}/query",
            json={"query": query},
            headers={"Authorization": f"Bearer {token}"},
        )


def test_process_answers_where_its_environment_says(remote: Remote) -> None:
    assert remote.environment["AZURE_TENANT_ID"] == TENANT_ID
    assert remote.environment["AZURE_CLIENT_ID"] == CLIENT_ID
    assert remote.environment["AZURE_CLIENT_SECRET"] == CLIENT_SECRET
    rows = ask(remote, "AADProvisioningLogs | count").json()["tables"][0]["rows"]
    assert rows == [[12]]


def test_process_fails_counts_and_recovers_as_it_is_told(remote: Remote) -> None:
    remote.reset()
    remote.fail("throttled", retry_after=9, times=1)
    remote.fail("bad_gateway", matching="count")
    answers = [ask(remote, "AADProvisioningLogs | count") for _ in range(2)]
    remote.recover()
    answers.append(ask(remote, "AADProvisioningLogs | count"))
    assert [answer.status_code for answer in answers] == [429, 502, 200]
    assert answers[0].headers["retry-after"] == "9"
    counts = remote.counts
    assert counts.queries == 3
    assert counts.statuses == {429: 1, 502: 1, 200: 1}
    assert counts.faults == {"throttled": 1, "bad_gateway": 1}


def test_process_refuses_a_fault_that_it_does_not_know(remote: Remote) -> None:
    with pytest.raises(ValueError, match="there is no fault earthquake"):
        remote.fail("earthquake")
