"""What can go wrong when a workspace is asked.

    WorkspaceError
    ├── QueryRejected          the query is not acceptable; asking again will not help
    ├── WorkspaceAccessDenied  not before somebody changes something
    │   ├── CredentialMissing      nothing that the service could sign in with
    │   ├── TokenRefused           the credential or its token is not accepted
    │   ├── AudienceWrong          tokens are asked for another cloud or resource
    │   ├── RightMissing           no role that may read
    │   ├── NetworkAccessClosed    not from this network
    │   ├── WorkspaceNotFound      no such workspace
    │   └── TableAbsent            no provisioning logs were ever sent there
    └── WorkspaceUnanswered    it may work later; `retry_after` says when to ask again
        ├── WorkspaceTimeout
        ├── WorkspaceThrottled     it allows no more queries for the moment
        ├── Overloaded             too many queries wait already; the workspace was not asked
        └── WorkspaceUnavailable
            ├── AnswerUnreadable   what came is no answer of a workspace
            └── WorkspaceDisturbed may work at once
                └── AnswerCut      the connection ended within the answer

Messages are for the administrator who reads them at night: what happened and what to do. They
never hold a credential, nor the body that a workspace sent.
"""

from __future__ import annotations


class WorkspaceError(Exception):
    """The workspace gave no answer."""


class QueryRejected(WorkspaceError):
    """The workspace, or a check before it, refuses this query."""


class WorkspaceAccessDenied(WorkspaceError):
    """The service can't read this workspace until somebody changes a role, a setting or a switch;
    the message says which."""


class CredentialMissing(WorkspaceAccessDenied):
    """No kind of credential is set up where the service runs."""


class TokenRefused(WorkspaceAccessDenied):
    """The sign-in refuses the credential, or the workspace its token."""


class AudienceWrong(WorkspaceAccessDenied):
    """Tokens are made for another resource than the one that is asked."""


class RightMissing(WorkspaceAccessDenied):
    """The identity has no role that may read the workspace, or not yet."""


class NetworkAccessClosed(WorkspaceAccessDenied):
    """The workspace takes no queries from the network that the service is in."""


class WorkspaceNotFound(WorkspaceAccessDenied):
    """There is no workspace of this ID in this cloud."""


class TableAbsent(WorkspaceAccessDenied):
    """The workspace never got provisioning logs, so it has no table for them."""


class WorkspaceUnanswered(WorkspaceError):
    """No answer this time; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: int = 10) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class WorkspaceTimeout(WorkspaceUnanswered):
    """The answer took longer than the deadline allows; the query was stopped."""


class WorkspaceUnavailable(WorkspaceUnanswered):
    """The workspace cannot be reached or is closed."""


class AnswerUnreadable(WorkspaceUnavailable):
    """Something answered that is not the query API: a proxy, a sign-in page."""


class WorkspaceDisturbed(WorkspaceUnavailable):
    """It went wrong in a way that may pass at once: the connection broke, or 500, 502 or 503 came
    without a time to wait. The gate asks again; see `service.workspace.gate`."""


class AnswerCut(WorkspaceDisturbed):
    """The connection ended before the whole answer had come."""


class WorkspaceThrottled(WorkspaceUnanswered):
    """The workspace takes no more queries before `retry_after` seconds are over (429)."""


class Overloaded(WorkspaceUnanswered):
    """More is being asked than the gate lets through in the time that a caller may wait."""
