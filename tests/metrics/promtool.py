"""Debian's promtool: Prometheus' own judgement of an exposition, and its own PromQL."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml

Series = Mapping[str, Sequence[float | None]]
"""Values a minute apart by the series' selector, `None` where a scrape did not show it."""


@pytest.fixture(scope="session")
def promtool() -> str:
    """The program; without it a test is skipped, and fails in CI."""
    found = shutil.which("promtool")
    if found is None:
        reason = "promtool can't run: it needs Debian's package prometheus"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def check(promtool: str, exposition: bytes) -> str:
    """What `check metrics` has to say of Prometheus text; nothing if it is clean."""
    done = subprocess.run([promtool, "check", "metrics"], input=exposition, capture_output=True)
    return (done.stdout + done.stderr).decode()


def assert_holds(promtool: str, folder: Path, series: Series, *expressions: str) -> None:
    """Each expression, asked at the last minute, must have a result and be true of all of it."""
    longest = max(map(len, series.values()))
    tests = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": name, "values": " ".join("_" if v is None else f"{v:g}" for v in of)}
                    for name, of in series.items()
                ],
                "promql_expr_test": [
                    {
                        "expr": f"min({expression})",
                        "eval_time": f"{longest - 1}m",
                        "exp_samples": [{"labels": "{}", "value": 1}],
                    }
                    for expression in expressions
                ],
            }
        ],
    }
    path = folder / "test.yaml"
    path.write_text(yaml.safe_dump(tests))
    done = subprocess.run([promtool, "test", "rules", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr + path.read_text()
