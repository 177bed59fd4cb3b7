"""Which credentials are tried, and what is said when none will do."""

from __future__ import annotations

from pathlib import Path

import pytest
from azure.core.credentials import AccessTokenInfo
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError
from azure.identity.aio import ChainedTokenCredential

from service.workspace.errors import AudienceWrong, CredentialMissing, TokenRefused
from service.workspace.log_analytics.credentials import Credential, default_credential
from service.workspace.log_analytics.place import CLOUDS
from tests.simulator import Simulator
from tests.workspace.log_analytics.simulated import ask, place_of, simulated

VARIABLES = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_AUTHORITY_HOST")


class Absent:
    async def get_token_info(self, *scopes: str, options: object = None) -> AccessTokenInfo:
        raise CredentialUnavailableError("the file /secret/place is not there")

    async def close(self) -> None:
        pass


class Refused(Absent):
    def __init__(self, message: str) -> None:
        self.message = message

    async def get_token_info(self, *scopes: str, options: object = None) -> AccessTokenInfo:
        raise ClientAuthenticationError(self.message)


class Good(Absent):
    async def get_token_info(self, *scopes: str, options: object = None) -> AccessTokenInfo:
        return AccessTokenInfo("a token", 4_000_000_000)


def chained(*kinds: Absent) -> Credential:
    return Credential(lambda: ChainedTokenCredential(*kinds))  # type: ignore[arg-type]


async def test_the_first_kind_that_gives_a_token_is_named() -> None:
    credential = chained(Absent(), Good(), Refused("never asked"))
    token = await credential.get_token_info("scope")
    assert (token.token, credential.used, credential.tried) == (
        "a token",
        "Good",
        ["Absent", "Good"],
    )


async def test_without_any_kind_the_message_names_all_that_were_tried() -> None:
    with pytest.raises(CredentialMissing, match=r"\(tried: Absent, Absent\)") as raised:
        await chained(Absent(), Absent()).get_token_info("scope")
    assert "/secret/place" not in str(raised.value)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("AADSTS7000222", "has expired"),
        ("AADSTS700016", "check AZURE_CLIENT_ID"),
        ("AADSTS700213", "subject"),
        ("AADSTS99999999", "look the code up"),
    ],
)
async def test_a_refusal_is_explained_by_its_code(code: str, says: str) -> None:
    refused = Refused(f"{code}: user eva@garden.example of app 1234 …")
    with pytest.raises(
        TokenRefused, match=f"refused the Refused credential \\({code}\\)"
    ) as raised:
        await chained(refused, Good()).get_token_info("scope")
    assert says in str(raised.value)
    assert "eva" not in str(raised.value)


async def test_a_resource_that_the_tenant_does_not_know_is_a_wrong_audience() -> None:
    with pytest.raises(AudienceWrong, match="`audience`"):
        await chained(Refused("AADSTS500011: …")).get_token_info("scope")


async def test_the_default_credential_finds_what_the_environment_has(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, simulator.environment[name])
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    credential = default_credential(CLOUDS["china"], place_of(simulator))
    async with simulated(simulator, credential) as workspace:
        assert (await ask(workspace)).rows
    assert credential.used == "Environment"


async def test_an_environment_that_makes_no_sense_is_told_by_its_variables(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "nonsense")
    credential = default_credential(CLOUDS["public"], place_of(simulator))
    with pytest.raises(CredentialMissing, match="AZURE_TOKEN_CREDENTIALS"):
        await credential.get_token_info("scope")
