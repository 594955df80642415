from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TaxonomyError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.taxonomy import Taxonomy

ABOVE = "d__Bacteria;p__Pseudomonadota;c__Gammaproteobacteria;o__Pseudomonadales;f__Moraxellaceae"
BAUMANNII = f"{ABOVE};g__Acinetobacter;s__Acinetobacter baumannii"


def read(path: Path, text: str | bytes, format: str | None = None) -> Taxonomy:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_taxonomy(create_registry(), path, format)


@pytest.mark.parametrize(
    "content",
    [
        f"{BAUMANNII}\n",
        f"{BAUMANNII}".replace(";", "; ") + ";\r\n",
        b"\xef\xbb\xbf" + BAUMANNII.encode(),
        BAUMANNII.encode("utf-16"),
        f"GB_GCA_1\t{BAUMANNII}\n",
        f"user_genome\tclassification\tani\nGB_GCA_1\t{BAUMANNII}\t99\n",
        f"Feature ID\tTaxon\tConfidence\nGB_GCA_1\t{BAUMANNII.replace('Acinetobacter b', 'b')}\t0.9\n",
    ],
)
def test_equivalent_files_give_the_same_lineage(tmp_path: Path, content: str | bytes) -> None:
    tree = read(tmp_path / "bac120.tsv", content)
    assert tree.class_taxon(0).lineage == (
        ("domain", "Bacteria"), ("phylum", "Pseudomonadota"), ("class", "Gammaproteobacteria"),
        ("order", "Pseudomonadales"), ("family", "Moraxellaceae"), ("genus", "Acinetobacter"),
        ("species", "Acinetobacter baumannii"),
    )  # fmt: skip
    assert tree.n_classes == 1


def test_genomes_of_one_species_are_counted(tmp_path: Path) -> None:
    taxon = read(tmp_path / "a.tsv", f"GB_1\t{BAUMANNII}\nGB_2\t{BAUMANNII}\n").class_taxon(0)
    assert (taxon.ids, taxon.extra) == ({"gtdb": "GB_1"}, {"genomes": "2"})
    assert read(tmp_path / "b.tsv", f"GB_1\t{BAUMANNII}\n").class_taxon(0).extra == {}


def test_a_prefix_without_a_name_is_a_missing_rank(tmp_path: Path) -> None:
    text = f"{BAUMANNII}\nd__Archaea;p__Thermoproteota;c__;o__;f__;g__;s__\n{ABOVE};g__;s__\n"
    tree = read(tmp_path / "a.tsv", text)
    lineages = [tree.class_taxon(c).lineage[-1] for c in range(tree.n_classes)]
    assert sorted(lineages) == [
        ("family", "Moraxellaceae"), ("phylum", "Thermoproteota"), ("species", "Acinetobacter baumannii"),
    ]  # fmt: skip
    assert list(tree.rank_tables) == ["domain", "phylum", "class", "order", "family", "genus", "species"]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (f"GB_1\t{BAUMANNII}\nGB_2\t{BAUMANNII}\tmore\n", 2, "expected an accession and a lineage, got 3 columns"),
        (f"{BAUMANNII}\nd__Bacteria;x__B\n", 2, "got 'x__B'"),
        (f"{BAUMANNII}\nd__Bacteria;f__F;o__O\n", 2, "the order follows the family"),
        (f"{BAUMANNII}\nd__Bacteria;f__F;f__G\n", 2, "the family follows the family"),
        (f"{BAUMANNII}\nd__;p__\n", 2, "no name at any rank"),
        (f"{BAUMANNII}\nd__Bacteria;f__Moraxellaceae\n", 2, "family Moraxellaceae is below domain Bacteria"),
        (f"{BAUMANNII}\n" * 5000 + "Bacteria\n", 5001, "got 'Bacteria'"),
        (f"genome\tclassification\ng1\t{BAUMANNII}\ng2\n", 3, "expected at least 2 columns, got 1"),
        (f"{BAUMANNII}\n\0\n", 2, "a NUL byte"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = tmp_path / "a.tsv"
    with pytest.raises(TaxonomyError) as caught:
        read(path, text)
    assert f"{path}, line {line}: " in str(caught.value) and message in str(caught.value)


def test_all_errors_are_reported_together(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError) as caught:
        read(tmp_path / "a.tsv", f"{BAUMANNII}\nx\n{BAUMANNII}\ny\n")
    assert [problem.line for problem in caught.value.problems] == [2, 4]


def test_an_empty_file(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match="is empty"):
        read(tmp_path / "a.tsv", "\n", "gtdb")


def test_a_gtdb_release(shared_data: Path) -> None:
    path = shared_data / "ncbi_gtdb" / "onecodex" / "gtdb_sample.tsv"
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
    tree = read_taxonomy(create_registry(), path)
    prefixes = dict(zip(("domain", "phylum", "class", "order", "family", "genus", "species"), "dpcofgs"))
    taxa = [tree.class_taxon(c) for c in range(tree.n_classes)]
    read_back = [";".join(f"{prefixes[rank]}__{name}" for rank, name in taxon.lineage) for taxon in taxa]
    assert sorted(read_back) == sorted({lineage for _, lineage in rows})
    assert sum(int(taxon.extra.get("genomes", "1")) for taxon in taxa) == len(rows)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gtdb_invalid.tsv", "line 2: expected an accession and a lineage, got 3 columns"),
        ("gtdb_inconsistent.tsv", "line 2: genus Acinetobacter is below family WRONG_FAMILY, but in line 1 below"),
    ],
)
def test_corrupted_gtdb_files(shared_data: Path, name: str, message: str) -> None:
    with pytest.raises(TaxonomyError, match=message):
        read_taxonomy(create_registry(), shared_data / "ncbi_gtdb" / "onecodex" / name)
