"""Mistakes of a configuration are told before any image is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bioclip_x.errors import BioclipXError
from data_set_builds import build, lay_source, write_config

pytest.importorskip("duckdb", reason="needs the extra dataset")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"held_out": {"species": "none.txt"}}, "held_out.species: the file .*none.txt does not exist"),
        ({"held_out": {"images": "none.txt"}}, "held_out.images: the file .*none.txt does not exist"),
        ({"names": {"corrections": "none.csv"}}, "names.corrections: the file .*none.csv does not exist"),
        ({"texts": {"traits": "no-such"}}, "no text builder is called 'no-such'"),
        ({"model": "local-dir:nowhere"}, "nowhere"),
        ({"captions": "no-such"}, "no captioner is called 'no-such'"),
        ({"captions": "openai-vision"}, "captioner 'openai-vision': option 'model': expected a value"),
    ],
)
def test_what_a_late_stage_lacks_is_told_first(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    lay_source(tmp_path, 2)
    with pytest.raises(BioclipXError, match=message):
        build(write_config(tmp_path, **fields))
    assert not (tmp_path / "out/work/rows").exists()
