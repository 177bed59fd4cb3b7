"""KQL as the embedded engine reads it: the same query, in spellings that `duckdb-kql` knows.

Found by running each form on `duckdb-kql` 1.1.2: it refuses `.[n]` and `ingestion_time()`, and it
reads multi-line and obfuscated strings and most escapes as another value, silently.
"""

from __future__ import annotations

import re

from service.kql.literals import string_value
from service.kql.tokens import KqlError, Token, position, tokenize

_NAME = re.compile(r"[A-Za-z_][0-9A-Za-z_]*")
_STRANGE_STRING = re.compile(r"""[hH]|```|~~~|[^@].*\\[^\\"'nrt]""", re.DOTALL)
_ENGINE_ESCAPES = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def for_embedded(text: str, arrival_column: str) -> str:
    """The query for `duckdb-kql`: the same meaning, and the same text where nothing is strange.

    `ingestion_time()` becomes the column that keeps the time of arrival; the `.` of `.[n]` and
    `.["key"]` goes; strings that the engine would misread are written in its own escapes.
    Strings and comments that merely contain such text stay as they are.

    Raises `KqlError` for text that cannot be cut into tokens, and `ValueError` if `arrival_column`
    is not a plain name.
    """
    if not _NAME.fullmatch(arrival_column):
        raise ValueError("the column of arrival times needs a plain name")
    tokens = tokenize(text)
    pieces: list[str] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        if token.text == "ingestion_time" and (after := _call_end(tokens, index + 1)):
            pieces.append(arrival_column)
            index = after
            continue
        if token.kind == "string":
            pieces.append(_engine_string(text, token))
        elif not (token.text == "." and _next_text(tokens, index + 1) == "["):
            pieces.append(token.text)
        index += 1
    return "".join(pieces)


def _call_end(tokens: list[Token], index: int) -> int | None:
    """The index after `()` if an empty pair of brackets comes next, else None."""
    for bracket in "()":
        while index < len(tokens) and tokens[index].is_trivia:
            index += 1
        if index == len(tokens) or tokens[index].text != bracket:
            return None
        index += 1
    return index


def _next_text(tokens: list[Token], index: int) -> str:
    return next((token.text for token in tokens[index:] if not token.is_trivia), "")


def _engine_string(text: str, token: Token) -> str:
    if not _STRANGE_STRING.match(token.text):
        return token.text
    try:
        value = string_value(token.text)
    except ValueError:
        fault = "a string has an escape that is no character"
        raise KqlError(fault, *position(text, token.start)) from None
    return f'"{value.translate(_ENGINE_ESCAPES)}"'
