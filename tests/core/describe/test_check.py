"""Curation with a taxonomy, and the check of a whole file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bioclip_x.cli.render.curation import print_checked
from bioclip_x.describe.check import check_file, curate
from bioclip_x.prompts import Descriptor, DescriptorSet
from bioclip_x.taxonomy import Details, Taxonomy, TaxonomyBuilder

LINEAGES = {
    "Parus major": ("Paridae", "Parus", "great tit"),
    "Parus minor": ("Paridae", "Parus", "Japanese tit"),
    "Turdus merula": ("Turdidae", "Turdus", "blackbird"),
    "Turdus pilaris": ("Turdidae", "Turdus", "fieldfare"),
}


@pytest.fixture
def birds() -> Taxonomy:
    builder = TaxonomyBuilder()
    for species, (family, genus, common) in LINEAGES.items():
        about = Details(common_names={"en": (common,)})
        builder.add_lineage([("family", family), ("genus", genus), ("species", species)], about)
    return builder.build("birds")


def test_siblings_come_from_the_tree(birds: Taxonomy) -> None:
    said = ("like a Japanese tit", "unlike the blackbird", "great tit's cap", "a fieldfare-like breast", "Parus shape")
    done = curate(
        DescriptorSet({"great tit": tuple(map(Descriptor, said)), "Turdus merula": (Descriptor("black"),)}, ""), birds
    )
    assert [(f.kind, f.phrase, f.done) for f in done.findings] == [
        ("sibling's name", "like a Japanese tit", "dropped"),
        ("class's name", "great tit's cap", "mended"),
        ("genus", "Parus shape", "told"),
    ]


def test_same_lists_of_one_genus_and_not_of_another(birds: Taxonomy) -> None:
    same = (Descriptor("a black cap"),)
    done = curate(DescriptorSet(dict.fromkeys(["Parus major", "Parus minor", "Turdus merula"], same), ""), birds)
    assert [f.name for f in done.findings] == ["Parus major", "Parus minor"]


def test_names_that_do_not_fit(birds: Taxonomy, tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    path.write_text(
        '{"Parus major": ["black", "black"], "great_tit": ["green"], "Parus mayor": ["blue"], "Turdidae": ["fat"]}'
    )
    found = check_file(path, birds).findings
    assert [(f.kind, f.name) for f in found] == [
        ("in the file", ""),
        ("class given twice", "great_tit"),
        ("unknown class", "Parus mayor"),
        ("missing classes", ""),
    ]
    assert "did you mean species Parus major," in found[2].message
    assert found[3].message.endswith("3 classes of the taxonomy: Parus minor, Turdus merula, Turdus pilaris")


def test_the_table_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "d.json"
    path.write_text(
        json.dumps({"hen": ["- red comb", "eats [red]corn\x1b[2J", *(f"{i}. leg {'x' * i}" for i in range(1, 5))]})
    )
    checked = check_file(path)
    print_checked(checked, most=2)
    table = capsys.readouterr().out
    assert "1 class, 6 descriptors: 6 mended, 1 told" in " ".join(table.split())
    assert "mended  hen: - red comb → red comb" in table
    assert "… 3 more" in table
    assert "\x1b" not in table
    print_checked(checked, "json")
    document = json.loads(capsys.readouterr().out)
    assert (document["classes"], document["descriptors"], document["mended"], document["told"]) == (1, 6, 6, 1)
    assert document["findings"][0] == {
        "kind": "list mark", "class": "hen", "phrase": "- red comb", "done": "mended", "became": "red comb",
        "message": "a bullet or list number",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["cub", "imagenet"])
def test_hardly_anything_published_is_dropped(shared_data: Path, name: str) -> None:
    """CBD's descriptors are visual for the most part; whatever curation drops of them must be few."""
    checked = check_file(shared_data / "descriptors" / "cbd" / f"descriptors_{name}.json")
    n = sum(map(len, checked.descriptors.classes.values()))
    assert 0 < sum(f.done == "dropped" for f in checked.findings) < 0.01 * n
