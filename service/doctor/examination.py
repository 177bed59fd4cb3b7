"""Asks a workspace what the service will ask of it, and tells how far that goes.

One token, one `getschema` and one small query show everything: what an error is about is known by
its type.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from service.doctor.finding import CHECKS, Finding, Status
from service.kql.template import Template
from service.settings import Settings
from service.table import COLUMNS, TABLE, TableSchema
from service.times import format_instant
from service.workspace.errors import (
    AudienceWrong,
    CredentialMissing,
    NetworkAccessClosed,
    RightMissing,
    TableAbsent,
    TokenRefused,
    WorkspaceError,
    WorkspaceTimeout,
)
from service.workspace.limits import PERIOD, QueryLimits
from service.workspace.log_analytics import LogAnalyticsWorkspace
from service.workspace.log_analytics.credentials import expiry_of, principal_of
from service.workspace.protocol import Result, TimeSpan, Workspace

_CONCERNED: Mapping[type[WorkspaceError], str] = MappingProxyType(
    {
        CredentialMissing: "credential",
        TokenRefused: "token",
        AudienceWrong: "token",
        RightMissing: "right",
        NetworkAccessClosed: "right",
        TableAbsent: "table",
    }
)
"""Which check an error belongs to; others are about the workspace itself."""

_STAGES = ("settings", "token", "workspace", "events")
"""What an error is about that does not say, in the order in which things are asked."""

_NEEDED = ("TimeGenerated", "Id", "JobId")
"""Without these no answer can be made; what stands in for others is in `insights.columns`."""

_NOTHING = (
    f"The workspace returned nothing at all, so that its table {TABLE} and the table's columns are "
    "not known: in the Entra admin centre, under Monitoring, Diagnostic settings, send "
    "ProvisioningLogs to it; if that is done already, wait for the first event, which takes up to "
    "an hour, and run the doctor again."
)
"""What a workspace that never got any data is told."""

_LOOKED_BACK = timedelta(days=7)
_DEADLINE = timedelta(seconds=60)
_MOST_SKEW = timedelta(minutes=1)
_AT_ONCE, _IN_PERIOD = 5, 200
"""What Log Analytics allows one principal: queries at once, and in 30 seconds."""

_NEWEST = Template("""
AADProvisioningLogs
| where TimeGenerated >= {start:datetime} and TimeGenerated < {end:datetime}
| extend Delay = ingestion_time() - TimeGenerated
| summarize Events = count(), Newest = max(TimeGenerated), Delay = percentile(Delay, 95)
""")


async def examine(
    workspace: Workspace, settings: Settings, *, now: Callable[[], datetime]
) -> list[Finding]:
    """A finding for every check, in their order; raises nothing."""
    found: dict[str, tuple[Status, str]] = {"settings": ("ok", _settings(settings))}
    log_analytics = workspace if isinstance(workspace, LogAnalyticsWorkspace) else None
    try:
        if log_analytics:
            await _sign_in(log_analytics, found)
        else:
            for check in ("credential", "token", "right", "budget", "clock"):
                found[check] = "does not apply", "the embedded workspace asks nobody"
        await _read(workspace, found, now)
    except WorkspaceError as error:
        _place(error, found)
    if log_analytics:
        found["budget"] = _budget(settings)
        if log_analytics.clock_skew is not None:
            found["clock"] = _clock(log_analytics.clock_skew)
    return _in_order(found)


def settings_refused(message: str) -> list[Finding]:
    """The findings where not even the settings are right."""
    return _in_order({"settings": ("failed", message)})


def _in_order(found: Mapping[str, tuple[Status, str]]) -> list[Finding]:
    first = next((check for check, (status, _) in found.items() if status == "failed"), "")
    left: tuple[Status, str] = "not tried", f"{first} comes first" if first else "nobody answered"
    return [Finding(check, *found.get(check, left)) for check in CHECKS]


def _settings(settings: Settings) -> str:
    if settings.workspace_id:
        number = len(settings.workspace_id)
        which = "workspace" if number == 1 else f"{number} workspaces"
        return f"Log Analytics, {which} in the {settings.cloud} cloud"
    if settings.store:
        return f"the embedded workspace, over {settings.store}"
    if settings.logs:
        return "the embedded workspace, over logs that are imported at the start"
    return "the embedded workspace, over a made-up tenant"


async def _sign_in(workspace: LogAnalyticsWorkspace, found: dict[str, tuple[Status, str]]) -> None:
    credential = workspace.credential
    try:
        async with asyncio.timeout(_DEADLINE.total_seconds()):
            token = await credential.get_token_info(workspace.place.scope)
    except TimeoutError:
        raise WorkspaceTimeout(
            "The sign-in of Microsoft Entra ID gives no token; check the network to it."
        ) from None
    except WorkspaceError as error:
        if not isinstance(error, CredentialMissing):
            found["credential"] = "ok", f"{credential.tried[-1]} is set up"
            found["token"] = "failed", str(error)
        raise
    principal = principal_of(token)
    named = f", object ID {principal}" if principal else ""
    found["credential"] = "ok", f"{credential.used}{named}"
    until = format_instant(expiry_of(token))
    found["token"] = "ok", f"for {workspace.place.audience}, good until {until}"


async def _read(
    workspace: Workspace, found: dict[str, tuple[Status, str]], now: Callable[[], datetime]
) -> None:
    schema = await workspace.schema()
    found["workspace"] = "ok", workspace.identity
    found.setdefault("right", ("ok", "the service may read it"))
    found["table"] = "ok", TABLE
    found["columns"] = _columns(schema)
    if found["columns"][0] != "ok":
        return
    result = await _newest(workspace, now())
    if result.columns or result.partial is not None:
        found["events"] = _events(result, now(), metered=workspace.metered)
    else:
        found["table"] = "failed", _NOTHING
        del found["columns"]


def _columns(schema: TableSchema) -> tuple[Status, str]:
    if lacking := [name for name in _NEEDED if not schema.has(name)]:
        return "failed", (
            f"{', '.join(lacking)} is missing, and nothing can be counted without it; keep it in "
            "the table's ingestion-time transformation."
        )
    if missing := schema.missing:
        return "ok", (
            f"{len(COLUMNS) - len(missing)} of {len(COLUMNS)}; answers go without "
            f"{', '.join(missing)}"
        )
    return "ok", "all there are"


async def _newest(workspace: Workspace, at: datetime) -> Result:
    span = TimeSpan(at - _LOOKED_BACK, at + _LOOKED_BACK)
    kql = _NEWEST.fill(start=span.start, end=span.end)
    return await workspace.query(kql, span, deadline=_DEADLINE)


def _events(result: Result, at: datetime, *, metered: bool) -> tuple[Status, str]:
    record = next(result.records(), None)
    none = record is None or not record["Events"]
    if none and result.partial is not None:
        return "failed", (
            f"Whether there are events is not known, because the answer is not whole "
            f"({result.partial}); run the doctor again."
        )
    if record is None or none:
        return "failed", (
            f"There is no event of the last {_LOOKED_BACK.days} days; see in the Entra admin "
            "centre whether provisioning runs, and whether the diagnostic setting that sends "
            "ProvisioningLogs here is still there."
        )
    newest: datetime = record["Newest"]
    detail = f"the newest is of {format_instant(newest)}, {_spoken(at - newest)} ago"
    if metered:
        detail += f"; 95 % arrive within {_spoken(record['Delay'])}"
    if result.partial is not None:
        detail += f"; there may be newer ones, because {result.partial}"
    return "ok", detail


def _budget(settings: Settings) -> tuple[Status, str]:
    limits, replicas = QueryLimits.shared(settings), settings.replicas
    at_once, budget = limits.at_once, limits.budget or 0
    each = f"{at_once} at once and {budget} in {PERIOD:.0f} s"
    allowed = f"{_AT_ONCE} at once and {_IN_PERIOD} in {PERIOD:.0f} s"
    if at_once * replicas > _AT_ONCE or budget * replicas > _IN_PERIOD:
        return "failed", (
            f"{replicas} replicas of {each} may ask more than Log Analytics allows one identity "
            f"({allowed}); lower `query_concurrency` or `query_budget`, or run fewer replicas."
        )
    return "ok", f"{each} for each of {replicas}; Log Analytics allows one identity {allowed}"


def _clock(skew: timedelta) -> tuple[Status, str]:
    seconds = skew.total_seconds()
    side = "ahead of" if seconds > 0 else "behind"
    detail = f"{abs(seconds):.0f} s {side} Azure's"
    if abs(skew) > _MOST_SKEW:
        return "failed", f"This machine's clock is {detail}; let a time server (NTP) set it."
    return "ok", detail


def _place(error: WorkspaceError, found: dict[str, tuple[Status, str]]) -> None:
    """Notes an error at its check; what comes before that is then known to be right."""
    failed = [check for check, (status, _) in found.items() if status == "failed"]
    if failed:
        return
    reached = next(check for check in reversed(_STAGES) if check in found)
    concerned = _CONCERNED.get(type(error), _STAGES[_STAGES.index(reached) + 1])
    for check in CHECKS[: CHECKS.index(concerned)]:
        found.setdefault(check, ("ok", "it answers" if check == "workspace" else "granted"))
    found[concerned] = "failed", str(error)


def _spoken(span: timedelta) -> str:
    """`2 h 5 min`, `45 s`: to two units, for people."""
    seconds = max(0, round(span.total_seconds()))
    units = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    parts: Sequence[str] = [
        f"{seconds % bigger // size} {name}"
        for (name, size), bigger in zip(units, (seconds + 1, 86_400, 3600, 60), strict=True)
        if seconds % bigger // size
    ]
    return " ".join(parts[:2]) or "0 s"
