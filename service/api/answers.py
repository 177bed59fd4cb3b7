"""From an answered question to a response: page, representation, ETag, links."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import Response

from service.api.csv_table import csv_table
from service.api.cursors import Cursor, CursorSigner
from service.api.envelope import Page, render_json
from service.api.negotiation import MEDIA_TYPES, Format
from service.api.rows import fleet_row, outgoing
from service.api.series_chart import series_chart
from service.charts.chart import render_chart
from service.insights.asking import Answered
from service.insights.insight import Insight
from service.insights.question import Question

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Asked:
    """A request for an insight, understood."""

    insight: Insight[Any, Any]
    question: Question
    format: Format
    limit: int
    path: str
    pairs: Pairs
    """The query's parameters as they came."""
    options: Any
    position: str | None = None
    path_fields: Pairs = field(default_factory=list)
    """What the path names beside a job, such as an event's ID."""

    @property
    def purpose(self) -> str:
        """What a cursor is good for: this route with these parameters, whatever the limit."""
        return f"{self.path}?{urlencode(sorted(_without(self.pairs, 'limit', 'cursor')))}"

    def continued(self, cursor: Cursor) -> Asked:
        """The same request from where the cursor stands, over the window it was cut from."""
        question = replace(self.question, window=cursor.window)
        return replace(self, question=question, position=cursor.position)


def render(
    asked: Asked, answered: Answered[Any], portal: str | None, signer: CursorSigner
) -> Response:
    """The response; takes its time, so call it in a thread."""
    insight, question = asked.insight, asked.question
    fleet = question.job_id is None and not insight.own_columns
    page, position = insight.page(answered.rows, asked.options, asked.position, asked.limit)
    following = None
    if position is not None:
        token = signer.write(Cursor(question.window, position), asked.purpose)
        pairs = [*_without(asked.pairs, "cursor"), ("cursor", token)]
        following = f"{asked.path}?{urlencode(pairs)}"
    rows = outgoing(insight.row, page, fleet=fleet)
    headers = {"Vary": "Accept, Accept-Encoding, Authorization"}
    if following:
        headers["Link"] = f'<{following}>; rel="next"'
    match asked.format:
        case "json":
            content, tagged = render_json(
                Page(
                    data=next(iter(rows), None) if insight.shape == "object" else rows,
                    window=question.window,
                    freshness=answered.freshness,
                    next=following,
                    links=_links(asked, portal),
                )
            )
        case "csv":
            row_type = fleet_row(insight.row) if fleet else insight.row
            content = tagged = csv_table(row_type, rows).encode()
        case "svg":
            chart = series_chart(asked.insight, question, answered)
            content = tagged = render_chart(chart).encode()
    headers["ETag"] = f'W/"{hashlib.blake2b(tagged, digest_size=16).hexdigest()}"'
    media_type = MEDIA_TYPES[asked.format]
    return Response(content, media_type=media_type, headers=headers)


def _links(asked: Asked, portal: str | None) -> dict[str, str]:
    query = f"?{urlencode(asked.pairs)}" if asked.pairs else ""
    job = [("job_id", asked.question.job_id)] if asked.question.job_id is not None else []
    pairs = [*job, *asked.path_fields, *_without(asked.pairs, "format", "limit", "cursor")]
    kql_query = f"?{urlencode(pairs)}" if pairs else ""
    links = {
        "self": asked.path + query,
        "kql": f"/insights/{quote(asked.insight.name)}/kql{kql_query}",
    }
    return links | ({"portal": portal} if portal else {})


def _without(pairs: Pairs, *names: str) -> Pairs:
    return [pair for pair in pairs if pair[0] not in names]
