"""What a request is answered that the server gives up when it stops and its grace is over."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.errors import problem_response
from service.api.problems import Problem

_BY_UVICORN = "Task cancelled, timeout graceful shutdown exceeded"
"""What uvicorn cancels requests with then. Whoever else cancels one does not want an answer."""

_ASK_AGAIN = 5


def answered_when_given_up(app: ASGIApp) -> ASGIApp:
    """The application; a request that is given up is answered with 503."""

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError as error:
            if scope["type"] != "http" or error.args != (_BY_UVICORN,):
                raise
            detail = "The service is stopping and could not finish this in time; ask again."
            problem = Problem("workspace-unavailable", detail, retry_after=_ASK_AGAIN)
            await problem_response(Request(scope), problem)(scope, receive, send)

    return answering
