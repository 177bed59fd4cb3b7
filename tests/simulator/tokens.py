"""The token endpoint: access tokens for secrets and federated tokens, as Microsoft Entra ID gives.

Serves the paths that `ClientSecretCredential`, `WorkloadIdentityCredential` and, through them,
`DefaultAzureCredential` ask, with `authority=` and `disable_instance_discovery=True`.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs

import orjson

from tests.simulator import faults
from tests.simulator.faults import Reply

TENANT_ID = "4d1c7a02-6f3e-4a55-9b1d-2c8e7f60a913"
CLIENT_ID = "7b0f4f0e-52d4-4f3c-8d13-0f6d5c1a2e77"
CLIENT_SECRET = "a made-up secret"
FEDERATED_TOKEN = "a made-up federated token"
WORKSPACE_ID = "c1f5a3de-8b1a-4f0a-9c55-6f6f0f4b7d21"

_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class Principal:
    """Who may have tokens."""

    client_id: str = CLIENT_ID
    secret: str = CLIENT_SECRET
    federated_token: str = FEDERATED_TOKEN
    tenant_id: str = TENANT_ID


@dataclass(frozen=True)
class Token:
    client_id: str
    audience: str
    expires: datetime


class Tokens:
    """Issues tokens and knows them again."""

    def __init__(
        self, principals: Collection[Principal], lifetime: timedelta, now: Callable[[], datetime]
    ) -> None:
        self._principals = {principal.client_id: principal for principal in principals}
        self._tenants = {principal.tenant_id for principal in principals}
        self._lifetime = lifetime
        self._now = now
        self._issued: dict[str, Token] = {}

    def discovery(self, base: str, tenant: str) -> Reply:
        """The OpenID configuration of a tenant."""
        oauth = f"{base}/{tenant}/oauth2/v2.0"
        configuration = {
            "issuer": f"{base}/{tenant}/v2.0",
            "authorization_endpoint": f"{oauth}/authorize",
            "device_authorization_endpoint": f"{oauth}/devicecode",
            "token_endpoint": f"{oauth}/token",
            "jwks_uri": f"{base}/{tenant}/discovery/v2.0/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        }
        return Reply(200, orjson.dumps(configuration))

    def issue(self, tenant: str, form: bytes) -> Reply:
        """The answer to a token request: a bearer token, or why there is none."""
        fields = {name: values[0] for name, values in parse_qs(form.decode()).items()}
        if tenant not in self._tenants:
            return self.refusal(400, "invalid_request", 90002, f"Tenant '{tenant}' is not known.")
        if fields.get("grant_type") != "client_credentials":
            return self.refusal(400, "unsupported_grant_type", 70003, "Use client_credentials.")
        principal = self._principals.get(fields.get("client_id", ""))
        if principal is None or principal.tenant_id != tenant:
            message = "The application is not in this tenant."
            return self.refusal(400, "unauthorized_client", 700016, message)
        if not _proves(principal, fields):
            return self.invalid_client()
        scope = fields.get("scope", "")
        if not scope.endswith("/.default"):
            return self.refusal(400, "invalid_scope", 70011, "The scope must end in /.default.")
        value = secrets.token_urlsafe(32)
        audience = scope.removesuffix("/.default")
        self._issued[value] = Token(principal.client_id, audience, self._now() + self._lifetime)
        seconds = int(self._lifetime.total_seconds())
        answer = {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds}
        return Reply(200, orjson.dumps({**answer, "access_token": value}))

    def invalid_client(self) -> Reply:
        """What a wrong secret is answered with."""
        return self.refusal(401, "invalid_client", 7000215, "The client secret is not valid.")

    def refusal(self, status: int, error: str, number: int, message: str) -> Reply:
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        stamp = f"{self._now():%Y-%m-%d %H:%M:%SZ}"
        described = (
            f"AADSTS{number}: {message}\r\nTrace ID: {trace}\r\n"
            f"Correlation ID: {correlation}\r\nTimestamp: {stamp}"
        )
        body = {
            "error": error,
            "error_description": described,
            "error_codes": [number],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
        }
        return Reply(status, orjson.dumps(body))

    def check(self, authorization: str | None, audiences: Collection[str]) -> Token | Reply:
        """The token that a request brings, or the answer to a request without a good one.

        No token is recorded as 401, and one that is not valid or for somebody else as 403; what an
        expired one is answered with is not: 401 here.
        """
        kind, _, value = (authorization or "").partition(" ")
        if kind.lower() != "bearer" or not value:
            return faults.not_authenticated("The 'Authorization' header is missing.")
        token = self._issued.get(value.strip())
        if token is None:
            return faults.invalid_token()
        if token.expires <= self._now():
            return faults.not_authenticated("The access token has expired.")
        if token.audience.rstrip("/") not in audiences:
            return faults.wrong_audience(token.audience, "','".join(sorted(audiences)))
        return token

    def revoke(self) -> None:
        """Forgets every token issued so far."""
        self._issued.clear()


def _proves(principal: Principal, fields: dict[str, str]) -> bool:
    if fields.get("client_assertion_type") == _JWT_BEARER:
        return fields.get("client_assertion") == principal.federated_token
    return fields.get("client_secret") == principal.secret
