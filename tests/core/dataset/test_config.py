"""The configuration of a data set: what it holds, and an error for each mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bioclip_x.dataset.config import BuildConfig, make_config, read_config
from bioclip_x.errors import BioclipXError, DatasetError

LEAST = {"sources": [{"name": "folder", "path": "photos"}], "taxonomies": ["birds.csv"]}


def test_the_least_configuration_and_its_defaults() -> None:
    config = make_config(LEAST)
    assert config.sources[0].component.options == {"path": "photos"} and config.sources[0].name == "folder"
    assert config.taxonomies[0].name == "birds.csv" and config.splits == {"val": 0.05}
    assert config.licences.allow is None and config.licences.unknown == "use"
    assert config.duplicates.exact and config.duplicates.semantic is None and config.model is None


def test_fields_of_a_source_are_told_from_options_of_its_component() -> None:
    given = {"name": "inat21", "root": "inat", "as": "iNat21", "licence": "CC0", "rights_holder": "many"}
    (source,) = make_config(LEAST | {"sources": [given]}).sources
    assert (source.name, source.licence, source.rights_holder) == ("iNat21", "CC0", "many")
    assert source.component.name == "inat21" and source.component.options == {"root": "inat"}
    captions = {"name": "openai-vision", "model": "m", "bins": 0, "concurrency": 2}
    made = make_config(LEAST | {"captions": captions}).captions
    assert made is not None and made.concurrency == 2 and made.component.options == {"model": "m"}


def test_short_forms() -> None:
    config = make_config(LEAST | {"sources": ["folder:path=a"], "duplicates": {"semantic": True}, "model": "bioclip"})
    assert config.sources[0].component.options == {"path": "a"}
    assert config.duplicates.semantic is not None and config.duplicates.semantic.epsilon == 0.05
    assert make_config(LEAST | {"duplicates": {"semantic": False}}).duplicates.semantic is None


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"sources": []}, "sources"),
    ({"taxonomies": []}, "taxonomies"),
    ({"sources": [{"path": "photos"}]}, "name"),
    ({"sources": [{"name": "folder", "as": "a/b"}]}, "'a/b' cannot be a name; give another with `as`"),
    ({"sources": ["folder", "folder"]}, "two are named 'folder'; tell them apart with `as`"),
    ({"held_out": {"sources": ["folder"]}}, "two are named 'folder'"),
    ({"taxonomies": ["a/birds.csv", "b/birds.csv"]}, "two are named 'birds.csv'"),
    ({"title": 3}, "title"),
    ({"tilte": "Park"}, "tilte"),
    ({"names": {"least": "most"}}, "names.least"),
    ({"names": {"leest": "full"}}, "names.leest"),
    ({"licences": {"allow": "CC0"}}, "licences.allow"),
    ({"licences": {"allow": ["CC-BYY"]}}, "'CC-BYY' is no licence that is recognised"),
    ({"sources": [{"name": "folder", "license": "CC0"}]}, "license: this field is spelt licence"),
    ({"licences": {"unknown": "ask"}}, "licences.unknown"),
    ({"held_out": {"similarity": 2}}, "held_out.similarity"),
    ({"held_out": {"similarity": 0.9}}, "held_out.similarity: needs embeddings; name a `model`"),
    ({"duplicates": {"perceptual": 9}}, "duplicates.perceptual"),
    ({"duplicates": {"semantic": True}}, "duplicates.semantic: needs embeddings; name a `model`"),
    ({"duplicates": {"semantic": {"epsilon": 1}}, "model": "m"}, "duplicates.semantic.epsilon"),
    ({"captions": {"name": "c", "bins": 5}}, "captions.bins: needs embeddings; name a `model`"),
    ({"captions": {"name": "c", "fraction": 0}}, "captions.fraction"),
    ({"splits": {"train": 0.1}}, "'train' cannot be the name of a split besides train"),
    ({"splits": {"../val": 0.1}}, "'../val' cannot be the name of a split"),
    ({"splits": {"val": 1}}, "val: expected a part from 0 to 1, got 1"),
    ({"splits": {"val": -0.1}}, "val: expected a part from 0 to 1"),
    ({"splits": {"val": 0.6, "test": 0.4}}, "the parts add up to 1; nothing is left for training"),
    ({"splits": {"val": float("nan")}}, "splits"),
    ({"texts": {"a b": "common"}}, "'a b'"),
    ({"images": {"size": 8}}, "images.size"),
    ({"images": {"resize": "crop"}}, "images.resize"),
    ({"images": {"quality": 101}}, "images.quality"),
    ({"shards": {"images": 0}}, "shards.images"),
    ({"seed": -1}, "seed"),
    ({"workers": -1}, "workers"),
    ({"memory": "4 elephants"}, "memory"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG)
def test_mistakes_are_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(DatasetError) as problem:
        make_config(LEAST | fields)
    assert message in str(problem.value) and "\n" not in str(problem.value)


def test_a_field_for_each_mistake() -> None:
    """No field of the configuration, at the top, is left without one."""
    named = {name for fields, _ in WRONG for name in fields}
    assert set(BuildConfig.model_fields) - named - {"output", "plugins", "base", "device", "model"} == set()


def test_files_name_the_line_and_may_extend_others(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("sources: [{name: folder, path: photos}]\ntaxonomies: [birds.csv]\nseed: 3\n")
    (tmp_path / "park.yaml").write_text("extends: base.yaml\ntitle: Park\nsplits: {val: 0.1}\n")
    config = read_config(tmp_path / "park.yaml", {"images.size": 224, "splits": {"val": 0.5}})
    assert (config.seed, config.title, config.images.size, config.splits) == (3, "Park", 224, {"val": 0.5})
    assert config.path(Path("a")) == tmp_path / "a" and config.path(Path("/a")) == Path("/a")
    (tmp_path / "park.yaml").write_text("extends: base.yaml\ntitle: Park\nimages:\n  size: 8\n")
    with pytest.raises(DatasetError, match=r"park\.yaml, line 4: images\.size"):
        read_config(tmp_path / "park.yaml")
    (tmp_path / "base.yaml").write_text("sources: [{name: folder}]\ntaxonomies: []\n")
    (tmp_path / "park.yaml").write_text("extends: base.yaml\n")
    with pytest.raises(DatasetError, match=r"base\.yaml, line 2: taxonomies"):
        read_config(tmp_path / "park.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "expected a mapping"),
        ("", "expected a mapping"),
        ("extends: park.yaml\n", "extends this file in turn"),
        ("extends: [a]\n", "expected the name of a file"),
        ("sources: [a\n", "park.yaml"),
        ("seed: 1\nseed: 2\n", "seed"),
    ],
)
def test_files_that_are_no_configuration(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "park.yaml").write_text(text)
    with pytest.raises(BioclipXError, match=message):
        read_config(tmp_path / "park.yaml")


def test_a_change_below_a_plain_value_is_refused(tmp_path: Path) -> None:
    (tmp_path / "park.yaml").write_text("sources: [folder]\ntaxonomies: [a.csv]\ntitle: Park\n")
    with pytest.raises(DatasetError, match="title is not a mapping"):
        read_config(tmp_path / "park.yaml", {"title.size": 3})


def test_licences_that_are_allowed_may_be_spelt_as_publishers_do() -> None:
    allow = ["CC BY 4.0", "cc0", "public domain", "unknown", "other"]
    config = make_config({"sources": ["folder"], "taxonomies": ["birds.csv"], "licences": {"allow": allow}})
    assert config.licences.allow == ("CC-BY-4.0", "CC0-1.0", "public domain", "unknown", "other")
