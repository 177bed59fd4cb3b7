"""`make observe`: both run, are named, and end together."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from tests.prometheus.running import ROOT, tool, until

_COMMAND = [sys.executable, "-W", "error", "-m", "prometheus.observe"]
_PATIENCE = 90


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_both_answer_where_it_says_and_end_together(how: signal.Signals) -> None:
    tool("prometheus")
    with subprocess.Popen(_COMMAND, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        overdue = threading.Timer(_PATIENCE, process.kill)
        overdue.start()
        assert process.stdout is not None
        said = "".join(process.stdout.readline() for _ in range(3))
        try:
            jobs, metrics, graph, _ = re.findall(r"http://\S+", said)
            for url in (jobs, metrics, graph):
                assert _get(url).status_code == 200
            prometheus = graph.removesuffix("/graph")
            until(lambda: "up" in _names(prometheus), "the first scrape")
            groups = _get(f"{prometheus}/api/v1/rules").json()["data"]["groups"]
            assert {group["interval"] for group in groups} == {5}
            assert "Ctrl-C stops both." in said
        finally:
            process.send_signal(how)
            process.wait(_PATIENCE)
            overdue.cancel()
    assert process.returncode == 0
    for url in (jobs, graph):
        with pytest.raises(httpx.ConnectError):
            _get(url)


def test_without_prometheus_one_line_says_how_to_get_it(tmp_path: Path) -> None:
    done = subprocess.run(
        _COMMAND,
        env={**os.environ, "PATH": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Prometheus is not here; 'apt-get install prometheus' installs it.\n"


def _names(prometheus: str) -> list[str]:
    names: list[str] = _get(f"{prometheus}/api/v1/label/__name__/values").json()["data"]
    return names


def _get(url: str) -> httpx.Response:
    return httpx.get(url, timeout=60, trust_env=False, follow_redirects=True)
