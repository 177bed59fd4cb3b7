"""The committed document is the code's, and it is complete."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from service.app import openapi_document
from service.cli import main

ROOT = Path(__file__).parents[2]
DOCUMENT = openapi_document()
SCHEMAS = {"components": DOCUMENT["components"]}


OPERATIONS = [
    pytest.param(operation, id=f"{method} {path}")
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]


def resolved(part: Any) -> Any:
    """What a reference within the document leads to."""
    while "$ref" in part:
        found: Any = DOCUMENT
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


@pytest.mark.parametrize(
    ("arguments", "committed"),
    [
        ([], "openapi.yaml"),
        (["--settings"], "settings.schema.json"),
        (["--pack"], "pack.schema.json"),
    ],
)
def test_committed_documents_are_the_codes(
    arguments: list[str], committed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["openapi", *arguments]) == 0
    assert capsys.readouterr().out == (ROOT / "openapi" / committed).read_text("utf-8"), (
        "run `make openapi`"
    )


def test_yaml_is_the_document() -> None:
    committed = yaml.safe_load((ROOT / "openapi" / "openapi.yaml").read_text("utf-8"))
    assert committed == json.loads(json.dumps(DOCUMENT))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_is_described(operation: Any) -> None:
    assert operation["summary"]
    assert operation["description"]
    assert operation["operationId"]
    for parameter in operation.get("parameters", ()):
        assert parameter["description"], parameter["name"]


def test_operation_ids_are_unique() -> None:
    ids = [
        operation["operationId"]
        for item in DOCUMENT["paths"].values()
        for operation in item.values()
    ]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_answer_has_an_example_that_fits_its_schema(operation: Any) -> None:
    for media_type, content in operation["responses"]["200"]["content"].items():
        example = content["example"]
        assert example, media_type
        validate(example, content["schema"])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_has_its_problems(operation: Any) -> None:
    problems = {
        status: resolved(response)
        for status, response in operation["responses"].items()
        if int(status) >= 400
    }
    assert {"400", "500"} <= set(problems)
    for status, response in problems.items():
        content = response["content"]["application/problem+json"]
        assert content["examples"]
        for code, example in content["examples"].items():
            assert (example["value"]["code"], str(example["value"]["status"])) == (code, status)
            validate(example["value"], content["schema"])


def validate(example: Any, schema: Any) -> None:
    jsonschema.Draft202012Validator({**SCHEMAS, **schema}).validate(example)


def test_no_address_of_another_host_is_needed() -> None:
    assert "servers" not in DOCUMENT
