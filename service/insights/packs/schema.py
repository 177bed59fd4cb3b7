"""The JSON Schema of a pack, for editors that check and complete YAML."""

from __future__ import annotations

from typing import Any

from service.insights.packs.model import PackModel
from service.times import format_duration


def pack_schema() -> dict[str, Any]:
    """The schema; defaults are written as a person writes them."""
    schema = PackModel.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    default = PackModel.model_fields["default_window"].default
    schema["properties"]["default_window"]["default"] = format_duration(default)
    return schema
