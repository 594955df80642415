from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import open_clip
import pytest
import yaml

from bioclip_x.errors import ModelError
from bioclip_x_plugins.encoders import aliases as module
from bioclip_x_plugins.encoders.aliases import check_aliases, find_alias, read_aliases
from bioclip_x_plugins.encoders.open_clip import OpenClip
from helpers import lay_hub_cache

DOCUMENT = yaml.safe_load(Path(module.__file__).with_name("models.yaml").read_text("utf-8"))


def test_the_facts_agree_with_the_architecture() -> None:
    assert {"bioclip", "bioclip-2", "bioclip-2.5-huge", "biocap"} == read_aliases().keys()
    for alias in read_aliases().values():
        if alias.architecture:
            config = open_clip.get_model_config(alias.architecture)
            assert alias.image and alias.text
            assert (config["embed_dim"], config["vision_cfg"]["image_size"]) == (alias.dim, alias.image.size)
            assert config["text_cfg"]["context_length"] == alias.text.context_length
            assert (alias.image.mean, alias.image.std) == (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)


def change(path: str, value: Any) -> dict[str, Any]:
    document = json.loads(json.dumps(DOCUMENT))  # a deep copy would keep what YAML's anchors share
    *above, last = path.split(".")
    place = document["bioclip-2"]
    for key in above:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("summary", None, "bioclip-2: summary: expected a value, got none"),
        ("image", None, "bioclip-2: .*lacks image"),
        ("sources", {}, "bioclip-2: .*lacks sources"),
        ("colour", "blue", "bioclip-2: no field is called 'colour'; known: source, "),
        ("image.size", "224", "bioclip-2: image.size: expected a valid integer"),
        ("image.resize", "crop", "bioclip-2: image.resize: expected 'shortest', 'squash' or 'longest'"),
        ("image.mean", [0.5, 0.5], "bioclip-2: image.mean.2: expected a value"),
        ("text.caption", "a photo", "bioclip-2: text.caption: expected text that matches"),
        ("classes.revision", "main", "bioclip-2: classes.revision: expected text that matches"),
        ("sources.card", "http://somewhere", "bioclip-2: sources.card: expected text that matches"),
        ("source", "bioclip-2", "bioclip-2: source: expected text that matches"),
    ],
)
def test_the_file_is_validated_against_its_schema(path: str, value: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        check_aliases(change(path, value))


def test_a_model_is_known_by_alias_revision_and_repository() -> None:
    two = read_aliases()["bioclip-2"]
    for name in ("bioclip-2", "bioclip-2@v1", "hf-hub:imageomics/bioclip-2", "hf-hub:imageomics/bioclip-2@v1"):
        assert find_alias(name) is two
    for name in ("hf-hub:imageomics/bioclip-3", "ViT-B-16/openai", "local-dir:bioclip-2"):
        assert find_alias(name) is None


def test_known_models_need_neither_torch_nor_network() -> None:
    code = (
        "import sys; from bioclip_x_plugins.encoders.open_clip import OpenClip; OpenClip().known_models();"
        "sys.exit('torch' in sys.modules or 'open_clip' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


def test_cached_files_are_reported(hub_home: Path, tiny_model: str) -> None:
    def here() -> dict[str, bool]:
        return {model.name: model.is_cached for model in OpenClip().known_models()}

    assert [name for name, is_here in here().items() if is_here] == []
    lay_hub_cache(hub_home, "imageomics/bioclip", Path(tiny_model.removeprefix("local-dir:")))
    assert [name for name, is_here in here().items() if is_here] == ["bioclip"]


def test_the_documentation_says_the_same(request: pytest.FixtureRequest) -> None:
    page = (request.config.rootpath / "docs" / "models.md").read_text("utf-8")
    rows = {cells[1]: cells for line in page.splitlines() if len(cells := [c.strip() for c in line.split("|")]) == 9}
    for name, alias in read_aliases().items():
        row = rows[f"`{name}`"]
        assert alias.image and alias.text
        assert row[2:8] == [
            f"`{alias.source}`", alias.architecture, str(alias.dim), f"{alias.image.size}, {alias.image.resize}, "
            f"{alias.image.interpolation}", alias.licence, alias.classes.about if alias.classes else "none",
        ]  # fmt: skip
    for alias in read_aliases().values():
        for url in re.findall(r"https://\S+", " ".join(alias.sources.values())):
            assert not url.endswith((".", ","))
