"""A pack's query: its holes, what fills them, and what stands in for columns that are missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from service.insights.columns import events
from service.insights.packs.model import Parameter
from service.insights.packs.values import ParameterType, literal_kind
from service.insights.question import Question
from service.kql.template import HoleKind, Kql, Template, pipe
from service.kql.tokens import KqlError, Token, position, tokenize
from service.table import COLUMNS, TABLE, TableSchema

OWN_HOLES: Mapping[str, HoleKind] = {
    "from": "datetime",
    "to": "datetime",
    "jobs": "strings",
    "events": "query",
}
"""The holes that the service fills itself."""

MADE = {
    "Action": "Action",
    "Result": "Result",
    "ErrorCode": "ErrorCode",
    "Operation": "Operation",
    "SourceId": "Source",
    "SourceName": "Source",
    "IdentityType": "Source",
}
"""The columns that `{events}` makes where the query names them, with their `insights.columns`."""

_TABLE = Template("AADProvisioningLogs")
_TEXTS = [name for name, kind in COLUMNS.items() if kind == "string"]
_NUMBERS = {
    "DurationMs": Template("extend DurationMs = long(null)"),
    "_BilledSize": Template("extend _BilledSize = real(null)"),
}
_EMPTY = _NUMBERS | {name: Template(text) for name in _TEXTS if (text := f'extend {name} = ""')}

_SAMPLE_START = datetime(2026, 1, 1, tzinfo=UTC)
# On one line, so that what is found in the whole query has the line of the pack's own.
_SAMPLE_EVENTS = Template(
    "AADProvisioningLogs | where TimeGenerated >= {start:datetime} "
    '| extend Action = "", Result = "", ErrorCode = "", Operation = "", SourceId = "", '
    'SourceName = "", IdentityType = ""'
)
_SAMPLES: Mapping[ParameterType, Any] = {
    "string": "a",
    "strings": ["a", "b"],
    "regex": "a",
    "long": 1,
    "real": 1.5,
    "bool": True,
    "datetime": _SAMPLE_START,
    "timespan": timedelta(days=1),
}


@dataclass(frozen=True)
class PackQuery:
    """The text of one query with its holes; `KqlError` where a hole is wrong.

    A list's hole may stand in brackets, as lists do in KQL, or bring its own.
    """

    text: str
    parameters: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        for name, kind in self.template.holes.items():
            if self._kinds.get(name) != kind:
                token = next(token for token in tokenize(self.text) if token.text == name)
                raise KqlError(
                    f"declare {name} under parameters and write {{{name}}} here",
                    *position(self.text, token.start),
                )

    @cached_property
    def template(self) -> Template:
        text = _without_brackets(self.text, self._kinds)
        return Template(text, self._kinds)

    @property
    def holes(self) -> frozenset[str]:
        return frozenset(self.template.holes)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of columns, functions and all else that the query holds."""
        return frozenset(token.text for token in tokenize(self.text) if token.kind == "name")

    @property
    def made(self) -> tuple[str, ...]:
        """What `{events}` has to make, by its names in `insights.columns`."""
        if "events" not in self.holes:
            return ()
        return tuple(dict.fromkeys(made for name, made in MADE.items() if name in self.names))

    @property
    def reads(self) -> tuple[str, ...]:
        """What an answer can't be whole without, as `insights.columns` names it."""
        own = (name for name in COLUMNS if name in self.names)
        return tuple(dict.fromkeys([*self.made, *own]))

    def fill(
        self,
        question: Question,
        schema: TableSchema,
        jobs: tuple[str, ...],
        values: Mapping[str, Any],
    ) -> Kql:
        """The query as it is sent; columns that the workspace lacks are empty in it."""
        lacking = self._lacking(schema)
        template = self._padded if lacking else self.template
        window = question.window
        filling = {"from": window.start, "to": window.end, "jobs": jobs, **values}
        filling[TABLE] = pipe(_TABLE.fill(), *(_EMPTY[name].fill() for name in lacking))
        if "events" in self.holes:
            empty = (_EMPTY[name].fill() for name in lacking if name not in MADE)
            filling["events"] = pipe(events(question, schema, self.made), *empty)
        return template.fill(**{name: filling[name] for name in template.holes})

    def _lacking(self, schema: TableSchema) -> list[str]:
        return [name for name in _EMPTY if name in self.names and not schema.has(name)]

    def sample(self) -> Kql:
        """The query on one window and with one value for each hole, line by line as written."""
        filling: dict[str, Any] = {
            "from": _SAMPLE_START,
            "to": _SAMPLE_START + timedelta(days=1),
            "jobs": ("a", "b"),
            "events": _SAMPLE_EVENTS.fill(start=_SAMPLE_START),
            **{parameter.name: sample_value(parameter) for parameter in self.parameters},
        }
        return self.template.fill(**{name: filling[name] for name in self.holes})

    @cached_property
    def _kinds(self) -> Mapping[str, HoleKind]:
        return {**{item.name: literal_kind(item.type) for item in self.parameters}, **OWN_HOLES}

    @cached_property
    def _padded(self) -> Template:
        text = "".join(_with_table_hole(self.template.text))
        kinds: Mapping[str, HoleKind] = {**self._kinds, TABLE: "query"}
        return Template(text, kinds)


def sample_value(parameter: Parameter) -> Any:
    """A value that the parameter takes: its default, if it has one."""
    choices = (parameter.default, parameter.enum and parameter.enum[0], parameter.minimum)
    found = next((value for value in choices if value is not None), None)
    if found is None:
        return parameter.maximum if parameter.maximum is not None else _SAMPLES[parameter.type]
    return [found] if parameter.type == "strings" and not isinstance(found, list) else found


def _without_brackets(text: str, kinds: Mapping[str, HoleKind]) -> str:
    """`({jobs})` as ` {jobs} `: every character else stays where it is."""
    tokens = [token for token in tokenize(text) if not token.is_trivia]
    characters = list(text)
    for index, token in enumerate(tokens[:-4]):
        texts = [following.text for following in tokens[index : index + 5]]
        if texts[:2] == ["(", "{"] and texts[3:] == ["}", ")"] and kinds.get(texts[2]) == "strings":
            characters[token.start] = characters[tokens[index + 4].start] = " "
    return "".join(characters)


def _with_table_hole(text: str) -> Iterator[str]:
    """The text with a hole for a query wherever it reads the table."""
    tokens = tokenize(text)
    for index, token in enumerate(tokens):
        if token.kind == "name" and token.text == TABLE:
            leads = _text(reversed(tokens[:index])) in ("", "(", ";", "=")
            ends = _text(iter(tokens[index + 1 :])) in ("", ")", ";", "|")
            yield f"{{{TABLE}}}" if leads and ends else f"({{{TABLE}}})"
        else:
            yield token.text


def _text(tokens: Iterator[Token]) -> str:
    return next((token.text for token in tokens if not token.is_trivia), "")
