"""The files of tables: the built-in ones are consistent, and an invalid one is said with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.errors import EvaluationError
from bioclip_x.evaluation.papers import table as tables
from bioclip_x.evaluation.papers.compare import PaperRun, merge_fields
from bioclip_x.evaluation.papers.table import PaperTable, list_tables, load_table
from bioclip_x.hooks.registry import create_registry

SMALL = """
title: T
paper: P
source: S
data: {A: {reader: "cub:names=cbd", folder: CUB_200_2011}}
models: {M: {model: some-model}}
methods: {clip: {recipe: {text: "common:form=bare"}}}
published: {clip: {M: {A: 50.5}}}
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_the_built_in_tables_are_those_asked_for() -> None:
    assert list_tables() == [
        "bioclip-text-types", "bioclip-zero-few-shot", "cbd-cub", "cbd-imagenet", "cbd-pets", "kawagoe-cub",
        "waffleclip-controls",
    ]  # fmt: skip


@pytest.mark.parametrize("name", list_tables())
def test_each_built_in_table_says_where_its_values_are_from_and_what_was_not_found(name: str) -> None:
    _, table = load_table(name)
    assert "https://" in table.source or "not found" in table.source
    assert table.not_found
    values = [v for m in table.published.values() for d in m.values() for p in d.values() for v in p.values()]
    assert all(0 < value < 100 for value in values)


@pytest.mark.parametrize("name", list_tables())
def test_each_recipe_and_data_set_of_a_built_in_table_is_valid(name: str, tmp_path: Path) -> None:
    """With the files that it names, every recipe resolves and every data set can be made: no option is misspelt."""
    _, table = load_table(name)
    fields = [merge_fields(table, m, o, d) for m in table.methods for o in table.models for d in table.data]
    named = {str(one["descriptors"]) for one in fields if one.get("descriptors")}
    assert named <= set(table.files)
    for file in named:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("{}")
    run = PaperRun(create_registry(), name, table, tmp_path, {"device": "cpu"})
    for row in table.data.values():
        assert run.make_dataset(row) is not None
    for method, how in table.methods.items():
        for model, what in table.models.items():
            for data in table.data:
                if not (how.missing or what.missing):
                    recipe = run.make_recipe(method, model, data)
                    assert recipe.device == "cpu" and recipe.calibration == "none"


def test_the_means_of_bioclips_table_are_those_of_its_data_sets() -> None:
    """The published means are cut off after one decimal: at most 0.1 below."""
    _, table = load_table("bioclip-zero-few-shot")
    for of_data in table.published["zero-shot"].values():
        values = [of_data[data]["top-1"] for data in table.data]
        assert 0 <= sum(values) / 10 - of_data["mean"]["top-1"] < 0.1, values


def test_clip_is_tested_on_common_names_and_bioclip_on_lineages() -> None:
    _, table = load_table("bioclip-zero-few-shot")
    text = {
        (model, data): merge_fields(table, "zero-shot", model, data)["text"]
        for model in table.models
        for data in table.data
    }
    assert text["CLIP", "Rare Species"] == "templates:openai-80,name=common"
    assert text["BioCLIP", "Rare Species"] == "templates:openai-80,name=taxonomic+common"
    assert text["BioCLIP", "Fungi"] == "templates:openai-80,name=common"  # the label as published


def test_a_table_is_loaded_by_name_or_by_file(tmp_path: Path) -> None:
    name, table = load_table(write(tmp_path / "mine.yaml", SMALL))
    assert name == "mine" and table.published["clip"]["M"]["A"] == {"top-1": 50.5}
    with pytest.raises(
        EvaluationError, match=r"--paper nothing: no table is called that; there are bioclip-text-types, .*cbd-cub"
    ):
        load_table("nothing")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{A: 50.5}", "{B: 50.5}", "published: data 'B' is not defined in the table"),
        ("clip: {M: {A", "clip: {N: {A", "published: model 'N' is not defined"),
        ("title: T\n", "", "title"),
        ("paper: P\n", "paper: P\ncolour: red\n", "colour"),
        ("{A: 50.5}", "{A: {top-3: 50.5}}", "top-3"),
    ],
)  # fmt: skip
def test_an_invalid_table_is_said_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    file = write(tmp_path / "table.yaml", SMALL.replace(old, new))
    with pytest.raises(EvaluationError, match=message) as error:
        load_table(file)
    assert str(file) in str(error.value)


def test_recipes_of_methods_models_and_data_sets_are_merged_in_order() -> None:
    table = PaperTable.model_validate(
        {
            "title": "T", "paper": "P", "source": "S", "recipe": {"text": "common", "k": 1, "pooling": "mean"},
            "data": {"A": {"reader": "cub", "recipe": {"k": 4}, "models": {"M": {"k": 5}}}, "B": {"reader": "cub"}},
            "models": {"M": {"model": "m", "recipe": {"k": 3, "pooling": "max"}}, "N": {"model": "n"}},
            "methods": {"x": {"recipe": {"k": 2, "text": "scientific"}}},
        }
    )  # fmt: skip
    assert merge_fields(table, "x", "M", "A") == {"model": "m", "text": "scientific", "k": 5, "pooling": "max"}
    assert merge_fields(table, "x", "N", "A") == {"model": "n", "text": "scientific", "k": 4, "pooling": "mean"}
    assert merge_fields(table, "x", "M", "B")["k"] == 3
    assert merge_fields(table, "x", "N", "B")["k"] == 2


def test_an_installed_package_has_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "installed"
    (package / "papers").mkdir(parents=True)
    write(package / "papers" / "one.yaml", SMALL)
    monkeypatch.setattr(tables.resources, "files", lambda name: package)
    assert list_tables() == ["one"] and load_table("one")[0] == "one"
