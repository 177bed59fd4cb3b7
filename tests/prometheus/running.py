"""A real Prometheus, and its tools; without them a test is skipped, and fails in CI."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import yaml

from service.times import parse_duration, parse_instant

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "prometheus" / "rules").glob("*.yml"))

Labels = Mapping[str, str]
Found = TypeVar("Found")

_PATIENCE = 60.0


def tool(name: str) -> str:
    """The path of a program of Prometheus."""
    path = shutil.which(name)
    if path is None:
        reason = f"{name} is not here: apt-get install prometheus prometheus-alertmanager"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def checked(*arguments: str | Path) -> None:
    """Runs one of the tools, which must be content."""
    program, *rest = (str(argument) for argument in arguments)
    done = subprocess.run([tool(program), *rest], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass(frozen=True)
class Prometheus:
    """A server that runs; `url` is where."""

    url: str
    client: httpx.Client

    def query(self, expr: str) -> list[tuple[Labels, float]]:
        """The samples of an instant query, now; without their name."""
        found = self._get("query", query=expr)
        if found["resultType"] == "scalar":
            return [({}, float(found["result"][1]))]
        return [
            (
                {name: value for name, value in sample["metric"].items() if name != "__name__"},
                float(sample["value"][1]),
            )
            for sample in found["result"]
        ]

    def firing(self) -> dict[str, list[dict[str, Any]]]:
        """The alerts that fire now, by name."""
        firing: dict[str, list[dict[str, Any]]] = {}
        for alert in self._get("alerts")["alerts"]:
            if alert["state"] == "firing":
                firing.setdefault(alert["labels"]["alertname"], []).append(alert)
        return firing

    def judged(self, since: datetime) -> bool:
        """Whether all rules were evaluated after this moment."""
        groups = self._get("rules")["groups"]
        return all(parse_instant(group["lastEvaluation"]) > since for group in groups)

    def faults(self) -> list[str]:
        """What is wrong with rules or targets, as Prometheus says it."""
        groups = self._get("rules")["groups"]
        rules = [
            rule["lastError"]
            for group in groups
            for rule in group["rules"]
            if rule.get("lastError")
        ]
        targets = self._get("targets")["activeTargets"]
        return rules + [target["lastError"] for target in targets if target["lastError"]]

    def _get(self, path: str, **parameters: str) -> Any:
        # In a body, since a selector of many jobs is longer than an address may be.
        answer = (
            self.client.post(f"/api/v1/{path}", data=parameters)
            if parameters
            else self.client.get(f"/api/v1/{path}")
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


def hastened(folder: Path, *, by: float = 1, groups: str = "") -> list[Path]:
    """Copies of the rules that are evaluated with each scrape.

    Whatever they measure in time is shorter `by` this factor: how long a condition must hold, and
    ranges. Only `groups` whose names begin so are taken.
    """
    copies = []
    for path in RULES:
        rules = yaml.safe_load(path.read_text())
        rules["groups"] = [each for each in rules["groups"] if each["name"].startswith(groups)]
        for group in rules["groups"]:
            del group["interval"]
            for rule in group["rules"]:
                for name in ("for", "keep_firing_for"):
                    if name in rule:
                        rule[name] = _shorter(rule[name], by)
                rule["expr"] = re.sub(
                    r"(?<=\[)([\w:]+)(?=\])", lambda span: _all_shorter(span[1], by), rule["expr"]
                )
        copies.append(folder / path.name)
        copies[-1].write_text(yaml.safe_dump(rules))
    return copies


def _all_shorter(span: str, by: float) -> str:
    """A range, or that of a subquery with its step."""
    return ":".join(_shorter(duration, by) for duration in span.split(":"))


def _shorter(duration: str, by: float) -> str:
    return f"{parse_duration(duration).total_seconds() * 1000 / by:.0f}ms"


def until(condition: Callable[[], Found], what: str, patience: float = _PATIENCE) -> Found:
    """What the condition gives once it gives something."""
    end = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < end, f"{what} did not happen within {patience:.0f} s"
        time.sleep(0.02)
    return found


@contextmanager
def running(
    folder: Path, target: str, rules: list[Path], *, interval: str = "1s"
) -> Iterator[Prometheus]:
    """A server that scrapes this target (host and port) as `provisioning-insights`."""
    program = tool("prometheus")
    config = folder / "prometheus.json"
    config.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": interval, "evaluation_interval": interval},
                "rule_files": [str(rule) for rule in rules],
                "scrape_configs": [
                    {
                        "job_name": "provisioning-insights",
                        "static_configs": [{"targets": [target]}],
                    }
                ],
            }
        )
    )
    address = f"127.0.0.1:{_free_port()}"
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            with httpx.Client(base_url=f"http://{address}", trust_env=False) as client:
                until(lambda: _ready(client, process), "the start of Prometheus")
                yield Prometheus(f"http://{address}", client)
        finally:
            process.terminate()
            process.wait(_PATIENCE)


def _ready(client: httpx.Client, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "Prometheus has ended; its log is beside its configuration"
    try:
        return client.get("/-/ready").status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
