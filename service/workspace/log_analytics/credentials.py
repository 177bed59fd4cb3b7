"""What the service signs in with: tokens from `azure-identity`, and plain words where none come.

The kinds of a chain are tried in order: environment, workload identity, managed identity, command
lines. What each of them said is kept only as its name and a code of Microsoft's: its own text may
hold identities, and parts of credentials.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, cast
from uuid import UUID

import orjson
from azure.core.credentials import AccessTokenInfo, TokenRequestOptions
from azure.core.credentials_async import AsyncTokenProvider
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.identity import CredentialUnavailableError
from azure.identity.aio import ChainedTokenCredential, DefaultAzureCredential

from service.workspace.errors import (
    AudienceWrong,
    CredentialMissing,
    TokenRefused,
    WorkspaceDisturbed,
    WorkspaceError,
)
from service.workspace.log_analytics.place import Cloud, Place

_CODE = re.compile(r"AADSTS(\d{4,8})", re.ASCII)

_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "50034": "the account does not exist in this tenant; check AZURE_TENANT_ID",
        "53003": "a Conditional Access policy blocks it; except the service's identity from it",
        "70021": "no federated credential of the application matches; compare its issuer, subject "
        "and audience with the service account's",
        "90002": "the tenant does not exist in this cloud; check AZURE_TENANT_ID and the setting "
        "`cloud`",
        "700016": "the tenant does not know the application; check AZURE_CLIENT_ID and "
        "AZURE_TENANT_ID",
        "700024": "the token it signs in with is not valid now; check the clock of this machine",
        "700027": "the certificate is not one of the application's; upload it there, or set "
        "AZURE_CLIENT_CERTIFICATE_PATH to one that is",
        "700211": "no federated credential of the application has this issuer; compare it with the "
        "cluster's OIDC issuer URL",
        "700212": "no federated credential of the application has this audience; set it to "
        "api://AzureADTokenExchange",
        "700213": "no federated credential of the application has this subject; compare it with "
        "the namespace and name of the service account",
        "7000112": "the application is disabled in this tenant; enable its service principal",
        "7000215": "the client secret is wrong; set AZURE_CLIENT_SECRET to the secret's value, not "
        "to its ID",
        "7000222": "the client secret has expired; make a new one and set AZURE_CLIENT_SECRET",
    }
)
"""What Microsoft's sign-in errors mean for whoever set the credential up."""

_AUTHORITY = "AZURE_AUTHORITY_HOST"
_STANDING_IN = {"AsyncFailedDAC": "WorkloadIdentity"}
"""What the chain puts in the place of a kind that is not set up at all."""
_WRONG_AUDIENCE = {"500011", "65002"}


class Credential:
    """A chain of credentials whose errors are `WorkspaceError`s.

    `used` is the kind that gave the last token, `tried` the kinds that were asked for it, in order,
    and `waiting` says that one was asked for last and did not come, nor a refusal. `make` is called
    when the first token is needed.
    """

    def __init__(self, make: Callable[[], ChainedTokenCredential]) -> None:
        self._make = make
        self._chain: ChainedTokenCredential | None = None
        self._former: ChainedTokenCredential | None = None
        self.used: str | None = None
        self.tried: list[str] = []
        self.failure: WorkspaceError | None = None
        self.waiting = False

    async def get_token_info(
        self, *scopes: str, options: TokenRequestOptions | None = None
    ) -> AccessTokenInfo:
        """A token, as `azure-core` asks for it."""
        chain = self._opened()
        self.tried, self.failure, self.waiting = [], None, True
        try:
            token = await chain.get_token_info(*scopes, options=options)
        except AzureError:
            self.waiting = False
            raise self._why() from None
        self.waiting = False
        return token

    def _why(self) -> WorkspaceError:
        return self.failure or _missing(self.tried)

    async def start_over(self) -> None:
        """Forgets every token that was given, for when one is not accepted any more."""
        # Closed only when the next one goes: a query of another caller may be asking it still.
        former, self._former, self._chain = self._former, self._chain, None
        if former is not None:
            await former.close()

    async def close(self) -> None:
        await self.start_over()
        await self.start_over()

    def _opened(self) -> ChainedTokenCredential:
        if self._chain is None:
            try:
                chain = self._make()
            except (ValueError, OSError):
                raise CredentialMissing(
                    "The credential is not set up rightly: check AZURE_TENANT_ID, "
                    "AZURE_AUTHORITY_HOST, AZURE_CLIENT_CERTIFICATE_PATH and "
                    "AZURE_TOKEN_CREDENTIALS."
                ) from None
            watched = (_Watched(kind, self) for kind in chain.credentials)
            chain.credentials = cast(tuple[AsyncTokenProvider, ...], tuple(watched))
            self._chain = chain
        return self._chain


class _Watched:
    """One kind of a chain; tells the whole which was tried, and how it went."""

    def __init__(self, credential: Any, whole: Credential) -> None:
        self._credential = credential
        self._whole = whole
        name = type(credential).__name__.removesuffix("Credential")
        self._kind = _STANDING_IN.get(name, name)

    async def get_token_info(
        self, *scopes: str, options: TokenRequestOptions | None = None
    ) -> AccessTokenInfo:
        self._whole.tried.append(self._kind)
        try:
            token: AccessTokenInfo = await self._credential.get_token_info(*scopes, options=options)
        except CredentialUnavailableError:
            raise
        except Exception as error:
            self._whole.failure = _failure(self._kind, error)
            raise
        self._whole.used = self._kind
        return token

    async def close(self) -> None:
        await self._credential.close()


def default_credential(cloud: Cloud, place: Place) -> Credential:
    """Whatever the machine offers, as `DefaultAzureCredential` finds it.

    A sign-in address in AZURE_AUTHORITY_HOST goes before the cloud's own.
    """
    trusted = {"connection_verify": str(place.ca_file)} if place.ca_file else {}
    return Credential(
        lambda: DefaultAzureCredential(
            authority=os.environ.get(_AUTHORITY, cloud.authority),
            exclude_shared_token_cache_credential=True,
            exclude_visual_studio_code_credential=True,
            **trusted,
        )
    )


def expiry_of(token: AccessTokenInfo) -> datetime:
    """Until when a token is good."""
    return datetime.fromtimestamp(token.expires_on, UTC)


def principal_of(token: AccessTokenInfo) -> str | None:
    """The object ID of the identity that a token is for, which roles are given to."""
    try:
        payload = token.token.split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(UUID(claims["oid"]))
    except (IndexError, KeyError, TypeError, ValueError):
        return None


def _failure(kind: str, error: Exception) -> WorkspaceError:
    code = _CODE.search(str(error))
    if code is None and _may_pass(error):
        return WorkspaceDisturbed(
            f"The sign-in of Microsoft Entra ID did not answer the {kind} credential; check the "
            "network to it, and any proxy on the way."
        )
    if code is None:
        return TokenRefused(
            f"The {kind} credential got no token; check how it is set up where the service runs."
        )
    if code[1] in _WRONG_AUDIENCE:
        return AudienceWrong(
            f"The sign-in knows no resource of the audience that is set ({code[0]}); leave the "
            "setting `audience` out, or set it to the endpoint of the cloud."
        )
    meaning = _MEANINGS.get(code[1], "look the code up and change the credential")
    return TokenRefused(f"The sign-in refused the {kind} credential ({code[0]}): {meaning}.")


def _may_pass(error: Exception) -> bool:
    """Whether no refusal came, but nothing: a broken connection, or a server's own trouble."""
    status: int | None = getattr(error, "status_code", None)
    if status is not None:
        return status == 429 or status >= 500
    return isinstance(error, AzureError) and not isinstance(error, ClientAuthenticationError)


def _missing(tried: list[str]) -> CredentialMissing:
    return CredentialMissing(
        f"The service has nothing to sign in with (tried: {', '.join(tried)}); give it a workload "
        "or managed identity, set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or, "
        "on a desk, run az login."
    )
