from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from service.insights.packs.loading import SHIPPED, pack_files
from service.insights.packs.schema import pack_schema
from tests.insights.packs.texts import MINE

COMMITTED = Path(__file__).parents[3] / "openapi" / "pack.schema.json"


def test_committed_schema_is_that_of_the_code() -> None:
    assert json.loads(COMMITTED.read_text("utf-8")) == pack_schema()


@pytest.mark.parametrize("path", pack_files(SHIPPED), ids=lambda path: path.stem)
def test_schema_takes_the_shipped_packs(path: Path) -> None:
    jsonschema.validate(yaml.safe_load(path.read_text("utf-8")), pack_schema())


@pytest.mark.parametrize(
    "change",
    [{"name": "Not Kebab"}, {"columns": []}, {"extra": 1}, {"default_window": 5}, {"kql": None}],
    ids=str,
)
def test_schema_refuses_what_the_code_refuses(change: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(MINE) | change, pack_schema())
