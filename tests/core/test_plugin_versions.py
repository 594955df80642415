"""The plugins of a run in its outputs, in its recipe, and in the keys of cached banks."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest
import yaml

from bioclip_x import Classifier, __version__
from bioclip_x.hooks.registry import create_registry
from bioclip_x.plugin_versions import describe_plugin, identify_code
from bioclip_x.recipe_resolution import resolve_recipe
from bioclip_x.records import PluginInUse

PLUGIN = """
from bioclip_x.plugin import ComponentSpec, Prompt, PromptSet, hookimpl

class Text:
    def build(self, request):
        return PromptSet(tuple(Prompt("a WORD", c, kind="t") for c in request.classes))

@hookimpl
def text_builders():
    return [ComponentSpec("mine", "", f"{__name__}:Text")]

@hookimpl
def configure(recipe):
    return {"text": "mine", "pooling": "max"}
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.py").write_text(PLUGIN)
    return tmp_path / "own" / "mine.py"


def test_a_file_is_told_by_its_hash_and_an_installed_plugin_by_its_version(plugin: Path) -> None:
    registry = create_registry([str(plugin)])
    digest = hashlib.sha256(plugin.read_bytes()).hexdigest()
    assert describe_plugin(registry, str(plugin)) == PluginInUse("mine.py", file="mine.py", sha256=digest)
    assert describe_plugin(registry, "rollup") == PluginInUse("rollup", "bioclip-x", __version__)


def test_a_saved_recipe_loads_its_plugins(plugin: Path, tmp_path: Path) -> None:
    saved = resolve_recipe(create_registry([str(plugin)]), plugins=[str(plugin)], flags={"pooling": "mean"}).dump()
    assert saved["plugins"] == [str(plugin)]
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(saved | {"plugins": ["own/mine.py", "rollup"]}))
    registry = create_registry()
    again = resolve_recipe(registry, file=file)
    # The file has the last word over its own plugins, so that what was saved is what runs.
    assert (str(again.text[0]), again.pooling, again.head.name) == ("mine", "mean", "flat")
    assert again.plugins == (str(plugin), "rollup")


def test_a_recipe_written_by_hand_is_completed_by_its_plugins(plugin: Path, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("plugins: own/mine.py\nk: 2\n")
    recipe = resolve_recipe(create_registry(), file=tmp_path / "recipe.yaml")
    assert (str(recipe.text[0]), recipe.pooling, recipe.k) == ("mine", "max", 2)


def test_an_edited_text_builder_is_never_served_from_the_cache(
    plugin: Path, tiny_model: str, birds_csv: Path, tmp_path: Path
) -> None:
    def make() -> Classifier:
        for name in [name for name in sys.modules if name.startswith("bioclip_x_plugin_mine_")]:
            del sys.modules[name]  # as in another process
        return Classifier(tiny_model, plugins=[str(plugin)], taxonomy=birds_csv, cache=tmp_path / "banks")

    first, second = make(), make()
    assert first.bank.key == second.bank.key and len(list((tmp_path / "banks").iterdir())) == 1
    plugin.write_text(PLUGIN + "\n# edited\n")  # the same prompts, by other code
    third = make()
    assert third.bank.key != first.bank.key and len(list((tmp_path / "banks").iterdir())) == 2
    assert third.bank.content == first.bank.content  # a calibration is valid for the same texts
    assert third.conditions == first.conditions
    plugin.write_text(PLUGIN.replace("WORD", "bird"))
    assert make().bank.prompts[0].text == "a bird"
    assert [one.name for one in third.provenance.plugins if not one.distribution] == ["mine.py"]


def test_code_is_told_by_version_unless_it_may_change_under_it(plugin: Path) -> None:
    registry = create_registry([str(plugin)])
    before = identify_code(registry, text_builders=["mine"])
    plugin.write_text(PLUGIN + "\n")
    assert identify_code(registry, text_builders=["mine"]) != before
