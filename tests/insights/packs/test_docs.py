"""What docs/packs.md says is so."""

from __future__ import annotations

import re
from pathlib import Path

from service.insights.packs.checking import check_pack, empty_workspace
from service.insights.packs.model import Column, Metric, PackModel, Parameter, Rule
from service.insights.packs.query import MADE, OWN_HOLES
from tests.insights.packs.rooms import pack_file

TEXT = Path(__file__).parents[3].joinpath("docs", "packs.md").read_text("utf-8")


async def test_the_complete_example_is_a_right_pack(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert example is not None
    async with empty_workspace() as workspace:
        assert await check_pack(pack_file(tmp_path, example[1]), workspace, None) == []


def test_every_key_hole_and_made_column_is_explained() -> None:
    models = (PackModel, Column, Parameter, Metric, Rule)
    keys = {name for model in models for name in model.model_fields}
    holes = {f"{{{name}}}" for name in OWN_HOLES}
    assert [name for name in sorted({*keys, *holes, *MADE}) if f"`{name}`" not in TEXT] == []
