"""What `serve` says when it can't; how it serves is in tests/acceptance."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from service.cli import main
from service.cli.serve import stopping_cleanly
from tests.api.world import made_store


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings of this shell; the interpreter's own setting is put back."""
    for name in ("PORT", "HOST", "STORE", "LOGS", "CURSOR_KEY"):
        monkeypatch.delenv(f"INSIGHTS_{name}", raising=False)
    interval = sys.getswitchinterval()
    yield
    sys.setswitchinterval(interval)


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit code and the one line on standard error; nothing else is written."""
    code = main(["serve", *arguments])
    written = capsys.readouterr()
    (line,) = written.err.splitlines()
    assert written.out == ""
    assert line.startswith("provisioning-insights: ")
    return code, line


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["--port", "ninety"], {}, ["--port", "'ninety'", "0 to 65535"]),
        (["--port", "65536"], {}, ["--port", "'65536'", "0 to 65535"]),
        (["--host", "example"], {}, ["--host", "'example'", "IP address"]),
        ([], {"INSIGHTS_QUERY_TIMEOUT": "soon"}, ["INSIGHTS_QUERY_TIMEOUT", "'soon'", "30s"]),
        ([], {"INSIGHTS_PROT": "1"}, ["INSIGHTS_PROT", "did you mean port"]),
        (["--config", "/nowhere.yaml"], {}, ["--config", "/nowhere.yaml"]),
        (["--logs", "a", "--store", "b"], {}, ["logs", "store", "one of them"]),
    ],
)
def test_wrong_settings_are_wrong_usage(
    arguments: list[str],
    environment: dict[str, str],
    said: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code, line = refusal(capsys, *arguments)
    assert code == 2
    assert all(part in line for part in said)


def test_secret_is_not_repeated(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSIGHTS_CURSOR_KEY", "hush")
    _, line = refusal(capsys, "--port", "x")
    assert "hush" not in line


def foreign(store: Path) -> str:
    store.write_text("Dear diary, " * 1000)
    return "not a store"


def another_database(store: Path) -> str:
    with duckdb.connect(str(store)) as connection:
        connection.execute("CREATE TABLE diary (entry VARCHAR)")
    return "not a store"


def missing(store: Path) -> str:
    return "no such store"


def folder(store: Path) -> str:
    store.mkdir()
    return "folder"


@pytest.mark.parametrize("spoil", [foreign, another_database, missing, folder])
def test_store_that_is_none(
    tmp_path: Path, spoil: Callable[[Path], str], capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "some.duckdb"
    said = spoil(store)
    code, line = refusal(capsys, "--store", str(store), "--port", "0")
    assert code == 1
    assert str(store) in line
    assert said in line


def test_missing_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, line = refusal(capsys, "--logs", str(tmp_path / "none"), "--port", "0")
    assert code == 2
    assert str(tmp_path / "none") in line


@pytest.mark.parametrize("content", ["", "Nothing to see here."])
def test_logs_without_an_event(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.json").write_text(content)
    assert main(["serve", "--logs", str(tmp_path), "--port", "0"]) == 1
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("provisioning-insights: ")
    assert "nothing to serve" in last


def test_port_in_use_is_said_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = made_store(tmp_path / "store.duckdb", iter(()))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, line = refusal(capsys, "--store", str(store), "--port", port)
        assert (code, main(["serve", "--port", port])) == (1, 1)  # no demo is made first
    assert f"Port {port} of 127.0.0.1" in line
    assert line.endswith("--port.")


def test_address_of_another_machine(capsys: pytest.CaptureFixture[str]) -> None:
    code, line = refusal(capsys, "--host", "192.0.2.1", "--port", "0")
    assert code == 1
    assert "192.0.2.1" in line
    assert line.endswith("--host.")


def test_signal_unwinds_like_the_end_of_the_program(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    ended = []

    def made_for_the_occasion() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            ended.append("tidied")

    with pytest.raises(SystemExit) as caught, stopping_cleanly():
        made_for_the_occasion()
    assert (caught.value.code, ended) == (0, ["tidied"])
    assert signal.getsignal(signal.SIGTERM) is before
