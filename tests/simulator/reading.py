"""What a query's text says: which rows it asks for, what it renders, what is wrong in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from service.kql.checks import KqlRejected, check_query
from service.kql.tokens import KqlError, Token, significant, tokenize
from service.table import TABLE
from service.workspace.errors import QueryRejected
from service.workspace.protocol import TimeSpan
from tests.simulator.faults import Reply, bad_argument, semantic_error, syntax_error, table_absent

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([dhms])")
_INSTANT = re.compile(r"datetime\(\s*([^)]*?)\s*\)")
_NOT_A_TABLE = "read one of the tables"
_NO_COLUMN = re.compile(r'[Cc]olumn "([^"]*)" (?:not found|referenced that exists)')
_NO_PARSE = re.compile(r"could not parse KQL at (\d+):(\d+)")


@dataclass(frozen=True)
class Bounds:
    """The times that a query looks at, and since when rows must have arrived."""

    span: TimeSpan
    since: datetime | None = None


def bounds_of(text: str, span: TimeSpan, now: datetime) -> Bounds:
    """The widest bounds that the text sets on `TimeGenerated`, within the span of the request.

    Understands comparisons with `datetime(…)` and `ago(…)` and `between` two of these; anything
    else is taken to bound nothing.
    """
    tokens = significant(tokenize(text))
    starts: list[datetime] = []
    ends: list[datetime] = []
    since: list[datetime] = []
    for index, token in enumerate(tokens):
        if token.text == "TimeGenerated":
            lower, upper = _compared(tokens[index + 1 : index + 14], now)
            starts += [lower] if lower else []
            ends += [upper] if upper else []
        elif token.text == "ingestion_time":
            lower, _ = _compared(tokens[index + 3 : index + 9], now)
            since += [lower] if lower else []
    start = max(span.start, min(starts, default=span.start))
    end = min(span.end, max(ends, default=span.end))
    return Bounds(TimeSpan(start, max(start, end)), min(since, default=None))


def visualization(text: str) -> str | None:
    """What the query asks to be drawn as."""
    texts = [token.text for token in significant(tokenize(text))]
    return texts[texts.index("render") + 1] if "render" in texts[:-1] else None


def result_name(text: str) -> str:
    """The name of the table that comes back."""
    texts = [token.text for token in significant(tokenize(text))]
    return "getschema" if texts[-2:] == ["|", "getschema"] else "PrimaryResult"


def unresolved(text: str, *, table: bool) -> Reply | None:
    """The answer to a text that is not a query over the tables there are, else `None`."""
    try:
        check_query(text, [TABLE])
    except KqlRejected as error:
        if error.message.startswith(_NOT_A_TABLE):
            return table_absent(_word(text, error))
        return syntax_error(error.line, error.column - 1, _word(text, error))
    except KqlError as error:
        return syntax_error(error.line, error.column - 1, _word(text, error))
    if not table and any(token.text == TABLE for token in tokenize(text)):
        return table_absent(TABLE)
    return None


def rejected(text: str, error: QueryRejected) -> Reply:
    """The answer to a query that the embedded workspace refuses."""
    message = str(error)
    if found := _NO_COLUMN.search(message):
        return semantic_error(
            f"'where' operator: Failed to resolve scalar expression named '{found[1]}'"
        )
    if found := _NO_PARSE.search(message):
        line, column = int(found[1]), int(found[2])
        return syntax_error(line, column, text.splitlines()[line - 1][column:][:20])
    inner = {"code": "SemanticError", "message": "The query has a semantic error."}
    return bad_argument(inner, {"code": "SEM0001", "message": message})


def _compared(tokens: Sequence[Token], now: datetime) -> tuple[datetime | None, datetime | None]:
    """The lower and the upper bound that a comparison sets on what stands before it."""
    match [token.text for token in tokens]:
        case [">" | ">=", *_]:
            return _instant(tokens[1:], now), None
        case ["<" | "<=", *_]:
            return None, _instant(tokens[1:], now)
        case ["between", "(", *_]:
            dots = next((i for i, token in enumerate(tokens) if token.text == ".."), len(tokens))
            return _instant(tokens[2:], now), _instant(tokens[dots + 1 :], now)
        case _:
            return None, None


def _instant(tokens: Sequence[Token], now: datetime) -> datetime | None:
    texts = [token.text for token in tokens[:4]]
    if texts and (literal := _INSTANT.fullmatch(texts[0])):
        try:
            instant = datetime.fromisoformat(literal[1])
        except ValueError:
            return None
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    if texts[:2] == ["ago", "("] and (ago := _DURATION.fullmatch("".join(texts[2:3]))):
        return now - timedelta(**{_UNITS[ago[2]]: float(ago[1])})
    return now if texts[:2] == ["now", "("] else None


def _word(text: str, error: KqlError) -> str:
    rest = (text.splitlines() or [""])[error.line - 1][error.column - 1 :]
    found = re.match(r"\w+|.", rest)
    return found[0] if found else "<EOF>"
