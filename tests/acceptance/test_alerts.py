"""A real Prometheus scrapes the service over two days, in which things go wrong and right again.

Time is simulated: the service's clock moves on by half an hour for each scrape, and events arrive
as it does. Prometheus lives in real time, so it runs a copy of the rules in which every duration is
shorter by that factor. What that can't show is left to the rules' own tests: rules that compare the
service's time with Prometheus's (stale data), and those on the service itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from service.settings import Settings
from service.times import format_instant, parse_instant
from tests.acceptance.simulated import Simulated, simulated
from tests.api.world import event, unresolved
from tests.prometheus.running import Prometheus, hastened, running, tool, until

STEP = timedelta(minutes=30)
SCRAPE = timedelta(milliseconds=100)

START = datetime(2030, 11, 20, tzinfo=UTC)
"""A Wednesday that Prometheus has not reached yet: no data looks stale to it."""

END = START + timedelta(hours=48)
BURST = START + timedelta(hours=9), START + timedelta(hours=11)
QUIET = START + timedelta(hours=24), START + timedelta(hours=34)

BUSY, STEADY = "scim.busy", "scim.steady"
MEMBERS = 12


def events() -> Iterator[bytes]:
    """Five weeks of two jobs and the days to come: each has a cycle every half hour.

    The busy one fails twice a day, and every half minute in the burst, when a certificate has
    expired; it lacks twelve members. The steady one stops for half a day.
    """
    at, number = START - timedelta(days=35), 0
    while at < END:
        number += 10
        yield event(number, at + timedelta(minutes=2), job=BUSY, app="Busy")
        if not QUIET[0] <= at < QUIET[1]:
            yield event(number + 1, at + timedelta(minutes=3), job=STEADY, app="Steady")
        if at.hour in (4, 16) and at.minute == 0:
            yield _failure(number + 2, at + timedelta(minutes=4), "Conflict")
        at += timedelta(minutes=30)
    for index in range(240):
        yield _failure(1_000_000 + index, BURST[0] + index * timedelta(seconds=30), "Expired")
    for index in range(MEMBERS):
        yield event(
            2_000_000 + index,
            START + timedelta(hours=1, minutes=index),
            job=BUSY,
            app="Busy",
            action="update",
            result="warning",
            kind="Group",
            steps=unresolved(f"member-{index}", "Everybody"),
        )


def _failure(number: int, at: datetime, code: str) -> bytes:
    return event(number, at, job=BUSY, app="Busy", result="failure", code=code)


class Days:
    """The days as they pass, and what Prometheus knew of them.

    The service runs in this event loop, so Prometheus is asked in threads.
    """

    def __init__(self, service: Simulated, prometheus: Prometheus) -> None:
        self._service = service
        self._prometheus = prometheus
        self.fired: dict[tuple[str, str], list[datetime]] = {}

    async def pass_until(self, at: datetime) -> None:
        """Moves on scrape by scrape, and notes which alerts fire for which job."""
        while self._service.clock.now() < at:
            await self._service.step(minutes=STEP.total_seconds() / 60)
            await self._scraped()
            for name, alerts in (await self.firing()).items():
                for alert in alerts:
                    fired = self.fired.setdefault((name, alert["labels"].get("job_id", "")), [])
                    fired.append(self._service.clock.now())

    async def firing(self) -> dict[str, list[dict[str, Any]]]:
        return await asyncio.to_thread(self._prometheus.firing)

    async def values(self, expr: str, *labels: str) -> dict[tuple[str, ...], float]:
        """The samples of an instant query, by the values of these labels."""
        found = await asyncio.to_thread(self._prometheus.query, expr)
        return {tuple(has[label] for label in labels): value for has, value in found}

    async def answer(self, path: str, **parameters: str) -> Any:
        answer = await self._service.client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def _scraped(self) -> None:
        """Returns when Prometheus has what the service shows now, and has judged it."""
        now = self._service.clock.now().timestamp()
        shown = f'entra_provisioning_data_timestamp_seconds{{insight="activity"}} == {now}'
        await asyncio.to_thread(until, lambda: self._prometheus.query(shown), "a scrape")
        since = datetime.now(UTC)
        await asyncio.to_thread(until, lambda: self._prometheus.judged(since), "an evaluation")


async def test_alerts_follow_what_happens_and_values_are_those_of_the_api(tmp_path: Path) -> None:
    async with observing(tmp_path) as days:
        await days.pass_until(BURST[0])
        assert not days.fired.keys() & {("ProvisioningFailureSpike", BUSY)}
        await values_are_those_of_the_api(days, BURST[0])

        await days.pass_until(BURST[1])
        (burst,) = (await days.firing())["ProvisioningFailureSpike"]
        assert burst["labels"]["app_name"] == "Busy"
        assert burst["annotations"]["summary"] == "Busy: unusually many provisioning failures"
        assert "Expired, 120 times" in burst["annotations"]["description"]
        await values_are_those_of_the_api(days, BURST[1])

        await days.pass_until(END)
        await values_are_those_of_the_api(days, END)
        fired = days.fired
        assert fired.keys() == {
            ("ProvisioningFailureSpike", BUSY),
            ("ProvisioningFailureRatioHigh", BUSY),
            ("ProvisioningMembersSkipped", BUSY),
            ("ProvisioningJobSilent", STEADY),
        }
        spike = fired["ProvisioningFailureSpike", BUSY]
        assert BURST[0] < spike[0] <= BURST[0] + timedelta(hours=1)
        assert BURST[1] <= spike[-1] <= BURST[1] + timedelta(hours=2)
        silent = fired["ProvisioningJobSilent", STEADY]
        assert QUIET[0] + timedelta(hours=3) <= silent[0] < QUIET[0] + timedelta(hours=6)
        assert QUIET[1] - STEP <= silent[-1] <= QUIET[1] + timedelta(hours=1)


@asynccontextmanager
async def observing(folder: Path) -> AsyncIterator[Days]:
    """The service at the beginning of the days, seen by Prometheus."""
    tool("prometheus")
    # What is asked beside the counts is not what this is about, and takes most of the time.
    settings = Settings(
        retention=timedelta(days=60), fresh_for=timedelta(hours=6), stale_for=timedelta(hours=6)
    )
    rules = hastened(folder, by=STEP / SCRAPE, groups="entra_provisioning")
    async with simulated(folder, events(), START, settings) as service:
        target = httpx.URL(str(service.client.base_url)).netloc.decode()
        interval = f"{SCRAPE / timedelta(milliseconds=1):.0f}ms"
        starting = running(folder, target, rules, interval=interval)
        prometheus = await asyncio.to_thread(starting.__enter__)
        try:
            yield Days(service, prometheus)
        finally:
            await asyncio.to_thread(starting.__exit__, None, None, None)


async def values_are_those_of_the_api(days: Days, now: datetime) -> None:
    """Compares what Prometheus has now with what the API answers for the same window."""
    for window, length in (("1h", timedelta(hours=1)), ("24h", timedelta(hours=24))):
        span = {"from": format_instant(now - length), "to": format_instant(now), "bin": "5m"}
        jobs = await days.answer("/jobs", **{name: span[name] for name in ("from", "to")})
        events = {(row["job_id"],): row["events"] for row in jobs if row["events"]}
        assert (
            await days.values(
                f'sum by (job_id) (entra_provisioning_window_events{{window="{window}"}})', "job_id"
            )
            == events
        )
        failures = await days.answer(
            f"/jobs/{BUSY}/failures", **{"from": span["from"], "to": span["to"]}
        )
        assert await days.values(
            f'entra_provisioning_window_failures{{window="{window}"}}', "error_code"
        ) == {(row["error_code"],): row["events"] for row in failures}
    last = {(row["job_id"],): parse_instant(row["last_event"]).timestamp() for row in jobs}
    assert await days.values("entra_provisioning_last_event_timestamp_seconds", "job_id") == last
    silence = {(row["job_id"],): row["silent"] for row in await days.answer("/silence")}
    assert await days.values("entra_provisioning_job_silent", "job_id") == silence
    members = await days.answer(f"/jobs/{BUSY}/skipped-members")
    assert await days.values(
        f'entra_provisioning_skipped_members{{job_id="{BUSY}"}}', "job_id"
    ) == {(BUSY,): len(members)}
    (failing,) = [
        series
        for series in await days.answer(f"/jobs/{BUSY}/spikes", of="result")
        if series["name"] == "failure"
    ]
    failures_of = f'{{job_id="{BUSY}",of="result",name="failure"}}'
    today = failing["points"][-1]
    for name, value in (("spike", today["spike"]), ("spike_score", today["score"] or 0)):
        (found,) = (await days.values(f"entra_provisioning_{name}{failures_of}")).values()
        assert round(found, 3) == round(value, 3)
