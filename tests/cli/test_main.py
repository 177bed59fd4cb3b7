from __future__ import annotations

import pytest

from service.cli import main

COMMANDS = ("serve", "import", "generate", "kql", "check", "openapi")


@pytest.mark.parametrize("arguments", [[], *([name] for name in COMMANDS), ["kql", "failures"]])
def test_help_is_everywhere(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--help"])
    assert ended.value.code == 0
    written = capsys.readouterr()
    assert written.err == ""
    assert " ".join(["usage: provisioning-insights", *arguments]) in written.out
    assert all(name in written.out for name in COMMANDS if not arguments)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("provisioning-insights 0.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "COMMAND"),
        (["sreve"], "sreve"),
        (["serve", "--colour", "red"], "--colour"),
        (["serve", "--port"], "--port"),
        (["kql"], "NAME"),
        (["kql", "nothing"], "nothing"),
        (["import"], "PATH"),
        (["check"], "PACK"),
        (["openapi", "--pack", "--settings"], "--settings"),
    ],
)
def test_wrong_usage_is_one_line_that_points_to_help(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("provisioning-insights: ")
    assert said in line
    assert line.endswith("--help")
