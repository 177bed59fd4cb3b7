"""The benchmarks run, at small sizes; no time is asserted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.figure import Aim, in_turns


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.mark.parametrize("name", BENCHMARKS)
def test_each_benchmark_prints_its_figures(name: str, data: Path) -> None:
    written: list[str] = []
    main([name, "--quick", "--data", str(data)], written.append)
    heading, *figures = written
    assert heading.startswith("what")
    assert figures
    for figure in figures:
        assert re.search(r" [0-9.]+( ms| MiB)? +at (least|most) [0-9.]+ +(yes|NO) ", figure)


def test_unknown_benchmark_is_named_with_those_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["speed"], print)
    told = capsys.readouterr().err
    assert "speed: expected one of" in told
    assert all(name in told for name in BENCHMARKS)


def test_aim_is_met_on_its_own_side_only() -> None:
    assert Aim("at least", 0.9).met_by(0.9)
    assert not Aim("at least", 0.9).met_by(0.89)
    assert Aim("at most", 1.5).met_by(1.5)
    assert not Aim("at most", 1.5).met_by(1.51)


def test_sides_take_turns() -> None:
    turns: list[str] = []
    in_turns(lambda: turns.append("first"), lambda: turns.append("second"), rounds=3)
    assert turns == ["first", "second"] * 3
