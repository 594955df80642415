"""What all readers of published data sets share: another taxonomy than their own, and the command line."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

import published_layouts as layouts
from bioclip_x.cli.main import main
from bioclip_x.hooks.registry import create_registry
from bioclip_x.taxonomy import TaxonomyBuilder
from bioclip_x_plugins.datasets.published.dataset import resolve_categories
from bioclip_x_plugins.datasets.published.listing import Category, list_nodes, make_label, make_taxon, make_taxonomy


def call(arguments: list[str]) -> int:
    """The exit status of a command."""
    with pytest.raises(SystemExit) as done:
        main(arguments)
    return int(done.value.code or 0)


def test_classes_are_found_in_another_taxonomy_by_path_name_and_common_name(tmp_path: Path) -> None:
    builder = TaxonomyBuilder()
    builder.add_lineage([("kingdom", "Animalia"), ("genus", "Pica"), ("species", "Pica hudsonia")])
    tree = builder.build()
    dataset = create_registry().make("datasets", "inat21", {"root": layouts.lay_inat21(tmp_path)})
    notes = list(dataset.prepare(tree))
    assert notes == [
        "1 of 2 classes of iNaturalist 2021 are not in the taxonomy, or match several taxa, skipped: Lumbricus terrestris"
    ]
    assert [tree.names[node] for node in dataset.nodes()] == ["Pica hudsonia"] * 2
    kept = create_registry().make("datasets", "inat21", {"root": tmp_path / "inat21", "off_list": "keep"})
    assert ["kept as off-list" in note for note in kept.prepare(tree)] == [True]
    assert np.sign(kept.nodes()).tolist() == [-1, 1, 1] and Path(kept.name(0)).name == "a1.jpg"


def test_a_homonym_is_found_by_its_path() -> None:
    builder = TaxonomyBuilder()
    for kingdom in ("Animalia", "Plantae"):
        builder.add_lineage([("kingdom", kingdom), ("genus", "Ficus"), ("species", "Ficus communis")])
    tree = builder.build()
    names = {"kingdom": "Plantae", "genus": "Ficus", "species": "communis"}
    [node] = resolve_categories([make_taxon(names)], tree)
    assert tree.names[int(tree.parent_N[tree.parent_N[node]])] == "Plantae"
    assert resolve_categories([Category((("species", "Ficus communis"),))], tree) == [-1]


def test_own_nodes_follow_the_order_of_the_categories_whatever_the_tree() -> None:
    """Interleaved families are sorted depth first in the tree; the nodes are still those of the categories."""
    names = [("Paridae", "Parus", "major"), ("Corvidae", "Pica", "pica"), ("Paridae", "Parus", "minor")]
    categories = [make_taxon({"family": f, "genus": g, "species": s}) for f, g, s in names]
    tree = make_taxonomy(categories, "test")
    assert [tree.names[node] for node in list_nodes(tree)] == ["Parus major", "Pica pica", "Parus minor"]
    same = [make_label("missile"), make_label("missile")]
    assert len(set(list_nodes(make_taxonomy(same, "test")))) == 2


def test_a_data_set_can_be_sent_to_other_processes(tmp_path: Path) -> None:
    dataset = create_registry().make("datasets", "cub", {"root": layouts.lay_cub(tmp_path)})
    list(dataset.prepare(dataset.own_taxonomy()))
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy.nodes().tolist() == dataset.nodes().tolist() and copy.name(0) == dataset.name(0)


def test_evaluate_uses_the_classes_of_the_data_set(tmp_path: Path, tiny_model: str) -> None:
    root, output = layouts.lay_cub(tmp_path), tmp_path / "out.json"
    arguments = ["--model", tiny_model, "--device", "cpu", "--text", "common", "--output", str(output), "--quiet"]
    assert call(["evaluate", f"cub:root={root}", *arguments]) == 0
    result = json.loads(output.read_text("utf-8"))
    assert (result["n_classes"], result["pictures"], result["classes"]) == (3, 3, 3)
    assert result["taxonomy"].startswith("CUB-200-2011")
    output.unlink()
    assert call(["evaluate", f"cub:root={root}", *arguments, "--labels", "Laysan Albatross,sparrow"]) == 0
    assert json.loads(output.read_text("utf-8"))["n_classes"] == 2


def test_missing_files_are_a_message_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["evaluate", f"nabirds:root={tmp_path}"]) == 2
    message = " ".join(capsys.readouterr().err.split())
    assert "has no images.txt. Get NABirds from https://dl.allaboutbirds.org/nabirds" in message
