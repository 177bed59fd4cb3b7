"""Settings from three places: the right one wins, and what is wrong is named."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from service.settings import Settings, SettingsError, load_settings, settings_schema

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "configuration.md").read_text("utf-8")
RESOURCE = (
    "the workspace's resource ID: /subscriptions/…/resourceGroups/…/providers/"
    "Microsoft.OperationalInsights/workspaces/…"
)
GUIDS = "one workspace ID or a list of them, each a GUID"
DURATION = "a duration such as 30s, 5m, 24h, 7d or PT1H"
WINDOWS = "a list of windows such as 1h and 24h, in whole 5 minutes and at most 90d"
EXAMPLE = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)


def from_file(path: Path, text: str | bytes) -> Settings:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_settings({}, path, {})


def refusal(
    environment: dict[str, str] | None = None,
    config: Path | None = None,
    options: dict[str, Any] | None = None,
) -> str:
    with pytest.raises(SettingsError) as refused:
        load_settings(environment or {}, config, options or {})
    return str(refused.value)


def test_nothing_has_to_be_set() -> None:
    assert load_settings({}, None, {}) == Settings()


def test_command_line_wins_over_environment_over_file(tmp_path: Path) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("port: 1\nhost: 127.0.0.2\nquery_timeout: 5s\n")
    environment = {"INSIGHTS_PORT": "2", "INSIGHTS_HOST": "127.0.0.3", "PATH": "/bin"}
    found = load_settings(environment, config, {"port": "3"})
    assert (found.port, found.host) == (3, "127.0.0.3")
    assert found.query_timeout == timedelta(seconds=5)


def test_wrong_value_is_forgiven_where_another_wins(tmp_path: Path) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("port: many\n")
    assert load_settings({"INSIGHTS_PORT": "2"}, config, {}).port == 2


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("port", "0", 0),
        ("host", "::1", "::1"),
        ("host", "localhost", "localhost"),
        ("logs", "a:/b/*.gz", (Path("a"), Path("/b/*.gz"))),
        ("store", "events.duckdb", Path("events.duckdb")),
        ("activity", "activity.duckdb", Path("activity.duckdb")),
        ("activity_memory", "64MiB", 64 << 20),
        ("query_concurrency", "2", 2),
        ("query_budget", "40", 40),
        ("replicas", "3", 3),
        ("queue_wait", "5s", timedelta(seconds=5)),
        ("queue_length", "7", 7),
        ("refresh_every", "30s", timedelta(seconds=30)),
        ("startup_wait", "PT2M", timedelta(minutes=2)),
        ("fresh_for", "90s", timedelta(seconds=90)),
        ("metrics_windows", "30m,7d,30m", ("30m", "7d")),
        ("metrics_delay", "0s", timedelta(0)),
        ("metrics_delay", "10m", timedelta(minutes=10)),
        ("max_window", "P1DT12H", timedelta(hours=36)),
        ("answer_memory", "1GiB", 1 << 30),
        ("body_memory", "512 KiB", 512 << 10),
        ("embedded_threads", "64", 64),
    ],
)
def test_values_are_read_from_the_environment(name: str, text: str, value: object) -> None:
    assert getattr(load_settings({f"INSIGHTS_{name.upper()}": text}, None, {}), name) == value


@pytest.mark.parametrize("name", Settings.model_fields)
def test_empty_variable_counts_as_not_set(name: str) -> None:
    assert load_settings({f"INSIGHTS_{name.upper()}": ""}, None, {}) == Settings()


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("port", "many", "a whole number from 0 to 65535"),
        ("port", "-1", "a whole number from 0 to 65535"),
        ("port", "65536", "a whole number from 0 to 65535"),
        ("embedded_threads", "0", "a whole number from 1 to 64"),
        ("metrics_top_errors", "101", "a whole number from 1 to 100"),
        ("metrics_max_series", "0", "a whole number from 1 to 1000000"),
        ("metrics_when_stale", "hide", "keep, drop or zero"),
        ("metrics_delay", "soon", DURATION),
        ("replicas", "0", "a whole number from 1 to 1000"),
        ("host", "example.net", "an IP address to listen on, such as 127.0.0.1, or localhost"),
        ("host", "127.0.0.1:80", "an IP address to listen on, such as 127.0.0.1, or localhost"),
        ("query_timeout", "soon", DURATION),
        ("query_timeout", "0s", DURATION),
        ("retention", "P99999999999D", DURATION),
        ("answer_memory", "64MB", "a size such as 64MiB or 2GiB"),
        ("answer_memory", "64", "a size such as 64MiB or 2GiB"),
        ("activity_memory", "all", "a size such as 64MiB or 2GiB"),
        ("refresh_every", "0s", DURATION),
        ("startup_wait", "never", DURATION),
        ("body_memory", "0MiB", "a size such as 64MiB or 2GiB"),
        ("logs", "a::b", "a list of paths"),
        ("cloud", "mars", "public, usgov or china"),
        ("endpoint", "http://api.example", "an address that begins with https://"),
        ("audience", "api.example", "an address that begins with https://"),
        ("workspace_resource_id", "/subscriptions/1", RESOURCE),
    ],
)
def test_wrong_variable_is_named_with_what_is_expected(name: str, text: str, expected: str) -> None:
    variable = f"INSIGHTS_{name.upper()}"
    given_value = text.split(":") if name == "logs" else text
    assert refusal({variable: text}) == f"{variable}: given {given_value!r}, expected {expected}"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("port: true", "port: given True, expected a whole number from 0 to 65535"),
        ("port: 80.0", "port: given 80.0, expected a whole number from 0 to 65535"),
        ("port: [80]", "port: given [80], expected a whole number from 0 to 65535"),
        ("port:", "port: given None, expected a whole number from 0 to 65535"),
        ("retention: 3", f"retention: given 3, expected {DURATION}"),
        ("answer_memory: true", "answer_memory: given True, expected a size such as 64MiB or 2GiB"),
        ("answer_memory: -5", "answer_memory: given -5, expected a size such as 64MiB or 2GiB"),
        ("logs: a", "logs: given 'a', expected a list of paths"),
        ("logs: [1, 2]", "logs: given [1, 2], expected a list of paths"),
        ("store: ''", "store: given '', expected a path"),
        ("activity: ''", "activity: given '', expected a path"),
        ("activity: [a]", "activity: given ['a'], expected a path"),
        ("store: {a: b}", "store: given {'a': 'b'}, expected a path"),
        ("metrics_windows: [7m]", f"metrics_windows: given ['7m'], expected {WINDOWS}"),
        ("metrics_windows: [91d]", f"metrics_windows: given ['91d'], expected {WINDOWS}"),
        ("metrics_windows: []", f"metrics_windows: given [], expected {WINDOWS}"),
        ("metrics_windows: 1h", f"metrics_windows: given '1h', expected {WINDOWS}"),
        ("prot: 80", "prot: is not a setting; did you mean port?"),
        ("zzz: 80", "zzz: is not a setting; see docs/configuration.md for all of them"),
        ("80: 80", "80: is not a setting; see docs/configuration.md for all of them"),
        ("port: 1\nport: 2", "port: is given twice"),
        ("ca_file: ''", "ca_file: given '', expected a path"),
        ("workspace_id: 3", f"workspace_id: given 3, expected {GUIDS}"),
        ("workspace_id: [garden]", f"workspace_id: given ['garden'], expected {GUIDS}"),
    ],
)  # fmt: skip
def test_wrong_line_of_the_file_is_named(tmp_path: Path, line: str, said: str) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text(line + "\n")
    assert refusal(config=config) == f"{config}: {said}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"- port\n", "must hold names and values, such as `port: 8080`"),
        (b"port\n", "must hold names and values, such as `port: 8080`"),
        (b"port: [\n\n", "is not valid YAML at line 3"),
        (b"port: 1\n\tport: 2\n", "is not valid YAML at line 2"),
        (b"a: 1\n--- \nb: 2\n", "is not valid YAML"),
        (b"port: !!python/object:os.system {}\n", "is not valid YAML at line 1"),
        (b"fresh_for: 2026-13-45\n", "is not valid YAML"),
        (b"port: \xff\n", "is not valid YAML"),
        (b"port: \x00\n", "is not valid YAML"),
    ],
)
def test_file_that_is_none_is_said_to_be(tmp_path: Path, content: bytes, said: str) -> None:
    config = tmp_path / "settings.yaml"
    config.write_bytes(content)
    assert refusal(config=config).startswith(f"--config: {config} {said}")


@pytest.mark.parametrize("content", ["", "# port: 1\n", "---\n", "{}\n"])
def test_empty_file_sets_nothing(tmp_path: Path, content: str) -> None:
    assert from_file(tmp_path / "settings.yaml", content) == Settings()


def test_file_that_is_missing_or_a_folder_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.yaml"
    assert (
        refusal(config=missing) == f"--config: {missing} can't be read: No such file or directory"
    )
    assert refusal(config=tmp_path) == f"--config: {tmp_path} can't be read: Is a directory"


def test_wrong_option_is_named_as_it_was_typed() -> None:
    assert refusal(options={"port": "x"}) == (
        "--port: given 'x', expected a whole number from 0 to 65535"
    )


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("fresh_for: never\nnonsense: 1\n")
    lines = refusal({"INSIGHTS_PORT": "x", "INSIGHTS_HOTS": "y"}, config, {"host": "z"}).split("\n")
    named = {line.partition(": ")[0] for line in lines}
    assert named == {str(config), "INSIGHTS_PORT", "INSIGHTS_HOTS", "--host"}
    assert len(lines) == 5


def test_logs_and_store_together_are_refused_by_where_they_came_from() -> None:
    said = refusal({"INSIGHTS_STORE": "a.duckdb"}, None, {"logs": [Path("b")]})
    assert said.startswith("--logs and INSIGHTS_STORE: give one of them")


WORKSPACE = "0f5b7a2c-9a34-4c0e-8a57-6f1f0d0b3c11"
OTHER = "c1f5a3de-8b1a-4f0a-9c55-6f6f0f4b7d21"


def test_workspaces_are_one_or_several_each_once(tmp_path: Path) -> None:
    both = load_settings({"INSIGHTS_WORKSPACE_ID": f"{WORKSPACE}, {OTHER.upper()}"}, None, {})
    assert both.workspace_id == (WORKSPACE, OTHER)
    config = tmp_path / "settings.yaml"
    assert from_file(config, f"workspace_id: {OTHER}").workspace_id == (OTHER,)
    again = load_settings({}, None, {"workspace_id": [OTHER, WORKSPACE, OTHER]})
    assert again.workspace_id == (OTHER, WORKSPACE)


def test_no_query_takes_more_workspaces_than_log_analytics_does() -> None:
    many = [f"{number:08}-0000-4000-8000-000000000000" for number in range(101)]
    assert "at most 100 workspace IDs" in refusal(options={"workspace_id": many})


@pytest.mark.parametrize("other", [{"store": Path("a.duckdb")}, {"logs": [Path("b")]}])
def test_a_workspace_and_files_together_are_refused(other: dict[str, Any]) -> None:
    said = refusal({"INSIGHTS_WORKSPACE_ID": WORKSPACE}, None, other)
    (name,) = other
    assert said == f"--{name} and INSIGHTS_WORKSPACE_ID: give one of them"


def test_secret_is_never_shown(tmp_path: Path) -> None:
    found = load_settings({"INSIGHTS_CURSOR_KEY": "hush-hush"}, None, {})
    assert found.cursor_key
    assert found.cursor_key.get_secret_value() == "hush-hush"
    for shown in (repr(found), str(found), found.model_dump_json()):
        assert "hush" not in shown
    config = tmp_path / "settings.yaml"
    for line in ("cursor_key: [hush]", "cursor_key: {hush: hush}", "cursor_kez: hush"):
        config.write_text(line)
        assert "hush" not in refusal(config=config)


@settings(deadline=None)
@given(st.sampled_from(sorted(Settings.model_fields)), st.text())
def test_any_text_is_a_value_or_a_refusal_of_one_line(name: str, text: str) -> None:
    variable, said = f"INSIGHTS_{name.upper()}", ""
    try:
        load_settings({variable: text}, None, {})
    except SettingsError as error:
        said = str(error)
    assert not said or said.startswith(f"{variable}: given ")
    assert "\n" not in said


def test_published_schema_is_that_of_the_code() -> None:
    published = json.loads((ROOT / "openapi" / "settings.schema.json").read_text("utf-8"))
    assert published == settings_schema(), "run 'make openapi'"


def test_documented_example_is_valid_and_works(tmp_path: Path) -> None:
    (example,) = EXAMPLE
    Draft202012Validator.check_schema(settings_schema())
    Draft202012Validator(settings_schema()).validate(yaml.safe_load(example))
    assert from_file(tmp_path / "settings.yaml", example).port == 8443


@pytest.mark.parametrize(
    "line",
    [
        *("port: 65536", "prot: 1", "fresh_for: 300", "answer_memory: 64MB", "logs: a"),
        *("endpoint: http://a", "workspace_id: [garden]", "workspace_resource_id: garden"),
        "cloud: mars",
    ],
)
def test_schema_refuses_what_the_service_refuses(tmp_path: Path, line: str) -> None:
    assert not Draft202012Validator(settings_schema()).is_valid(yaml.safe_load(line))
    with pytest.raises(SettingsError):
        from_file(tmp_path / "settings.yaml", line)


def test_defaults_in_the_schema_are_what_the_service_reads(tmp_path: Path) -> None:
    defaults = {
        name: described["default"]
        for name, described in settings_schema()["properties"].items()
        if described["default"] is not None
    }
    without = {"activity", "audience", "ca_file", "cursor_key", "endpoint", "store"}
    assert set(Settings.model_fields) - set(defaults) == {*without, "workspace_resource_id"}
    assert from_file(tmp_path / "settings.yaml", yaml.safe_dump(defaults)) == Settings()
    assert Draft202012Validator(settings_schema()).is_valid(defaults)


def test_every_setting_has_its_heading_and_default_and_no_other() -> None:
    documented = re.findall(
        r"^### `(\w+)`\nDefault: (?:`([^`]+)`|([a-z ]+))\.", DOCUMENT, re.MULTILINE
    )
    schema = settings_schema()["properties"]
    assert {name for name, *_ in documented} == set(Settings.model_fields)
    assert len(documented) == len(Settings.model_fields) == DOCUMENT.count("\n### ")
    for name, default, words in documented:
        assert default == str(schema[name]["default"]) if default else words, name
        if words:
            assert not schema[name]["default"], name
