"""What every answer has, and what a warm one costs: the outermost layer, from outside."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Message

from service.api.serving import takes_gzip
from tests.api.service import SETTINGS, Service, Start, running
from tests.api.world import GARDEN, made_store, tenant

MADE_ID = re.compile(r"[0-9a-f]{32}")


def age_of(answer: httpx.Response) -> tuple[int, int]:
    """Seconds since the data was asked for, and seconds it stays fresh."""
    private, left = answer.headers["cache-control"].split(", max-age=")
    assert private == "private"
    return int(answer.headers["age"]), int(left)


async def test_same_data_is_not_sent_again(service: Service) -> None:
    first = await service.get("/failures")
    etag = first.headers["etag"]
    assert first.headers["vary"] == "Accept, Accept-Encoding, Authorization"
    again = await service.get("/failures", 304, headers={"if-none-match": etag})
    assert again.content == b""
    for name in ("etag", "age", "cache-control", "vary"):
        assert again.headers[name] == first.headers[name]
    assert "content-type" not in again.headers


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("{}", 304),
        ("W/{}", 304),
        ('"other", {}', 304),
        ('W/"other",W/{}', 304),
        ("*", 304),
        (" * ", 304),
        ('"other"', 200),
        ("other", 200),
        ("", 200),
        ('"*"', 200),
    ],
)
async def test_if_none_match_compares_weakly(shared: Service, given: str, status: int) -> None:
    etag = (await shared.get("/failures")).headers["etag"].removeprefix("W/")
    await shared.get("/failures", status, headers={"if-none-match": given.format(etag)})


async def test_if_none_match_may_take_several_lines(shared: Service) -> None:
    etag = (await shared.get("/failures")).headers["etag"]
    lines = [("if-none-match", etag), ("if-none-match", '"other"')]
    await shared.get("/failures", 304, headers=lines)


async def test_etag_is_the_datas_not_the_ages(service: Service, store: Path) -> None:
    before = await service.get("/failures?window=90d")
    service.clock.advance(hours=1)
    after = await service.get("/failures?window=90d")
    assert before.json()["freshness"] != after.json()["freshness"]
    assert before.headers["etag"] == after.headers["etag"]
    other = await service.get("/failures?window=89d")
    assert other.headers["etag"] != before.headers["etag"]


async def test_etag_changes_with_the_data(service: Service, tmp_path: Path) -> None:
    store = made_store(tmp_path / "less.duckdb", iter(list(tenant())[:-1]))
    async with running(Start(store)) as lesser:
        for url in ("/spikes", "/spikes?format=csv", "/spikes?format=svg"):
            one, other = await service.get(url), await lesser.get(url)
            assert one.headers["etag"] != other.headers["etag"]


async def test_etags_of_shapes_differ(shared: Service) -> None:
    urls = ("/spikes", "/spikes?format=csv", "/spikes?format=svg")
    assert len({(await shared.get(url)).headers["etag"] for url in urls}) == 3


async def test_age_counts_up_and_max_age_down(service: Service) -> None:
    assert age_of(await service.get("/failures")) == (0, 300)
    service.workspace.queries.clear()
    service.clock.advance(seconds=120.5)
    assert age_of(await service.get("/failures")) == (120, 179)
    service.clock.advance(seconds=179)
    assert age_of(await service.get("/failures")) == (299, 0)
    assert service.workspace.queries == []


async def test_max_age_ends_where_the_window_moves(service: Service) -> None:
    first = await service.get("/failures?window=6h")  # bins of 5 minutes; the next in 50 s
    assert age_of(first) == (0, 50)
    service.clock.advance(seconds=49)
    same = await service.get("/failures?window=6h")
    assert same.json()["window"] == first.json()["window"]
    service.clock.advance(seconds=1, microseconds=1)
    moved = await service.get("/failures?window=6h")
    assert moved.json()["window"]["to"] == "2026-11-22T13:10:00Z"


@given(steps=st.lists(st.integers(1, 400), min_size=1, max_size=6))
@settings(
    deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_kept_body_never_has_a_window_that_is_over(
    service: Service, steps: list[int]
) -> None:
    for step in steps:
        service.clock.advance(seconds=step)
        window = (await service.json("/failures?window=1h&bin=5m"))["window"]
        now = service.clock.now()
        assert window["to"] == f"{_ceil(now):%Y-%m-%dT%H:%M:%SZ}"


def _ceil(now: Any) -> Any:
    width = timedelta(minutes=5)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - (midnight - now) // width * width


async def test_warm_answer_causes_no_query_and_no_rendering(service: Service) -> None:
    urls = ("/failures", f"/jobs/{GARDEN}/spikes?format=svg", "/jobs?format=csv")
    cold = [await service.get(url) for url in urls]
    service.workspace.queries.clear()
    before = await hits(service)
    warm = [await service.get(url) for url in urls]
    assert [answer.content for answer in warm] == [answer.content for answer in cold]
    assert service.workspace.queries == []
    assert await hits(service) == before + len(urls)


async def hits(service: Service) -> float:
    line = 'insights_cache_requests_total{cache="bodies",outcome="hit"} '
    text = (await service.get("/metrics")).text
    found = [part.removeprefix(line) for part in text.splitlines() if part.startswith(line)]
    return float(found[0]) if found else 0


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("/failures", 200),
        ("/failures?format=csv", 200),
        ("/spikes?format=svg", 200),
        (f"/jobs/{GARDEN}", 200),
        ("/jobs/nobody", 404),
        ("/failures?bin=2h", 400),
        ("/nowhere", 404),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/insights", 200),
        ("/insights/failures", 200),
        ("/insights/failures/kql", 200),
        ("/problems/internal", 200),
        ("/openapi.json", 200),
        ("/docs", 200),
        ("/", 307),
    ],
)
async def test_head_is_get_without_the_body(shared: Service, url: str, status: int) -> None:
    for headers in ({"x-request-id": "one"}, {"x-request-id": "one", "accept-encoding": "gzip"}):
        get = await shared.get(url, status, headers=headers)
        head = await shared.client.head(url, headers=headers)
        assert (head.status_code, head.content) == (status, b"")
        assert head.headers == get.headers
        assert int(head.headers["content-length"]) > 0 or status == 307


async def test_head_may_be_conditional(shared: Service) -> None:
    etag = (await shared.get("/failures")).headers["etag"]
    head = await shared.client.head("/failures", headers={"if-none-match": etag})
    assert head.status_code == 304


@pytest.mark.parametrize(
    ("given", "takes"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("br, gzip;q=0.5", True),
        ("*", True),
        ("*;q=0, gzip", True),
        ("gzip; q=1.000", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*, gzip;q=0", False),
        ("identity, *;q=0", False),
        ("br", False),
        ("x-gzip", False),
        ("gzipped", False),
        ("", False),
    ],
)
def test_gzip_only_for_who_takes_it(given: str, takes: bool) -> None:
    assert takes_gzip({b"accept-encoding": given.encode()}) is takes


async def raw(service: Service, url: str, **headers: str) -> tuple[httpx.Headers, bytes]:
    """The answer's headers and its body as it was sent."""
    async with service.client.stream("GET", url, headers=headers) as answer:
        return answer.headers, b"".join([part async for part in answer.aiter_raw()])


@pytest.mark.parametrize("url", ["/failures", "/openapi.json", "/metrics", "/docs/swagger-ui.css"])
async def test_large_bodies_are_packed_when_asked(shared: Service, url: str) -> None:
    headers, content = await raw(shared, url)
    packed_headers, packed = await raw(shared, url, **{"accept-encoding": "gzip"})
    assert "content-encoding" not in headers
    assert packed_headers["content-encoding"] == "gzip"
    assert int(packed_headers["content-length"]) == len(packed) < len(content)
    assert "Accept-Encoding" in headers["vary"]
    assert "Accept-Encoding" in packed_headers["vary"]
    if url != "/metrics":  # which counts these very requests
        assert gzip.decompress(packed) == content
    assert packed_headers.get("etag") == headers.get("etag")


async def test_small_bodies_are_never_packed(shared: Service) -> None:
    for url in ("/failures?app=nobody", "/healthz"):
        headers, _ = await raw(shared, url, **{"accept-encoding": "gzip"})
        assert "content-encoding" not in headers


@pytest.mark.parametrize("given", ["a", "A-Za.z_0:9/+=@", "x" * 128])
async def test_sane_request_id_is_kept(shared: Service, given: str) -> None:
    headers = {"x-request-id": given}
    for url in ("/failures", "/failures", "/healthz"):
        assert (await shared.get(url, headers=headers)).headers["x-request-id"] == given
    problem = await shared.get("/nowhere", 404, headers=headers)
    assert problem.headers["x-request-id"] == problem.json()["request_id"] == given


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a b", 'a"b', "a,b", "ü".encode(), "a\tb"])
async def test_other_request_ids_are_replaced(shared: Service, given: str | bytes | None) -> None:
    headers = {} if given is None else {"x-request-id": given}
    problem = await shared.get("/nowhere", 404, headers=headers)
    assert MADE_ID.fullmatch(problem.headers["x-request-id"])
    assert problem.json()["request_id"] == problem.headers["x-request-id"]
    ids = {(await shared.get("/failures", headers=headers)).headers["x-request-id"] for _ in "12"}
    assert len(ids) == 2


async def test_answer_is_kept_no_longer_than_its_memory_allows(store: Path) -> None:
    settings = SETTINGS.model_copy(update={"body_memory": 1024})
    async with running(Start(store, settings)) as service:
        await service.settled()
        first, second = await service.get("/failures"), await service.get("/failures")
        assert first.content == second.content
        assert await hits(service) == 0


async def test_addresses_longer_than_a_key_are_answered_all_the_same(shared: Service) -> None:
    values = "&".join(f"error_code={'x' * 250}{n}" for n in range(20))
    assert (await shared.json(f"/failures?{values}"))["data"] == []


async def test_path_and_query_that_are_no_text_are_answered(shared: Service) -> None:
    """What httpx would not send: bytes that are no ASCII, straight to the application."""
    for path, query in ((b"/jobs/\xff\xfe", b""), (b"/jobs", b"app=\xff\xed\xa0\x80%ff")):
        status = await bare(shared, path, query, [(b"host", b"[broken")])
        assert status in (200, 404)


async def bare(
    service: Service, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]]
) -> int:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path.decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    await service.app(scope, receive, send)
    status: int = sent[0]["status"]
    return status
