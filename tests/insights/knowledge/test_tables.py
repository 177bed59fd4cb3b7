"""The data files: whole, well-formed, and written for the person on call."""

from importlib.resources import files
from typing import Any, get_args

import jsonschema
import pytest
import yaml

from service.insights.knowledge import tables

CODE = {"type": "string", "pattern": "^[A-Z][A-Za-z0-9-]+$"}
CODES = {"type": "array", "items": CODE, "uniqueItems": True}
SENTENCES = {"type": "string", "pattern": r"^[A-Z][^|\n]{10,240}[.]$"}
PAGE = {"type": "string", "pattern": r"^https://learn\.microsoft\.com/[\w/-]+$"}


def a_list_of(**properties: object) -> dict[str, object]:
    entry = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"type": "array", "items": entry, "minItems": 1}


ERRORS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "pages": {"type": "object", "additionalProperties": PAGE},
        "errors": a_list_of(
            code=CODE,
            aliases=CODES,
            area={"enum": list(get_args(tables.Area))},
            category={"enum": list(get_args(tables.Category))},
            meaning=SENTENCES,
            action=SENTENCES,
            owner={"enum": list(get_args(tables.Owner))},
            retried_automatically={"type": ["boolean", "null"]},
            retry_minutes={"type": ["integer", "null"], "minimum": 1},
            docs=PAGE,
        ),
    },
}

REASONS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "skips": a_list_of(
            reason=CODE, benign={"type": "boolean"}, meaning=SENTENCES, action=SENTENCES
        ),
        "quarantines": a_list_of(reason=CODE, aliases=CODES, meaning=SENTENCES, action=SENTENCES),
    },
}


@pytest.mark.parametrize(("name", "schema"), [("errors.yaml", ERRORS), ("reasons.yaml", REASONS)])
def test_file_follows_its_schema(name: str, schema: dict[str, Any]) -> None:
    data = yaml.safe_load(files(tables.__package__).joinpath(name).read_text(encoding="utf-8"))
    assert list(data) == list(schema["properties"])
    jsonschema.Draft202012Validator(schema).validate(data)


def test_every_public_code_and_reason_is_explained() -> None:
    counts = [len(t()) for t in (tables.errors, tables.skips, tables.quarantines)]
    assert counts == [48, 5, 8]


def test_no_name_stands_for_two_codes() -> None:
    names = [name for error in tables.errors() for name in (error.code, *error.aliases)]
    assert len(names) == len(set(names))
    reasons = [name for known in tables.quarantines() for name in (known.reason, *known.aliases)]
    assert len(reasons) == len(set(reasons))


def test_waiting_is_advised_only_where_the_service_retries() -> None:
    for error in tables.errors():
        if error.retry_minutes is not None:
            assert error.retried_automatically, error.code
            assert f"{error.retry_minutes} minutes" in error.action, error.code


def test_no_sentence_is_used_twice() -> None:
    texts = [
        text
        for table in (tables.errors, tables.skips, tables.quarantines)
        for entry in table()
        for text in (entry.meaning, entry.action)
    ]
    assert len(texts) == len(set(texts))
