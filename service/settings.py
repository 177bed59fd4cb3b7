"""All configuration: environment `INSIGHTS_…`, one YAML file, and options of the command line.

The command line wins over the environment, the environment over the file. What is unknown or wrong
stops the start with its name, what was given and what is expected.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    WithJsonSchema,
)

from service.times import format_duration, parse_duration

PREFIX = "INSIGHTS_"

_SIZE = re.compile(r"^([1-9][0-9]{0,11}) ?(B|KiB|MiB|GiB)$", re.ASCII)
_SIZE_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SEPARATORS = {"logs": ":", "packs": ":", "workspace_id": ",", "metrics_windows": ","}
_SECONDS = re.compile(r"([1-9][0-9]{0,8})s", re.ASCII)

_GUID = {"type": "string", "pattern": "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"}
_HTTPS = r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$"
_WORKSPACE_RESOURCE = (
    r"^/[Ss]ubscriptions/[0-9A-Fa-f-]{36}/[Rr]esource[Gg]roups/[^/]+/providers/"
    r"[Mm]icrosoft\.[Oo]perational[Ii]nsights/workspaces/[A-Za-z0-9-]+$"
)
_MOST_WORKSPACES = 100  # that Log Analytics takes in one query

_NO_TIME = ("0s", "PT0S")
_WHOLE_BINS = timedelta(minutes=5)
_LONGEST_METRICS_WINDOW = timedelta(days=90)
_WINDOWS = "a list of windows such as 1h and 24h, in whole 5 minutes and at most 90d"

_DURATION = "a duration such as 30s, 5m, 24h, 7d or PT1H"
_BYTES = "a size such as 64MiB or 2GiB"


class SettingsError(Exception):
    """A setting is unknown or wrong; one line for each."""


def _duration(given: object) -> object:
    if isinstance(given, timedelta):
        return given
    if not isinstance(given, str):
        raise ValueError(_DURATION)
    if seconds := _SECONDS.fullmatch(given):
        return timedelta(seconds=int(seconds[1]))
    try:
        return parse_duration(given)
    except (ValueError, OverflowError):
        raise ValueError(_DURATION) from None


def _delay(given: object) -> object:
    return timedelta(0) if given in _NO_TIME else _duration(given)


def _windows(given: object) -> object:
    if not isinstance(given, list | tuple) or not given:
        raise ValueError(_WINDOWS)
    for window in given:
        try:
            length = parse_duration(window)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(_WINDOWS) from None
        if length % _WHOLE_BINS or length > _LONGEST_METRICS_WINDOW:
            raise ValueError(_WINDOWS)
    return tuple(dict.fromkeys(given))


def _bytes(given: object) -> object:
    if isinstance(given, int) and not isinstance(given, bool) and given > 0:
        return given
    if isinstance(given, str) and (match := _SIZE.fullmatch(given)):
        return int(match[1]) * _SIZE_UNITS[match[2]]
    raise ValueError(_BYTES)


def _whole(given: object) -> object:
    if isinstance(given, bool | float):  # 1 and 8080.0 to pydantic, a slip to a person
        raise ValueError("a whole number")
    return given


def _path(given: object) -> object:
    if given == "":  # the folder we happen to be in, to pathlib
        raise ValueError("a path")
    return given


def _workspace_ids(given: object) -> object:
    ids = (given,) if isinstance(given, str) else given
    try:
        checked = [str(UUID(item.strip())) for item in ids]  # type: ignore[attr-defined]
    except (AttributeError, TypeError, ValueError):
        raise ValueError("one workspace ID or a list of them, each a GUID") from None
    if len(checked) > _MOST_WORKSPACES:
        raise ValueError(f"at most {_MOST_WORKSPACES} workspace IDs")
    return tuple(dict.fromkeys(checked))


def _resource_id(given: object) -> object:
    if isinstance(given, str) and re.fullmatch(_WORKSPACE_RESOURCE, given):
        return given
    raise ValueError(
        "the workspace's resource ID: /subscriptions/…/resourceGroups/…/providers/"
        "Microsoft.OperationalInsights/workspaces/…"
    )


def _https(given: object) -> object:
    if isinstance(given, str) and re.fullmatch(_HTTPS, given):
        return given.rstrip("/")
    raise ValueError("an address that begins with https://")


def _host(given: object) -> object:
    if given == "localhost":
        return given
    try:
        return str(ip_address(str(given)))
    except ValueError:
        raise ValueError("an IP address to listen on, such as 127.0.0.1, or localhost") from None


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "examples": ["30s", "5m", "24h", "7d", "PT1H"]}),
]
Delay = Annotated[
    timedelta,
    BeforeValidator(_delay),
    WithJsonSchema({"type": "string", "examples": ["PT0S", "5m", "PT1H"]}),
]
Windows = Annotated[
    tuple[str, ...],
    BeforeValidator(_windows),
    WithJsonSchema({"type": "array", "items": {"type": "string"}, "minItems": 1}),
]
Bytes = Annotated[
    int,
    BeforeValidator(_bytes),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": _SIZE.pattern},
                {"type": "integer", "minimum": 1},
            ],
            "examples": ["64MiB", "2GiB"],
        }
    ),
]
WorkspaceIds = Annotated[
    tuple[str, ...],
    BeforeValidator(_workspace_ids),
    WithJsonSchema(
        {
            "anyOf": [
                _GUID,
                {"type": "array", "items": _GUID, "maxItems": _MOST_WORKSPACES},
            ]
        }
    ),
]
ResourceId = Annotated[
    str,
    BeforeValidator(_resource_id),
    WithJsonSchema({"type": "string", "pattern": _WORKSPACE_RESOURCE}),
]
HttpsAddress = Annotated[
    str, BeforeValidator(_https), WithJsonSchema({"type": "string", "pattern": _HTTPS})
]
Given = Annotated[Path, BeforeValidator(_path)]
Whole = BeforeValidator(_whole)


class Settings(BaseModel):
    """Every setting, with its default. Names in the environment are `INSIGHTS_` + upper case."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        title="Provisioning Insights settings",
        use_attribute_docstrings=True,
    )

    host: Annotated[str, BeforeValidator(_host)] = "127.0.0.1"
    """The IP address to listen on, or localhost."""

    port: Annotated[int, Field(ge=0, le=65535), Whole] = 8080
    """The port to listen on; 0 takes any free one."""

    logs: tuple[Given, ...] = ()
    """Files, folders or globs of exported logs to import and serve."""

    store: Given | None = None
    """A store that was made with `import`, to be served as it is."""

    workspace_id: WorkspaceIds = ()
    """The Log Analytics workspace to ask, or several, which are asked together."""

    workspace_resource_id: ResourceId | None = None
    """The first workspace's resource ID in Azure: with it, answers link to the Azure portal."""

    cloud: Literal["public", "usgov", "china"] = "public"
    """The Azure cloud that the workspace is in."""

    endpoint: HttpsAddress | None = None
    """Where Log Analytics is asked, if not where its cloud says."""

    audience: HttpsAddress | None = None
    """What tokens are asked for, if not for the endpoint."""

    ca_file: Given | None = None
    """A PEM file with the certificates to trust instead of the system's."""

    packs: tuple[Given, ...] = ()
    """Folders of packs, and packs, to answer beside those that come with the service."""

    query_timeout: Duration = timedelta(seconds=60)
    """How long one query may run before it is stopped."""

    query_concurrency: Annotated[int, Field(ge=1, le=64), Whole] = 4
    """Queries that the workspace is asked at once, by all replicas together."""

    query_budget: Annotated[int, Field(ge=1, le=10_000), Whole] = 100
    """Queries that Log Analytics is asked in any 30 seconds, by all replicas together."""

    replicas: Annotated[int, Field(ge=1, le=1000), Whole] = 1
    """Processes that share `query_concurrency` and `query_budget`."""

    queue_wait: Duration = timedelta(seconds=10)
    """How long a question may wait for its turn before it is answered with `overloaded`."""

    queue_length: Annotated[int, Field(ge=1, le=10_000), Whole] = 100
    """Questions that may wait for their turn; one more is answered with `overloaded`."""

    max_window: Duration = timedelta(days=90)
    """The longest window that may be asked for."""

    retention: Duration = timedelta(days=3650)
    """How far back the workspace is asked for events and jobs."""

    fresh_for: Duration = timedelta(minutes=5)
    """How long an answer is served before the workspace is asked again."""

    stale_for: Duration = timedelta(minutes=15)
    """The hard bound: until then an older answer is served while it is refreshed."""

    stale_if_error: Duration = timedelta(hours=1)
    """How long the last answer is served, marked stale, while the workspace fails."""

    refresh_every: Duration = timedelta(seconds=60)
    """How often the workspace is asked for what is new; what a scrape shows is made anew then."""

    activity: Given | None = None
    """A file that keeps the counts through restarts. Without it they are counted anew each time."""

    activity_memory: Bytes = 128 << 20
    """Memory that the counts may take; what does not fit stays on disk."""

    startup_wait: Duration = timedelta(seconds=60)
    """How long the start waits for everything to be counted before it serves what there is."""

    answer_memory: Bytes = 128 << 20
    """Memory for answers kept between requests."""

    body_memory: Bytes = 64 << 20
    """Memory for rendered bodies kept between requests."""

    embedded_memory: Bytes = 512 << 20
    """Memory that DuckDB may use in the embedded workspace."""

    embedded_threads: Annotated[int, Field(ge=1, le=64), Whole] = 2
    """Threads that DuckDB may use in the embedded workspace."""

    metrics_windows: Windows = ("1h", "24h")
    """The windows of `window_events` and `window_failures`."""

    metrics_delay: Delay = timedelta(0)
    """How late events may be: the windows of metrics end that much before now."""

    metrics_top_errors: Annotated[int, Field(ge=1, le=100), Whole] = 10
    """Error codes that a job shows in `window_failures`; the rest count as `other`."""

    metrics_max_series: Annotated[int, Field(ge=1, le=1_000_000), Whole] = 50_000
    """Series of one family of metrics that stand for themselves; beyond, whole jobs, the smallest
    first, count as `other`, the same ones in all families."""

    metrics_when_stale: Literal["keep", "drop", "zero"] = "keep"
    """What becomes of values that can't be renewed: kept, dropped, or shown as 0."""

    metrics_stale_after: Duration = timedelta(minutes=15)
    """The age from which values count as such; an answer's own `fresh_for` is added to it."""

    cursor_key: SecretStr | None = None
    """The secret that signs cursors; replicas must share it. Random for each start if not set."""

    shutdown_grace: Duration = timedelta(seconds=10)
    """How long requests under way may take to finish when the service is stopped."""


def load_settings(
    environment: Mapping[str, str], config: Path | None, options: Mapping[str, Any]
) -> Settings:
    """The settings from all three sources; `SettingsError` names everything that is wrong."""
    given: dict[str, tuple[str, Any]] = {}
    problems: list[str] = []
    for source in (_from_file(config), _from_environment(environment)):
        for name, (label, value) in source.items():
            if name in Settings.model_fields:
                given[name] = (label, value)
            else:
                problems.append(f"{label}: is not a setting{_suggest(name)}")
    given |= {name: (f"--{name.replace('_', '-')}", value) for name, value in options.items()}
    settings: Settings | None = None
    try:
        settings = Settings.model_validate({name: value for name, (_, value) in given.items()})
    except ValidationError as error:
        for fault in error.errors():
            name = str(fault["loc"][0])
            label, value = given[name]
            shown = "a secret" if name == "cursor_key" else repr(value)
            problems.append(f"{label}: given {shown}, expected {_expected(name, fault['msg'])}")
    if settings is None or problems:
        raise SettingsError("\n".join(dict.fromkeys(problems)))
    sources = [name for name in ("workspace_id", "store", "logs") if getattr(settings, name)]
    if len(sources) > 1:
        first, second = (given[name][0] for name in sources[:2])
        files = sources == ["store", "logs"]
        hint = "; import the logs into the store first" if files else ""
        raise SettingsError(f"{second} and {first}: give one of them{hint}")
    return settings


def settings_schema() -> dict[str, Any]:
    """The JSON Schema of the configuration file; defaults are written as a person writes them."""
    schema = Settings.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, timedelta):
            schema["properties"][name]["default"] = format_duration(field.default)
        elif name.endswith("_memory"):
            schema["properties"][name]["default"] = f"{field.default >> 20}MiB"
    return schema


def _from_environment(environment: Mapping[str, str]) -> dict[str, tuple[str, Any]]:
    found: dict[str, tuple[str, Any]] = {}
    for variable, value in environment.items():
        if variable.startswith(PREFIX) and value:
            name = variable.removeprefix(PREFIX).lower()
            separator = _SEPARATORS.get(name)
            found[name] = (variable, value.split(separator) if separator else value)
    return found


def _from_file(path: Path | None) -> dict[str, tuple[str, Any]]:
    if path is None:
        return {}
    try:
        loader = yaml.SafeLoader(path.read_text("utf-8"))
        document = loader.get_single_node()
        content = loader.construct_document(document) if document else None
    except OSError as error:
        raise SettingsError(f"--config: {path} can't be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError) as error:  # such as a date that does not exist
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        raise SettingsError(f"--config: {path} is not valid YAML{line}") from None
    if document is None or content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"--config: {path} must hold names and values, such as `port: 8080`")
    names = Counter(key.value for key, _ in document.value)
    if twice := [f"{path}: {name}: is given twice" for name, times in names.items() if times > 1]:
        raise SettingsError("\n".join(twice))
    return {str(name): (f"{path}: {name}", value) for name, value in content.items()}


def _expected(name: str, message: str) -> str:
    if bounds := _bounds(name):
        return f"a whole number from {bounds['ge']} to {bounds['le']}"
    if name in ("logs", "packs"):
        return "a list of paths"
    if name in ("store", "activity", "ca_file"):
        return "a path"
    if name == "cloud":
        return "public, usgov or china"
    if name == "metrics_when_stale":
        return "keep, drop or zero"
    return message.removeprefix("Value error, ")


def _bounds(name: str) -> dict[str, int]:
    return {
        key: getattr(rule, key)
        for rule in Settings.model_fields[name].metadata
        for key in ("ge", "le")
        if hasattr(rule, key)
    }


def _suggest(name: str) -> str:
    close = difflib.get_close_matches(name, Settings.model_fields, 1)
    return f"; did you mean {close[0]}?" if close else "; see docs/configuration.md for all of them"
