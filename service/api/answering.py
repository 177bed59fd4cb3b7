"""From a request for an insight to its response."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, get_origin

from fastapi import Request
from starlette.responses import PlainTextResponse, Response

from service.api.answers import Asked, render
from service.api.cursors import CursorSigner
from service.api.negotiation import Format, negotiate
from service.api.pack_parameters import given
from service.api.parameters import InsightParameters, ResolvedWindow, options_of, resolve_window
from service.api.problems import ParameterError, Problem
from service.api.serving import keep_while_fresh, raw_path, sees
from service.insights.asking import Answered, Asking
from service.insights.insight import Insight
from service.insights.packs.pack import Pack
from service.insights.question import Question
from service.times import Window
from service.workspace.errors import WorkspaceAccessDenied, WorkspaceUnanswered

FORMATS: dict[str, tuple[Format, ...]] = {
    "object": ("json", "csv"),
    "series": ("json", "csv", "svg"),
    "table": ("json", "csv"),
}


@dataclass(frozen=True)
class Answering:
    """What every insight's routes need."""

    asking: Asking
    signer: CursorSigner
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    max_window: timedelta
    retention: timedelta

    async def answer(
        self,
        request: Request,
        insight: Insight[Any, Any],
        parameters: InsightParameters,
        *,
        job_id: str | None = None,
        path_fields: Mapping[str, str] | None = None,
    ) -> Response:
        """The answer; `path_fields` are options that the path names, such as an event's ID."""
        _refuse_repeats(request, type(parameters))
        chosen = negotiate(
            parameters.format,
            ", ".join(request.headers.getlist("accept")),
            FORMATS[insight.shape],
        )
        now, clock = self.now(), self.monotonic()
        resolved = self._window(insight, parameters, now)
        asked = Asked(
            insight=insight,
            question=Question(
                resolved.window, now, parameters.filters(), job_id, sees(request.scope)
            ),
            format=chosen,
            limit=getattr(parameters, "limit", 1),
            path=raw_path(request.scope),
            pairs=request.query_params.multi_items(),
            options=None,
            path_fields=list((path_fields or {}).items()),
        )
        steady_for = resolved.steady_for
        if (token := getattr(parameters, "cursor", None)) is not None:
            asked, steady_for = asked.continued(self.signer.read(token, asked.purpose)), None
        options = await self._options(insight, asked.question, parameters)
        options = insight.begin(options, asked.position, asked.limit)
        asked = replace(asked, options=replace(options, **(path_fields or {})))
        earlier = resolved.earlier(self.asking.kept_for) if steady_for is not None else ()
        asked, answered = await self._asked(asked, earlier)
        if insight.name == "event" and not answered.rows:
            raise Problem("event-not-found", "No event that the workspace retains has this ID.")
        portal = await self.asking.portal_link(insight, asked.question, asked.options)
        expires = answered.freshness.expires
        if steady_for is not None:
            expires = min(expires, clock + steady_for.total_seconds())
        keep_while_fresh(request.scope, answered.freshness.made, expires)
        return await asyncio.to_thread(render, asked, answered, portal, self.signer)

    async def _asked(self, asked: Asked, earlier: Iterable[Window]) -> tuple[Asked, Answered[Any]]:
        """The answer, and to what: windows move on, also while the workspace fails, and then the
        answer is that of the last window before that is kept."""
        try:
            return asked, await self.asking.ask(asked.insight, asked.question, asked.options)
        except (WorkspaceUnanswered, WorkspaceAccessDenied) as error:
            for window in earlier:
                before = replace(asked, question=replace(asked.question, window=window))
                if answered := await self.asking.kept(
                    asked.insight, before.question, asked.options, str(error)
                ):
                    return before, answered
            raise

    async def kql(
        self, request: Request, insight: Insight[Any, Any], parameters: InsightParameters
    ) -> Response:
        """The queries behind the answer, as text."""
        _refuse_repeats(request, type(parameters))
        now = self.now()
        question = Question(
            self._window(insight, parameters, now).window, now, parameters.filters()
        )
        options = await self._options(insight, question, parameters)
        queries = await self.asking.kql(insight, question, options)
        return PlainTextResponse("\n\n".join(query.text for query in queries) + "\n")

    async def _options(
        self, insight: Insight[Any, Any], question: Question, parameters: InsightParameters
    ) -> Any:
        if isinstance(insight, Pack):
            own = given(insight, parameters)
            return insight.asked(own, question, await self.asking.directory())
        return options_of(parameters)

    def _window(
        self, insight: Insight[Any, Any], parameters: InsightParameters, now: datetime
    ) -> ResolvedWindow:
        return resolve_window(
            parameters,
            insight.default_window,
            now,
            max_window=self.max_window,
            retention=self.retention,
        )


def _refuse_repeats(request: Request, model: type[InsightParameters]) -> None:
    """Raises the problem if a parameter that takes one value was given several."""
    single = {
        field.alias or name
        for name, field in model.model_fields.items()
        if get_origin(field.annotation) is not list
    }
    given = Counter(name for name, _ in request.query_params.multi_items())
    errors = [
        ParameterError(name, "expected one value, not several")
        for name, times in given.items()
        if times > 1 and name in single
    ]
    if errors:
        raise Problem("invalid-parameter", f"{errors[0].parameter}: {errors[0].message}.", errors)
