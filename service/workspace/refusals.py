"""What callers are told whom the gate does not let through."""

from __future__ import annotations

from service.workspace.errors import (
    Overloaded,
    WorkspaceThrottled,
    WorkspaceTimeout,
    WorkspaceUnavailable,
)


def overloaded(wait: int, *, running: int, waiting: int) -> Overloaded:
    return Overloaded(
        f"More is being asked of the workspace than it may be asked ({running} queries run, "
        f"{waiting} wait); ask again in {wait} s.",
        wait,
    )


def throttled(wait: int) -> WorkspaceThrottled:
    return WorkspaceThrottled(
        f"The workspace is throttling and takes no queries for {wait} s; ask again then. If this "
        "goes on, lower INSIGHTS_QUERY_BUDGET or find out who else asks in its name.",
        wait,
    )


def left_alone(wait: int, why: str | None) -> WorkspaceUnavailable:
    return WorkspaceUnavailable(
        f"The workspace fails and is left alone until it is tried again in {wait} s. {why}", wait
    )


def silent(seconds: float) -> WorkspaceTimeout:
    return WorkspaceTimeout(
        f"The workspace answers nothing, not even what time it is, within {seconds:g} s; check the "
        "network to it and to the sign-in, and the health of the service in Azure."
    )


def stopping() -> WorkspaceUnavailable:
    return WorkspaceUnavailable("The service is stopping; ask again in a moment.")
