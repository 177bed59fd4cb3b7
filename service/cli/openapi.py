"""Write the OpenAPI document, or a JSON Schema, to standard output."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace

import yaml

from service.app import openapi_document
from service.insights.packs.schema import pack_schema
from service.settings import settings_schema


def configure(parser: ArgumentParser) -> None:
    """Declares `[--settings | --pack]`."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--settings",
        action="store_true",
        help="the JSON Schema of the configuration file instead",
    )
    which.add_argument("--pack", action="store_true", help="the JSON Schema of a pack instead")


def run(arguments: Namespace) -> None:
    """Writes YAML, or JSON for a JSON Schema."""
    if arguments.settings:
        sys.stdout.write(json.dumps(settings_schema(), indent=2) + "\n")
    elif arguments.pack:
        sys.stdout.write(json.dumps(pack_schema(), indent=2) + "\n")
    else:
        yaml.safe_dump(openapi_document(), sys.stdout, sort_keys=False, allow_unicode=True)
