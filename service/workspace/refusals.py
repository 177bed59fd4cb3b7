"""What callers are told whom the gate does not let through."""

from __future__ import annotations

from service.workspace.errors import Overloaded, WorkspaceThrottled, WorkspaceUnavailable


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


def stopping() -> WorkspaceUnavailable:
    return WorkspaceUnavailable("The service is stopping; ask again in a moment.")
