from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bioclip_x import ComponentSpec, hookimpl
from bioclip_x.errors import BioclipXError, ModelError, RecipeError
from bioclip_x.hooks.capabilities import TextBuilderCapabilities
from bioclip_x.hooks.options import parse_ref
from bioclip_x.hooks.registry import Registry, create_registry
from bioclip_x.recipe import Recipe, split_frames
from bioclip_x.recipe_resolution import resolve_recipe


@pytest.fixture
def registry() -> Registry:
    registry = create_registry()
    for name, patch in {"max": {"pooling": "max"}, "mean": {"pooling": "mean"}, "greedy": {"kk": 1}}.items():
        registry.register(name, _plugin(patch), "a test")
    return registry


def _plugin(patch: Mapping[str, Any]) -> Any:
    class Plugin:
        @hookimpl
        def configure(self) -> Mapping[str, Any]:
            return patch

    return Plugin()


@pytest.fixture
def own_recipe(tmp_path: Path) -> Callable[..., str]:
    """Writes a model whose card has these recipe fields, without weights; returns its name."""

    def write(**fields: Any) -> str:
        for name in ("open_clip_config.json", "open_clip_model.safetensors"):
            (tmp_path / name).write_text("{}", "utf-8")
        (tmp_path / "bioclip_x.json").write_text(json.dumps({"recipe": fields}), "utf-8")
        return f"local-dir:{tmp_path}"

    return write


def test_a_model_brings_the_texts_that_it_was_trained_on(registry: Registry, own_recipe: Callable[..., str]) -> None:
    text = [{"name": "scientific", "form": "bare"}, "common"]
    flags = {"model": own_recipe(text=text, pooling="ensemble", language="de")}
    recipe = resolve_recipe(registry, flags=flags)
    assert [str(one) for one in recipe.text] == ["scientific:form=bare", "common"]
    assert (recipe.pooling, recipe.language) == ("ensemble", "de")
    chosen = resolve_recipe(registry, flags=flags | {"text": "taxonomic"})
    assert ([str(one) for one in chosen.text], chosen.pooling, chosen.language) == (["taxonomic"], "mean", "en")
    assert resolve_recipe(registry, flags=flags | {"pooling": "max"}).pooling == "max"
    assert resolve_recipe(registry, flags=flags, defaults={"language": "fr"}).language == "fr"
    assert resolve_recipe(registry, flags=flags, plugins=["descriptors"]).text[0].name == "descriptors"
    assert resolve_recipe(registry, flags=flags | {"descriptors": "d.yaml"}).text[0].name == "descriptors"


def test_what_a_model_brings_stays_in_its_folder(
    registry: Registry, own_recipe: Callable[..., str], tmp_path: Path
) -> None:
    model = own_recipe(text=[{"name": "templates", "set": "clip"}], scorer={"name": "external", "file": "scores.csv"})
    recipe = resolve_recipe(registry, flags={"model": model})
    assert recipe.scorer.options["file"] == str(tmp_path / "scores.csv")
    with pytest.raises(ModelError, match=r"bioclip_x\.json: recipe: '\.\./scores\.csv' is outside of its folder"):
        resolve_recipe(registry, flags={"model": own_recipe(scorer={"name": "external", "file": "../scores.csv"})})
    with pytest.raises(ModelError, match="a model brings no head, plugins; only text, language"):
        resolve_recipe(registry, flags={"model": own_recipe(plugins=["code.py"], head="flat")})
    (tmp_path / "bioclip_x.json").write_text('{"recipe": "text"}', "utf-8")
    with pytest.raises(ModelError, match="recipe: expected a mapping of recipe fields, got 'text'"):
        resolve_recipe(registry, flags={"model": model})


def test_defaults_are_those_of_bioclip(registry: Registry) -> None:
    recipe = resolve_recipe(registry)
    assert (recipe.model, str(recipe.text[0]), recipe.pooling, recipe.head.name) == (
        "field-guide", "taxonomic", "mean", "flat",
    )  # fmt: skip
    assert resolve_recipe(registry, plugins=["taxonomic"]) == recipe.model_copy(update={"plugins": ("taxonomic",)})


def test_defaults_file_plugins_flags_in_that_order(registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("pooling: ensemble\nk: 2\nhead: flat\ntaxonomy: birds.csv\n")
    assert resolve_recipe(registry, file=file).pooling == "ensemble"
    assert resolve_recipe(registry, file=file, plugins=["max"]).pooling == "max"
    assert resolve_recipe(registry, file=file, plugins=["max"], flags={"pooling": "mean", "k": None}).pooling == "mean"
    assert resolve_recipe(registry, file=file, flags={"k": None}).k == 2
    assert resolve_recipe(registry, file=file).taxonomy == tmp_path / "birds.csv"


def test_plugins_compose(registry: Registry) -> None:
    recipe = resolve_recipe(registry, plugins=["descriptors", "rollup"])
    assert (recipe.text[0].name, recipe.head.name, recipe.pooling) == ("descriptors", "rollup", "mean")
    turned = resolve_recipe(registry, plugins=["rollup", "descriptors"])
    assert turned == recipe.model_copy(update={"plugins": ("rollup", "descriptors")})
    assert resolve_recipe(registry, plugins=["descriptors", "mean"]).pooling == "mean"


def test_two_plugins_that_disagree_are_named(registry: Registry) -> None:
    with pytest.raises(
        RecipeError, match=r"--plugin descriptors sets pooling to 'mean' and --plugin max sets it to 'max'"
    ):
        resolve_recipe(registry, plugins=["descriptors", "max"])
    settled = resolve_recipe(registry, plugins=["descriptors", "max"], flags={"pooling": "ensemble"})
    assert settled.pooling == "ensemble"


def test_values_are_compared_after_validation(registry: Registry) -> None:
    registry.register("same", _plugin({"text": "descriptors"}), "a test")
    assert resolve_recipe(registry, plugins=["descriptors", "same"]).text[0].name == "descriptors"


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        (["k", 1], r"--plugin odd: its configure returned \['k', 1\]; expected a mapping"),
        ({"pooling": "median"}, r"--plugin odd: pooling: expected 'mean', "),
    ],
)
def test_a_plugin_with_an_invalid_patch_is_named(registry: Registry, patch: Any, message: str) -> None:
    registry.register("odd", _plugin(patch), "a test")
    with pytest.raises(BioclipXError, match=message):
        resolve_recipe(registry, plugins=["odd"])


def test_a_flag_for_labels_or_taxonomy_replaces_the_other(registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("taxonomy: birds.csv\n")
    recipe = resolve_recipe(registry, file=file, flags={"labels": ("a", "b")})
    assert recipe.labels == ("a", "b") and recipe.taxonomy is None


def test_unknown_fields_and_bad_values(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="--plugin greedy: no field is called 'kk'; known: model, "):
        resolve_recipe(registry, plugins=["greedy"])
    with pytest.raises(RecipeError, match="k: expected a number greater than or equal to 1, got "):
        resolve_recipe(registry, flags={"k": 0})
    file = tmp_path / "twice.yaml"
    file.write_text("k: 1\nk: 2\n")
    with pytest.raises(RecipeError, match=r"twice.yaml, line 2: .*'k' is given twice"):
        resolve_recipe(registry, file=file)
    with pytest.raises(RecipeError, match="does not exist"):
        resolve_recipe(registry, file=tmp_path / "gone.yaml")
    with pytest.raises(RecipeError, match="labels and a taxonomy were both given"):
        resolve_recipe(registry, flags={"labels": ("a",), "taxonomy": "b.csv"})


def test_a_rank_implies_rollup_and_a_descriptor_file_implies_descriptors(registry: Registry) -> None:
    assert resolve_recipe(registry, flags={"rank": "family"}).head.name == "rollup"
    assert resolve_recipe(registry, flags={"rank": "family", "head": "flat"}).head.name == "flat"
    assert resolve_recipe(registry, flags={"descriptors": "d.yaml"}).text[0].name == "descriptors"
    assert resolve_recipe(registry, flags={"descriptors": "d.yaml", "text": "common"}).text[0].name == "common"


def test_two_settings_that_imply_different_heads_are_named(registry: Registry) -> None:
    with pytest.raises(
        RecipeError,
        match="rank implies the head 'rollup' and depth implies the head 'hedge'; leave out the rank or the depth, or choose",
    ):
        resolve_recipe(registry, flags={"rank": "family", "depth": "auto"})
    named = resolve_recipe(registry, flags={"rank": "family", "depth": "auto", "head": "hedge"})
    assert (named.head.name, named.rank, named.depth) == ("hedge", "family", "auto")  # refused later, by the classifier


def test_a_dump_restores_the_recipe(registry: Registry) -> None:
    flags = {"text": ["descriptors:style=bare", "common"], "labels": ("a", "b"), "head": "rollup"}
    recipe = resolve_recipe(registry, flags=flags)
    assert recipe.dump()["text"] == [{"name": "descriptors", "style": "bare"}, "common"]
    assert Recipe.model_validate(recipe.dump()) == recipe
    named = resolve_recipe(registry, flags={"text": "descriptors:name=scientific,style=has"})
    assert Recipe.model_validate(named.dump()) == named


@pytest.mark.parametrize(
    ("text", "pooling"),
    [
        ("templates:openai-80", "ensemble"),  # as CLIP pools them
        (["taxonomic", "templates:clip"], "ensemble"),  # one text per class is the same for all poolings
        ("descriptors", "mean"),
        (["templates:openai-80", "descriptors"], "mean"),  # they differ: the default
        ("common", "mean"),
    ],
)
def test_texts_imply_the_pooling_they_were_published_with(registry: Registry, text: Any, pooling: str) -> None:
    recipe = resolve_recipe(registry, flags={"text": text})
    assert recipe.pooling == recipe.dump()["pooling"] == pooling


def test_a_pooling_that_is_set_overrides_that_of_the_texts(registry: Registry, tmp_path: Path) -> None:
    text = {"text": "templates:openai-80"}
    assert resolve_recipe(registry, flags=text | {"pooling": "max"}).pooling == "max"
    assert resolve_recipe(registry, flags=text, plugins=["mean"]).pooling == "mean"
    file = tmp_path / "recipe.yaml"
    file.write_text("text: templates:openai-80\n")
    assert resolve_recipe(registry, file=file).pooling == "ensemble"
    file.write_text("text: templates:openai-80\npooling: mean\n")
    assert resolve_recipe(registry, file=file).pooling == "mean"


def test_an_unknown_pooling_is_refused(registry: Registry) -> None:
    builder = type("Odd", (), {"capabilities": TextBuilderCapabilities(pooling="median"), "build": print})  # type: ignore[arg-type]
    registry.register("odd", _text_builder(builder), "a test")
    with pytest.raises(RecipeError, match="pooling: expected 'mean', 'ensemble' or 'max', got "):
        resolve_recipe(registry, flags={"text": "odd"})


def _text_builder(target: type) -> Any:
    globals()[target.__name__] = target

    class Plugin:
        @hookimpl
        def text_builders(self) -> list[ComponentSpec]:
            return [ComponentSpec("odd", "for a test", f"{__name__}:{target.__name__}")]

    return Plugin()


def test_a_value_without_a_name_is_under_its_options_name_in_the_resolved_recipe(registry: Registry) -> None:
    recipe = resolve_recipe(registry, flags={"text": "templates:clip"})
    assert recipe.dump()["text"] == [{"name": "templates", "set": "clip"}]
    both = resolve_recipe(registry, flags={"text": "templates:clip,name=scientific"})
    assert both.text[0].options == {"set": "clip", "name": "scientific"}
    assert Recipe.model_validate(both.dump()) == both
    with pytest.raises(RecipeError, match="head 'flat': 'x' needs an option name"):
        resolve_recipe(registry, flags={"head": "flat:x"})


def test_options_that_are_paths_are_relative_to_the_recipe_file(registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("text: [templates:mine.yaml, templates:clip, {name: templates, set: /far/away.yaml}]\n")
    assert [ref.options["set"] for ref in resolve_recipe(registry, file=file).text] == [
        str(tmp_path / "mine.yaml"), "clip", "/far/away.yaml",
    ]  # fmt: skip
    flagged = resolve_recipe(registry, file=file, flags={"text": "templates:mine.yaml"})
    assert flagged.text[0].options == {"set": "mine.yaml"}


def test_component_references() -> None:
    ref = parse_ref("hedge:threshold=0.8,depth=auto,strict=true")
    assert (ref.name, ref.options) == ("hedge", {"threshold": 0.8, "depth": "auto", "strict": True})
    assert parse_ref({"name": "hedge", "threshold": 0.8}) == parse_ref("hedge:threshold=0.8")
    with pytest.raises(RecipeError, match=r"expected name:option=value, got 'strict'.*only the first"):
        parse_ref("hedge:threshold=0.8,strict")
    for wrong in ("", ":", "rollup:=3", "rollup:x=["):
        with pytest.raises(RecipeError):
            parse_ref(wrong)
    with pytest.raises(RecipeError, match="needs a 'name'"):
        parse_ref({"threshold": 1})


@pytest.mark.parametrize(
    ("given", "expected"),
    [("1/s", (None, 1.0)), ("2 / s", (None, 0.5)), ("1/5s", (None, 5.0)), ("0.5/s", (None, 2.0)), ("8", (8, None))],
)  # fmt: skip
def test_frames_of_videos(given: object, expected: tuple[object, object]) -> None:
    recipe = resolve_recipe(create_registry(), flags={"frames": given})
    assert isinstance(recipe.frames, str) and split_frames(recipe.frames) == expected


@pytest.mark.parametrize(
    "given", ["", "0", "-1", "0/s", "s", "1/0s", "5000/s", "1/999999s", "99999", "1/min", True, 1.5]
)
def test_frames_that_make_no_sense(given: object) -> None:
    with pytest.raises(RecipeError, match="frames"):
        resolve_recipe(create_registry(), flags={"frames": given})
