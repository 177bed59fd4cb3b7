"""The tables of knowledge, read once from the YAML files in this package."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

Area = Literal[
    "general",
    "scim",
    "cross-tenant",
    "cloud-sync",
    "inbound-hr",
    "inbound-api",
    "connector-specific",
]
Category = Literal[
    "data-conflict",
    "internal",
    "licensing",
    "matching",
    "missing-data",
    "other",
    "permissions-or-credentials",
    "schema-or-mapping",
    "scoping",
    "target-unavailable",
    "throttling",
]
Owner = Literal["application-owner", "identity-team", "nobody", "source-data-owner"]


@dataclass(frozen=True)
class ErrorKnowledge:
    """An error code explained.

    `owner` can end the error, `nobody` where waiting does. `retried_automatically` and
    `retry_minutes` are None where no public source says. `docs` is the page with the facts.
    """

    code: str
    aliases: tuple[str, ...]
    area: Area
    category: Category
    meaning: str
    action: str
    owner: Owner
    retried_automatically: bool | None
    retry_minutes: int | None
    docs: str


@dataclass(frozen=True)
class SkipKnowledge:
    """A skip reason explained; `benign` where a healthy job skips so and nobody has to act."""

    reason: str
    benign: bool
    meaning: str
    action: str


@dataclass(frozen=True)
class QuarantineKnowledge:
    """The reason of a job's quarantine explained; it stands in Microsoft Graph, not in the logs."""

    reason: str
    aliases: tuple[str, ...]
    meaning: str
    action: str


@cache
def errors() -> tuple[ErrorKnowledge, ...]:
    """Every known error code, in the order of the file."""
    return tuple(
        ErrorKnowledge(**{**entry, "aliases": tuple(entry["aliases"])})
        for entry in _read("errors.yaml")["errors"]
    )


@cache
def skips() -> tuple[SkipKnowledge, ...]:
    return tuple(SkipKnowledge(**entry) for entry in _read("reasons.yaml")["skips"])


@cache
def quarantines() -> tuple[QuarantineKnowledge, ...]:
    return tuple(
        QuarantineKnowledge(**{**entry, "aliases": tuple(entry["aliases"])})
        for entry in _read("reasons.yaml")["quarantines"]
    )


def _read(name: str) -> dict[str, list[dict[str, Any]]]:
    tables: dict[str, list[dict[str, Any]]] = yaml.safe_load(
        files(__package__).joinpath(name).read_text(encoding="utf-8")
    )
    return tables
