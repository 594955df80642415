"""What is told of data sets before training: labels above the classes, a single label, missing files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bioclip_x.errors import TrainingError
from bioclip_x.hooks.capabilities import DatasetCapabilities
from bioclip_x.hooks.components import Sample
from bioclip_x.hooks.registry import create_registry
from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from bioclip_x.training.components import Parts, fill_in_defaults, make_parts
from bioclip_x.training.config import make_config
from bioclip_x.training.data.dataset_checks import describe_labels, find_inner_labels, find_missing_files, list_nodes
from bioclip_x.training.trainer import Trainer


@pytest.fixture
def taxonomy() -> Taxonomy:
    builder = TaxonomyBuilder()
    for genus, species in (("Parus", "Parus major"), ("Parus", "Parus minor"), ("Turdus", "Turdus merula")):
        builder.add_lineage([("genus", genus), ("species", species)])
    return builder.build()


class Listed:
    """Samples, by index or all at once."""

    def __init__(self, nodes: list[int], *, at_once: bool) -> None:
        self.labels = nodes
        self.capabilities = DatasetCapabilities(lists_nodes=at_once)

    def __len__(self) -> int:
        return len(self.labels)

    def sample(self, index: int) -> Sample:
        assert not self.capabilities.lists_nodes
        return Sample(self.labels[index])

    def nodes(self) -> np.ndarray:
        return np.array(self.labels)


@pytest.mark.parametrize("at_once", [False, True])
def test_the_labels_of_all_images(at_once: bool) -> None:
    found = list_nodes(Listed([3, -1, 3, 1], at_once=at_once))  # type: ignore[arg-type]
    assert found.tolist() == [3, -1, 3, 1] and found.dtype == np.int64


def test_labels_above_the_classes_and_single_labels_are_told(taxonomy: Taxonomy) -> None:
    node = {name: i for i, name in enumerate(taxonomy.names)}
    major, minor, parus, turdus = (node[name] for name in ("Parus major", "Parus minor", "Parus", "Turdus"))
    labels = np.array([major, parus, -1, turdus, parus, minor])
    assert find_inner_labels(labels, taxonomy).tolist() == sorted([parus, turdus])
    assert describe_labels(labels, taxonomy) == ["3 images are labelled above the classes: genus Parus, genus Turdus"]
    assert describe_labels(np.array([major, minor]), taxonomy) == []
    [note] = describe_labels(np.array([major, major]), taxonomy)
    assert note.startswith("all images are labelled Parus major: ")
    assert describe_labels(np.array([major, -1]), taxonomy) == [], "images without a label have texts of their own"


class Named:
    """Images by name."""

    capabilities = DatasetCapabilities(names_files=True)

    def __init__(self, *names: str) -> None:
        self.names = names

    def __len__(self) -> int:
        return len(self.names)

    def name(self, index: int) -> str:
        return self.names[index]


def test_missing_files_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/1.png", "a/2.png", "b/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    there = [f"{tmp_path}/a/1.png", f"{tmp_path}/a/../b/1.png", "a/2.png", "https://x.org/no.png"]
    missing = [f"{tmp_path}/a/3.png", f"{tmp_path}/c/1.png", "none.png"]
    named: Any = Named(*there, *missing)
    assert find_missing_files(named) == missing
    named.capabilities = DatasetCapabilities()
    assert find_missing_files(named) == [], "the names of other data sets are no files"


def parts(fields: dict[str, Any], base: Path) -> Parts:
    registry = create_registry()
    return make_parts(fill_in_defaults(make_config(fields | {"base": base}), registry), registry)


def write_table(folder: Path, *rows: str) -> dict[str, str]:
    (folder / "table.csv").write_text("\n".join(["path,label", *rows]) + "\n", "utf-8")
    return {"name": "manifest", "path": "table.csv"}


def test_missing_files_are_told_and_refused_if_they_are_all(tmp_path: Path, config_fields: dict[str, Any]) -> None:
    there = "squares/Rubrus_primus/00.png,Rubrus primus"
    gone = [f"gone/{i}.png,Flavus quartus" for i in range(5)]
    made = parts(config_fields | {"data": write_table(tmp_path, there, *gone)}, tmp_path)
    [note] = [note for note in made.notes if "do not exist" in note]
    assert "5 of 6 image files do not exist" in note and f"{tmp_path}/gone/0.png" in note
    with pytest.raises(TrainingError, match=r"5 of 5 image files do not exist: .*gone/0.png.*; check the paths"):
        parts(config_fields | {"data": write_table(tmp_path, *gone)}, tmp_path)
    with pytest.raises(
        TrainingError, match=r"no usable image; 1 labels of .*table.csv are not in the taxonomy, .*: Nobody"
    ):
        parts(config_fields | {"data": write_table(tmp_path, "squares/Rubrus_primus/00.png,Nobody")}, tmp_path)


def test_images_labelled_above_the_classes_are_trained_on(tmp_path: Path, config_fields: dict[str, Any]) -> None:
    """With the texts of their taxon; the other classes are of genera of their own."""
    (tmp_path / "squares" / "Rubrus_primus").rename(tmp_path / "squares" / "Rubrus")
    (tmp_path / "squares" / "Viridis_secundus").rename(tmp_path / "squares" / "Animalia")
    fields = config_fields | {"epochs": 1, "output": str(tmp_path / "run")}
    made = parts(fields, tmp_path)
    assert "24 images are labelled above the classes: kingdom Animalia, genus Rubrus" in made.notes
    nodes = {made.taxonomy.names[node] for node in list_nodes(made.datasets[0]).tolist()}
    assert nodes == {"Animalia", "Rubrus", "Caeruleus tertius", "Flavus quartus"}
    rng = np.random.default_rng(0)
    drawn = {made.texts(made.taxonomy.names.index("Rubrus"), (), rng, kind=0) for _ in range(9)}
    assert drawn == {"a photo of Rubrus."}
    outcome = Trainer(make_config(fields | {"base": tmp_path}), create_registry()).run()
    assert outcome.steps == 3
