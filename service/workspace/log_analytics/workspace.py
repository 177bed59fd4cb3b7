"""Queries over HTTPS, through the client of `azure-monitor-query` but not its decoding.

The client signs in and sends; the body is read and decoded here, because the client's own decoding
takes ten times as long, all of it on the event loop. Nothing is tried twice: that is the gate's.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, cast

import aiohttp
import orjson
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.monitor.query.aio import LogsQueryClient

from service.kql.template import Kql, Template
from service.request_ids import REQUEST_ID
from service.table import TABLE, TableSchema
from service.times import format_instant, steady, utc_now
from service.workspace.errors import (
    AnswerCut,
    AnswerUnreadable,
    TokenRefused,
    WorkspaceDisturbed,
    WorkspaceError,
    WorkspaceTimeout,
    WorkspaceUnavailable,
)
from service.workspace.log_analytics.credentials import Credential
from service.workspace.log_analytics.decoding import Decoded, Decoder
from service.workspace.log_analytics.failures import Answered, broken, http_date, partial_reason
from service.workspace.log_analytics.place import Place
from service.workspace.log_analytics.portal import logs_link
from service.workspace.protocol import Result, Statistics, TimeSpan

_LONGEST_WAIT = timedelta(minutes=10)
"""The query API takes no longer `wait`."""

_ARRIVAL_UNCERTAINTY = timedelta(minutes=10)
"""`ingestion_time()` is approximate, and rows can be read only some time after it."""

_LETTING_GO = 0.02
"""Seconds: TLS connections close only while the event loop turns (aiohttp, graceful shutdown)."""

_NEW_TOKEN_AFTER = 60.0
"""Seconds for which a token that is refused is kept: another, asked for at once, is refused too."""

_CONNECT_WITHIN = 10
_READ_BYTES = 1 << 18
_LARGEST_PROBLEM = 1 << 16

_GETSCHEMA = Template("AADProvisioningLogs | getschema").fill()
_SCHEMA_WITHIN = timedelta(seconds=30)
_ANY_TIME = timedelta(days=1)


class LogAnalyticsWorkspace:
    """One or more Log Analytics workspaces, asked together; `service.workspace.protocol` says what
    its methods give.

    Every failure that Microsoft documents is an error of its own in `service.workspace.errors`.
    """

    def __init__(
        self,
        place: Place,
        credential: Credential,
        *,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = steady,
    ) -> None:
        self.place = place
        self.credential = credential
        self.clock_skew: timedelta | None = None
        self._now = now
        self._monotonic = monotonic
        self._trusted = _trusted(place)
        self._session: aiohttp.ClientSession | None = None
        self._client: LogsQueryClient | None = None
        self._signed_in = 0.0
        self._closed = False

    @property
    def identity(self) -> str:
        return "log-analytics-" + "-".join(sorted(self.place.workspaces))

    @property
    def arrival_uncertainty(self) -> timedelta:
        return _ARRIVAL_UNCERTAINTY

    @property
    def metered(self) -> bool:
        return True

    async def schema(self) -> TableSchema:
        """The columns that the table has now; asking costs a query, and the gate remembers.

        Where the workspace never got any data, the columns of Microsoft's reference. Raises
        `WorkspaceDisturbed` where only some of them came.
        """
        now = self._now()
        # A span of any length does: the columns are those of the table, not of the rows.
        span = TimeSpan(now - _ANY_TIME, now)
        result = await self.query(_GETSCHEMA, span, deadline=_SCHEMA_WITHIN)
        if result.partial is not None:
            raise WorkspaceDisturbed(
                f"The workspace did not return all columns of {TABLE} ({result.partial}), so that "
                "nothing can be asked of it rightly; they are asked for again."
            )
        names = frozenset(record["ColumnName"] for record in result.records())
        return TableSchema(names) if names else TableSchema()

    async def query(self, kql: Kql, span: TimeSpan, *, deadline: timedelta) -> Result:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(deadline.total_seconds()):
                decoded = await self._decoded(kql, span, deadline)
        except TimeoutError:
            raise self._late(deadline) from None
        except (AzureError, aiohttp.ClientError) as error:
            raise self._broken(error, deadline) from None
        elapsed = decoded.elapsed or timedelta(seconds=time.perf_counter() - started)
        rows = decoded.rows
        partial = partial_reason(decoded.error, len(rows)) if decoded.error else None
        return Result(decoded.columns, rows, Statistics(elapsed, len(rows)), partial)

    def portal_link(self, kql: Kql, span: TimeSpan) -> str | None:
        if self.place.resource_id is None:
            return None
        return logs_link(self.place.portal, self.place.resource_id, kql, span)

    async def close(self) -> None:
        self._closed = True
        if self._session is not None:
            await self._session.close()
        await self.credential.close()
        await asyncio.sleep(_LETTING_GO)

    async def _decoded(self, kql: Kql, span: TimeSpan, deadline: timedelta) -> Decoded:
        seconds = deadline.total_seconds()
        client = self._opened()
        response: AsyncHttpResponse = await client.send_request(
            self._request(kql, span, deadline),
            stream=True,
            connection_timeout=min(_CONNECT_WITHIN, seconds),
            read_timeout=seconds,
        )
        async with response:
            self._note_clock(response.headers)
            if response.status_code == 204:  # The workspace never got any data at all.
                return Decoded((), [])
            if response.status_code != 200:
                body = await _beginning(response)
                headers, status = response.headers, response.status_code
                failure = Answered(status, headers, body, self.place, kql.text).failure()
                if isinstance(failure, TokenRefused):
                    await self._drop_token(client)
                raise failure
            return await _decode(response)

    def _request(self, kql: Kql, span: TimeSpan, deadline: timedelta) -> HttpRequest:
        first, *others = self.place.workspaces
        wait = max(1, int(min(deadline, _LONGEST_WAIT).total_seconds()))
        body: dict[str, Any] = {
            "query": kql.text,
            "timespan": f"{format_instant(span.start)}/{format_instant(span.end)}",
        }
        if others:
            body["workspaces"] = others
        headers = {
            "Accept-Encoding": "gzip",
            # The API keeps answers for two minutes; what is asked here is asked for news.
            "Cache-Control": "no-cache",
            "Content-Type": "application/json",
            "Prefer": f"wait={wait},include-statistics=true",
        }
        if request_id := REQUEST_ID.get():
            headers["x-ms-client-request-id"] = request_id
        address = f"workspaces/{first}/query"
        return HttpRequest("POST", address, headers=headers, content=orjson.dumps(body))

    def _opened(self) -> LogsQueryClient:
        """The client, made when the event loop runs that its connections belong to."""
        if self._closed:
            raise _stopping()
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._trusted),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=True,  # HTTPS_PROXY and NO_PROXY
                auto_decompress=False,
                read_bufsize=_READ_BYTES,
            )
        if self._client is None:
            self._signed_in = self._monotonic()
            self._client = LogsQueryClient(
                cast(AsyncTokenCredential, self.credential),
                endpoint=self.place.endpoint,
                audience=self.place.audience,
                transport=AioHttpTransport(
                    session=self._session,
                    session_owner=False,
                    connection_data_block_size=_READ_BYTES,
                ),
                retry_total=0,
                permit_redirects=False,
            )
        return self._client

    async def _drop_token(self, refused: LogsQueryClient) -> None:
        """Lets the next query get a token of its own.

        The client and the credential keep theirs until it expires, whatever the workspace says of
        it. Queries under way go on: they share only the connections.
        """
        old = self._monotonic() - self._signed_in >= _NEW_TOKEN_AFTER
        if refused is self._client and old:
            self._client = None
            await self.credential.start_over()

    def _note_clock(self, headers: Mapping[str, str]) -> None:
        theirs = http_date(headers.get("Date", ""))
        if theirs is not None:
            # Their date has whole seconds: on average it is half a second old.
            self.clock_skew = self._now() - theirs - timedelta(seconds=0.5)

    def _late(self, deadline: timedelta) -> WorkspaceTimeout:
        seconds = deadline.total_seconds()
        if self.credential.waiting:
            return WorkspaceTimeout(
                f"The sign-in of Microsoft Entra ID gave no token within {seconds:g} s; check the "
                "network to it, and any proxy on the way."
            )
        return WorkspaceTimeout(
            f"The workspace did not answer within {seconds:g} s and the query was given up; ask "
            "for a shorter window, or raise `query_timeout`."
        )

    def _broken(
        self, error: AzureError | aiohttp.ClientError, deadline: timedelta
    ) -> WorkspaceError:
        return _stopping() if self._closed else broken(error, self.place, deadline)


async def _decode(response: AsyncHttpResponse) -> Decoded:
    """The table of a response, decoded in threads while it comes in."""
    body = _Body(response.headers.get("Content-Encoding", ""))
    waiting: list[bytes] = []
    size = 0
    async for piece in response.iter_raw():
        waiting.append(piece)
        size += len(piece)
        if size >= _READ_BYTES:
            await asyncio.to_thread(body.feed, b"".join(waiting))
            waiting, size = [], 0
    await asyncio.to_thread(body.feed, b"".join(waiting))
    return await asyncio.to_thread(body.finish)


class _Body:
    """Unpacks, then decodes."""

    def __init__(self, encoding: str) -> None:
        self._decoder = Decoder()
        self._unzip = zlib.decompressobj(zlib.MAX_WBITS | 16) if encoding == "gzip" else None

    def feed(self, data: bytes) -> None:
        if self._unzip is not None:
            try:
                data = self._unzip.decompress(data)
            except zlib.error:
                raise AnswerUnreadable("The workspace's answer is damaged; ask again.") from None
        self._decoder.feed(data)

    def finish(self) -> Decoded:
        if self._unzip is not None and not self._unzip.eof:
            raise AnswerCut("The workspace's answer ends in the middle.")
        return self._decoder.finish()


async def _beginning(response: AsyncHttpResponse) -> bytes:
    """The body of a response, or its beginning where it is longer than any problem."""
    body = b""
    async for piece in response.iter_bytes():
        body += piece
        if len(body) > _LARGEST_PROBLEM:
            break
    return body


def _trusted(place: Place) -> ssl.SSLContext | bool:
    """Reading certificates takes a while, so it is done once, and not on the event loop."""
    return ssl.create_default_context(cafile=place.ca_file) if place.ca_file else True


def _stopping() -> WorkspaceUnavailable:
    return WorkspaceUnavailable("The service is stopping; ask again in a moment.")
