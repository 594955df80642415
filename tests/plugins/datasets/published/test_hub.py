"""Data sets by the library datasets, with its builder for local folders: nothing is downloaded."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.errors import TrainingError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.images.files import ImageFiles
from published_layouts import lay


def make(**options: Any) -> Any:
    return create_registry().make("datasets", "hub", options)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("datasets")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    return lay(tmp_path / "data", images=("test/zebra/1.png", "test/ant/1.png", "test/ant/2.png"))


def test_numbered_labels_are_named(folder: Path) -> None:
    dataset = make(name="imagefolder", data_dir=folder, split="test")
    tree = dataset.own_taxonomy()
    assert list(dataset.prepare(tree)) == []
    assert sorted(tree.names[node] for node in dataset.nodes()) == ["ant", "ant", "zebra"]
    assert ImageFiles().read_any(dataset.image(0)).image.size == (40, 30)
    assert dataset.name(0) == "imagefolder/test/0"


# The library leaves the table open that it has read.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_columns_of_ranks_are_lineages(folder: Path) -> None:
    rows = ["ant/1.png,Animalia,Formicidae,Lasius,niger,black ant", "zebra/1.png,Animalia,Equidae,Equus,Equus zebra,"]
    (folder / "test/ant/2.png").unlink()
    header = "file_name,kingdom,family,genus,species,common"
    (folder / "test/metadata.csv").write_text("\n".join([header, *rows]) + "\n")
    tree = make(name="imagefolder", data_dir=folder, split="test").own_taxonomy()
    names = {tree.class_taxon(c).name: tree.class_taxon(c).common_name("en") for c in range(tree.n_classes)}
    assert names == {"Lasius niger": "black ant", "Equus zebra": ""}
    gc.collect()  # the warning belongs to this test, not to one that follows


def test_a_column_that_is_missing_is_said(folder: Path) -> None:
    with pytest.raises(TrainingError, match="imagefolder has no column 'species'; it has image, label"):
        make(name="imagefolder", data_dir=folder, split="test", label="species").own_taxonomy()


def test_what_cannot_be_loaded_is_said(folder: Path) -> None:
    with pytest.raises(TrainingError, match="imagefolder, split nothing, cannot be loaded"):
        make(name="imagefolder", data_dir=folder, split="nothing").own_taxonomy()


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(TrainingError, match=r"pip install 'bioclip-x\[hub-data\]'"):
        make(name="imageomics/rare-species").own_taxonomy()
