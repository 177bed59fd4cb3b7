"""What happens to people and groups, how often, per family of jobs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from service.records.demo import steps
from service.records.demo.record import template
from service.records.demo.steps import Step
from service.records.demo.tenant import Family
from service.records.demo.troubles import EVERYWHERE, TROUBLES, Trouble

Crowd = Literal["staff", "newcomers", "leavers", "groups", "stuck members"]


@dataclass(frozen=True)
class Change:
    """One kind of event: its share of a job's events in thousandths, and its record."""

    thousandths: int
    crowd: Crowd
    action: str
    result: str
    line: bytes


_CREATED = [
    {"displayName": "userName", "oldValue": None, "newValue": "{upn}"},
    {"displayName": "displayName", "oldValue": None, "newValue": "{name}"},
    {"displayName": "active", "oldValue": None, "newValue": "True"},
]
_DISABLED = [{"displayName": "active", "oldValue": "True", "newValue": "False"}]


def usual_changes(family: Family) -> tuple[Change, ...]:
    """What jobs of this family do on an ordinary day."""
    found = [*_successes(family), *_skips(family)]
    found += [_failed(family, trouble) for trouble in EVERYWHERE + TROUBLES[family]]
    if family in ("scim", "cloud-sync"):
        found += _unresolved(family)
    return tuple(found)


def refused_sign_ins(family: Family) -> tuple[Change, ...]:
    """What a job writes whose credential has expired: every kind of change fails."""
    reason = "{target} refused the sign-in: the certificate of the credential has expired."
    return tuple(
        _failed(
            family,
            Trouble(
                "SystemForCrossDomainIdentityManagementCredentialValidationFailure",
                share,
                reason,
                "Renew the credential and test the connection.",
                action=action,
            ),
        )
        for action, share in (("Update", 850), ("Create", 150))
    )


def deletions(family: Family) -> tuple[Change, ...]:
    """What a job writes whose scope was cut: people are deleted."""
    return (_gone(family, 1000, "Delete", "staff"),)


def _successes(family: Family) -> Iterator[Change]:
    yield _change(
        family,
        60 if family != "hr" else 90,
        "newcomers",
        "Create",
        trail=[
            steps.read("Create", "user"),
            steps.not_found_in_target("user"),
            steps.scoped("user"),
            steps.written("Create", "user", {"userName": "{upn}", "displayName": "{name}"}),
        ],
        modified=_CREATED,
    )
    yield _change(
        family,
        290 if family != "hr" else 430,
        "staff",
        "Update",
        trail=[
            steps.read("Update", "user"),
            steps.found_in_target("user"),
            steps.scoped("user"),
            steps.written("Update", "user", "{=changes}"),
        ],
        modified="{=modified}",
    )
    yield _gone(family, 16, "Disable", "leavers")
    yield _gone(family, 8, "Delete", "leavers")
    if family in ("scim", "cloud-sync"):
        yield _change(
            family,
            60,
            "groups",
            "Update",
            trail=[
                steps.read("Update", "group"),
                steps.scoped("group"),
                steps.written("Update", "group", {"members": "{member}"}),
            ],
            modified=[{"displayName": "members", "oldValue": None, "newValue": "{member}"}],
        )


def _skips(family: Family) -> Iterator[Change]:
    for reason, thousandths, action, text in (
        ("RedundantExport", 330, "Update", "has the same values on both sides"),
        ("NotEffectivelyEntitled", 120, "Other", "is not assigned to {app}"),
        ("AttributeValidationFailed", 12, "Update", "has no valid value for emails"),
    ):
        yield _change(
            family,
            thousandths,
            "staff",
            action,
            "Skipped",
            [
                steps.read(action, "user"),
                steps.scoped("user", inside=action != "Other"),
                steps.left_alone("user", reason, text),
            ],
        )
    if family == "cross-tenant":
        text = "is a group, and groups are not synchronised"
        trail = [steps.read("Other", "group"), steps.left_alone("group", "NotSupported", text)]
        refused = Trouble("EntityTypeNotSupported", 0, "Groups are not synchronised.", "None.")
        yield _change(family, 20, "groups", "Other", "Skipped", trail, error=refused.information)


def _unresolved(family: Family) -> Iterator[Change]:
    """Group updates that lack a member; which of the steps says so varies."""
    information = Trouble(
        "UnableToResolveReferenceAttributeValue",
        0,
        "A member of '{name}' has no account in {target}.",
        "Bring the member into scope.",
    ).information
    around = [
        steps.read("Update", "group"),
        steps.scoped("group"),
        steps.processed("Update", "group"),
        steps.written("Update", "group"),
    ]
    for index, result in ((1, "Skipped"), (2, "Success"), (3, "Failure"), (4, "Skipped")):
        yield _change(
            family,
            5,
            "stuck members",
            "Update",
            result,
            [*around[:index], steps.member_unresolved(), *around[index:]],
            error=None if result == "Success" else information,
        )


def _gone(family: Family, thousandths: int, action: str, crowd: Crowd) -> Change:
    return _change(
        family,
        thousandths,
        crowd,
        action,
        trail=[
            steps.read(action, "user"),
            steps.found_in_target("user"),
            steps.scoped("user", inside=False),
            steps.written(action, "user"),
        ],
        modified=_DISABLED if action == "Disable" else [],
    )


def _failed(family: Family, trouble: Trouble) -> Change:
    trail = [steps.read(trouble.action, "user"), steps.scoped("user")]
    if trouble.code.startswith("Duplicate"):
        trail += [steps.not_found_in_target("user", status=3 if trouble.result == "Warning" else 1)]
    else:
        status = 3 if trouble.result == "Warning" else 1
        trail += [
            steps.processed(trouble.action, "user"),
            steps.not_written(trouble.action, "user", trouble.code, trouble.reason, status),
        ]
    crowd: Crowd = "newcomers" if trouble.action == "Create" else "staff"
    return _change(
        family,
        trouble.thousandths,
        crowd,
        trouble.action,
        trouble.result,
        trail,
        error=trouble.information,
    )


def _change(
    family: Family,
    thousandths: int,
    crowd: Crowd,
    action: str,
    result: str = "Success",
    trail: list[Step] | None = None,
    modified: object = (),
    error: dict[str, str] | None = None,
) -> Change:
    line = template(
        family,
        thing="group" if crowd in ("groups", "stuck members") else "user",
        action=action,
        result=result,
        steps=trail or [],
        modified=modified,
        error=error,
        exists=action not in ("Create", "Other") or result == "Success",
    )
    return Change(thousandths, crowd, action, result, line)
