"""The demo service, observed by a real Prometheus with our rules."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import httpx
import pytest

from tests.acceptance.process import serving
from tests.prometheus.running import Prometheus, hastened, running, tool, until

_ROUTES = ("/jobs", "/failures", "/skipped-members", "/actions?window=7d&bin=1d", "/healthz")


@dataclass(frozen=True)
class Observed:
    """A service at `url`, what Prometheus knows of it, and a job that fails at times."""

    url: str
    prometheus: Prometheus
    job_id: str
    app: str


@pytest.fixture(scope="session")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """The demo service, scraped each second while it is asked; not even a rate is missing."""
    tool("prometheus")
    folder = tmp_path_factory.mktemp("observed")
    enough = threading.Event()
    with (
        serving() as served,
        running(folder, httpx.URL(served.url).netloc.decode(), hastened(folder)) as prometheus,
    ):
        asking = threading.Thread(target=_ask, args=(served.url, enough))
        asking.start()
        try:
            until(lambda: _rates(prometheus), "the first rates")
            # Rules that are built on others see them one evaluation later.
            until(lambda: prometheus.query("count(ALERTS)"), "the first alert")
            (busiest,) = prometheus.query(
                'topk(1, job_id_window:entra_provisioning_window_failures:sum{window="24h"}'
                " * on (job_id) group_left (app_name) job_id:entra_provisioning_job_info:one)"
            )
            labels = busiest[0]
            yield Observed(served.url, prometheus, labels["job_id"], labels["app_name"])
        finally:
            enough.set()
            asking.join()


def _ask(url: str, enough: threading.Event) -> None:
    """Asks what people ask; each time something else, so that caches have something to do."""
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        turn = 0
        while not enough.wait(0.2):
            for route in _ROUTES:
                client.get(route)
            client.get(f"/events?limit=1&q={quote(f'nobody {turn}')}")
            turn += 1


def _rates(prometheus: Prometheus) -> bool:
    found = prometheus.query(
        "sum(rate(insights_http_requests_total[1m])) > 0 "
        "and sum(rate(insights_workspace_queries_total[1m])) > 0 "
        'and sum(rate(insights_cache_requests_total{cache="answers"}[1m])) > 0'
    )
    return bool(found)
