"""What can go wrong when a workspace is asked.

    WorkspaceError
    ├── QueryRejected          the query is not acceptable; asking again will not help
    ├── WorkspaceAccessDenied  no right to read
    └── WorkspaceUnanswered    it may work later; `retry_after` says when to ask again
        ├── WorkspaceTimeout
        └── WorkspaceUnavailable

Messages are for the administrator who reads them at night: what happened and what to do. They
never hold a credential, nor the body that a workspace sent.
"""

from __future__ import annotations


class WorkspaceError(Exception):
    """The workspace gave no answer."""


class QueryRejected(WorkspaceError):
    """The workspace, or a check before it, refuses this query."""


class WorkspaceAccessDenied(WorkspaceError):
    """The service may not read this workspace."""


class WorkspaceUnanswered(WorkspaceError):
    """No answer this time; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: int = 10) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class WorkspaceTimeout(WorkspaceUnanswered):
    """The answer took longer than the deadline allows; the query was stopped."""


class WorkspaceUnavailable(WorkspaceUnanswered):
    """The workspace cannot be reached or is closed."""
