"""KQL cut into tokens, exactly and without loss: joining their texts gives the input back.

The rules are those of Microsoft's lexer (`KqlTokens.g4` and the tokenizer of the language
service), so that what is a string or a comment here is one there too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

TokenKind = Literal["space", "comment", "string", "literal", "number", "name", "punctuation"]


class KqlError(ValueError):
    """Text that is not KQL as it may be written here. Line and column count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.message = message
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of KQL: its kind, its text as written, and where it starts in the whole text.

    `string` covers every form of string literal with its prefix and quotes; `literal` is a typed
    one such as `datetime(2026-11-21)`, which has no tokens inside; `number` includes timespans
    (`7d`) and bare GUIDs. Keywords are names, and `project-away` is three tokens.
    """

    kind: TokenKind
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def is_trivia(self) -> bool:
        """Whether the engines skip it: space and comments."""
        return self.kind in ("space", "comment")


# Where Microsoft's own readers differ, there is no escape: `\U`, and octal codes that run on.
_ESCAPE = r"""\\(?: ['"\\abfnrtv] | u[0-9A-Fa-f]{4} | x[0-9A-Fa-f]{2}
    | [0-3][0-7]{2} | [0-7]{1,2}(?![0-9]) )"""
_HEX = "[0-9A-Fa-f]"

_TOKEN = re.compile(
    rf"""
    (?P<space> [\t\n\f\r\ \u00a0\u1680\u180e\u2000-\u200b\u202f\u205f\u3000\ufeff]+ )
  | (?P<comment> //[^\n\r\u2028\u2029]* )
  | (?P<string> [hH]?(?:
        "(?: [^"\\\r\n] | {_ESCAPE} )*"
      | '(?: [^'\\\r\n] | {_ESCAPE} )*'
      | @"(?: [^"\r\n] | "" )*"
      | @'(?: [^'\r\n] | '' )*'
      | ```[\s\S]*?```
      | ~~~[\s\S]*?~~~
    ) )
  | (?P<unfinished> [hH]?(?: @?["'] | ``` | ~~~ ) )
  | (?P<literal> (?: bool | date | datetime | decimal | double | guid | int | int32 | int64 | long
      | real | time | timespan | typeof | uniqueid | uuid ) \( [^)\r\n\u2028\u2029]* \) )
  | (?P<number> {_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}(?![0-9A-Za-z_])
      | (?: [0-9]+(?:\.[0-9]+)? (?: d(?:ays?)? | h(?:ours?|rs?)? | m(?:in(?:ute)?s?)? | ms
              | s(?:ec(?:ond)?s?)? | (?:milli|micro|nano)(?:s(?:ec(?:ond)?s?)?)? | ticks? )
          | 0[xX]{_HEX}+
          | [0-9]+ \.(?!\.) [0-9]* (?:[eE][+-]?[0-9]+)?
          | [0-9]+ [eE][+-]?[0-9]+
          | [0-9]+
        ) (?![0-9A-Za-z_]) )
  | (?P<name> [A-Za-z_$][0-9A-Za-z_]* | [0-9]+[A-Za-z_][0-9A-Za-z_]* )
  | (?P<punctuation> \.\. | [=!<>]= | [=!]~ | <> | => | [\s\S] )
    """,
    re.VERBOSE,
)

_LINE_BREAK = re.compile(r"\r\n?|\n")
_BAD_ESCAPE = re.compile(
    rf"""(?P<quote>["']) (?: (?!(?P=quote))[^\\\r\n] | {_ESCAPE} )*+ \\[^\r\n]""", re.VERBOSE
)


def position(text: str, start: int) -> tuple[int, int]:
    """The line and the column, counted from 1, of a place in a text."""
    line, line_start = 1, 0
    for line_break in _LINE_BREAK.finditer(text, 0, start):
        line, line_start = line + 1, line_break.end()
    return line, start - line_start + 1


def tokenize(text: str) -> list[Token]:
    """All tokens of a KQL text, space and comments included.

    Raises `KqlError` at a string literal that does not end or has an escape that KQL lacks. Any
    other character is a token, also one that KQL has no use for.
    """
    return list(_tokens(text))


def significant(tokens: list[Token]) -> list[Token]:
    """The tokens without space and comments."""
    return [token for token in tokens if not token.is_trivia]


def _tokens(text: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(text):
        kind = cast(str, match.lastgroup)
        if kind == "unfinished":
            raise KqlError(_string_fault(text, match), *position(text, match.start()))
        yield Token(cast(TokenKind, kind), match.group(), match.start())


def _string_fault(text: str, opening: re.Match[str]) -> str:
    if "@" not in opening.group() and _BAD_ESCAPE.match(text, opening.end() - 1):
        return (
            "a string has a backslash that starts no escape; "
            'double it, or write a verbatim string such as @"\\d+"'
        )
    return "a string literal is not closed on its line; close it, or use ``` for several lines"
