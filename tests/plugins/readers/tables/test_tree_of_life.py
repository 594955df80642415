from __future__ import annotations

import json
from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TaxonomyError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.taxonomy import LINNAEAN, Taxonomy
from bioclip_x_plugins.readers.tables.tree_of_life import TreeOfLifeReader
from tree_of_life import Entry, names

GOLDFISH = [["Animalia", "Chordata", "", "Cypriniformes", "Cyprinidae", "Carassius", "auratus"], "Goldfish"]


def read(tmp_path: Path, content: object) -> Taxonomy:
    path = tmp_path / "txt_emb_species.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return TreeOfLifeReader().read(path)


def test_each_row_has_its_class(tmp_path: Path) -> None:
    rows = names()
    tree = read(tmp_path, rows)
    assert tree.n_classes == len(rows) == 1000 and tree.notes == ()
    assert tree.class_of_row is not None and sorted(tree.class_of_row) == list(range(1000))
    for row, class_index in zip(rows, tree.class_of_row):
        taxon = tree.class_taxon(class_index)
        *above, epithet = row[0]
        expected = dict(zip(LINNAEAN, [*above, f"{above[-1]} {epithet}".strip()]))
        assert dict(taxon.lineage) == {rank: name for rank, name in expected.items() if name}
        assert taxon.common_name() == row[1]
    assert list(tree.rank_tables) == list(LINNAEAN), "holes are filled, so that every rank has a table"


def test_a_lineage_listed_twice_is_one_class_with_two_rows(tmp_path: Path) -> None:
    tree = read(tmp_path, [GOLDFISH, [["Plantae", "", "", "", "", "Quercus", "robur"], ""], [GOLDFISH[0], "other"]])
    assert tree.n_classes == 2 and tree.class_of_row is not None
    assert tree.class_of_row[0] == tree.class_of_row[2] != tree.class_of_row[1]
    assert tree.class_taxon(tree.class_of_row[0]).common_name() == "Goldfish"
    assert len(tree.notes) == 1 and tree.notes[0].endswith("row 3: Carassius auratus is listed again and taken once")


@pytest.mark.parametrize(
    ("lineage", "rank", "name"),
    [
        (["Animalia", "", "", "", "", "Lissomartus", "Trigonotarbus schucherti"], "species", "Trigonotarbus schucherti"),
        (["Animalia", "", "", "", "", "", "incerta"], "species", "incerta"),
        (["Plantae", "", "", "", "Fagaceae", "Quercus", ""], "genus", "Quercus"),
        (["Plantae", "", "", "", "Fagaceae", "Quercus", " × hispanica "], "species", "Quercus × hispanica"),
    ],
)  # fmt: skip
def test_odd_last_ranks(tmp_path: Path, lineage: list[str], rank: str, name: str) -> None:
    taxon = read(tmp_path, [[lineage, ""]]).class_taxon(0)
    assert (taxon.rank, taxon.name) == (rank, name)


def test_a_genus_beside_its_species_is_a_class(tmp_path: Path) -> None:
    oaks: list[Entry] = [[["Plantae", "", "", "", "", "Quercus", epithet], ""] for epithet in ("", "robur")]
    tree = read(tmp_path, oaks)
    assert tree.class_of_row is not None
    assert [tree.class_taxon(c).name for c in tree.class_of_row] == ["Quercus", "Quercus robur"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": 1}, "expected a list of"),
        ("", "expected a list of"),
        ([[GOLDFISH[0][1:], "Goldfish"]], "row 1: expected 7 ranks, kingdom to epithet, got 6"),
        ([GOLDFISH, ["Animalia", "Goldfish"]], "row 2: expected .*kingdom, phylum.* got .*Animalia"),
        ([GOLDFISH, [[*GOLDFISH[0][:6], None], ""]], "row 2: expected"),
        ([[[""] * 7, "nobody"]], "row 1: no name at any rank"),
        ([], "holds no taxon"),
        (json.dumps([GOLDFISH, GOLDFISH])[:-30], "line 1: not valid JSON: .*"),
        (json.dumps([GOLDFISH])[:-1], "line 1: not valid JSON: .*is the file truncated"),
        (json.dumps([GOLDFISH]) + "\n[]", "line 1: expected nothing after the end of the list"),
        ("[[[" + "[" * 100_000, "line 1: not valid JSON: maximum recursion depth"),
    ],
)
def test_invalid_files(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(TaxonomyError, match=message):
        read(tmp_path, content)


def test_recognised_unlike_other_json(tmp_path: Path) -> None:
    registry = create_registry()
    for file, content, n in [
        ("list.json", [GOLDFISH], 1),
        ("records.json", [{"family": "Paridae", "species": "Parus major"}, {"species": "Parus ater"}], 2),
    ]:
        (tmp_path / file).write_text(json.dumps(content, indent=1), "utf-8")
        assert read_taxonomy(registry, tmp_path / file).n_classes == n
