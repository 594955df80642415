from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TaxonomyError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy import Taxonomy

NODES = [
    ("1", "1", "no rank"), ("131567", "1", "cellular root"), ("543", "131567", "family"), ("561", "543", "genus"),
    ("562", "561", "species"), ("83333", "562", "strain"), ("9", "543", "clade"),
]  # fmt: skip
NAMES = [
    ("1", "root", "scientific name"),
    ("131567", "cellular organisms", "scientific name"),
    ("543", "Enterobacteriaceae", "scientific name"),
    ("561", "Escherichia", "scientific name"),
    ("561", "Escherichia Castellani and Chalmers 1919", "authority"),
    ("562", "E. coli", "common name"),
    ("562", "colon bacillus", "genbank common name"),
    ("562", "Escherichia coli", "scientific name"),
    ("562", "Escherichia coli (Migula 1895) Castellani and Chalmers 1919", "authority"),
    ("562", "Bacillus coli", "synonym"),
    ("562", '"Bacillus coli" Migula 1895', "authority"),
    ("562", '"Bacillus coli communis" Escherich 1885', "authority"),
    ("562", "Bacillus coli communis", "equivalent name"),
    ("562", "Escherchia coli", "misspelling"),
    ("562", "DSM 30083", "type material"),
    ("83333", "Escherichia coli K-12", "scientific name"),
    ("9", "a clade", "scientific name"),
]


def dump(*rows: tuple[str, ...]) -> str:
    return "".join("\t|\t".join(row) + "\t|\n" for row in rows)


def nodes(*rows: tuple[str, ...]) -> str:
    return dump(*((*row, "XX", "0", "1") for row in rows))


def names(*rows: tuple[str, ...]) -> str:
    return dump(*((id, name, "", kind) for id, name, kind in rows))


FILES = {"nodes.dmp": nodes(*NODES), "names.dmp": names(*NAMES), "merged.dmp": dump(("662", "562"), ("700", "562"))}


def read(folder: Path, files: dict[str, str] = FILES) -> Taxonomy:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    return read_taxonomy(create_registry(), folder)


def test_names_and_identifiers_of_a_dump(tmp_path: Path) -> None:
    tree = read(tmp_path / "taxdump")
    coli = tree.taxon(next(node for node in range(tree.n_nodes) if tree.names[node] == "Escherichia coli"))
    assert coli.lineage == (
        ("cellular root", "cellular organisms"), ("family", "Enterobacteriaceae"), ("genus", "Escherichia"),
        ("species", "Escherichia coli"),
    )  # fmt: skip
    assert coli.authorship == "(Migula 1895) Castellani and Chalmers 1919"
    assert coli.common_names == {"en": ("colon bacillus", "E. coli")}
    assert coli.synonyms == (
        Synonym("Bacillus coli", "Migula 1895", "species"),
        Synonym("Bacillus coli communis", "Escherich 1885", "species"),
    )
    assert (coli.ids, coli.extra) == ({"ncbi": "562"}, {"ncbi_merged": "662 700"})


def test_no_rank_and_clade_give_no_rank(tmp_path: Path) -> None:
    tree = read(tmp_path / "taxdump")
    ranks = {tree.names[node]: tree.rank(node) for node in range(1, tree.n_nodes)}
    assert (ranks["a clade"], ranks["Escherichia coli K-12"]) == ("", "strain")
    assert "root" not in ranks


def test_a_file_or_an_archive_is_read_too(tmp_path: Path) -> None:
    expected = read(tmp_path / "taxdump").fingerprint
    with tarfile.open(tmp_path / "dump.tar.gz", "w:gz") as tar:
        for name, text in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    with zipfile.ZipFile(tmp_path / "dump.zip", "w") as archive:
        for name, text in FILES.items():
            archive.writestr(f"new_taxdump/{name}", text)
    for path in ("taxdump/nodes.dmp", "taxdump/names.dmp", "dump.tar.gz", "dump.zip"):
        assert read_taxonomy(create_registry(), tmp_path / path).fingerprint == expected, path


@pytest.mark.parametrize(
    ("changed", "where", "message"),
    [
        ({"nodes.dmp": nodes(*NODES, ("5", "4", "genus"))}, "nodes.dmp, line 8", "no scientific name"),
        ({"nodes.dmp": nodes(*NODES[:2], *NODES[3:])}, "nodes.dmp, line 3", "the parent '543' of genus Escherichia"),
        ({"nodes.dmp": nodes(*NODES[:2], ("543", "562", "family"), *NODES[3:])}, "nodes.dmp, line", "cycle"),
        ({"nodes.dmp": FILES["nodes.dmp"] + "562\t|"}, "nodes.dmp, line 8", "expected at least 3 cells"),
        (
            {"names.dmp": FILES["names.dmp"] * 300 + "x\t|\ty\n"},
            f"names.dmp, line {17 * 300 + 1}",
            "expected at least 4 cells",
        ),
        ({"names.dmp": "1\t|\ta\0b\n"}, "names.dmp, line 1", "a NUL byte"),
        ({"nodes.dmp": ""}, "", "is empty: it names no taxon"),
    ],
)
def test_errors_name_file_and_line(tmp_path: Path, changed: dict[str, str], where: str, message: str) -> None:
    with pytest.raises(TaxonomyError) as caught:
        read(tmp_path / "taxdump", FILES | changed)
    assert where in str(caught.value) and message in str(caught.value)


def test_names_without_a_node_are_noted(tmp_path: Path) -> None:
    tree = read(tmp_path / "taxdump", FILES | {"names.dmp": names(*NAMES, ("77", "x", "synonym"))})
    assert [problem.kind for problem in tree.problems] == ["no node"]


def test_both_files_are_needed(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match=r"has no names\.dmp; expected nodes\.dmp and names\.dmp"):
        read(tmp_path / "taxdump", {"nodes.dmp": FILES["nodes.dmp"]})


@pytest.mark.parametrize("folder", ["kraken2", "onecodex"])
def test_real_dumps(shared_data: Path, folder: str) -> None:
    path = shared_data / "ncbi_gtdb" / folder
    rows = [line.split("\t|\t") for line in (path / "nodes.dmp").read_text("utf-8").splitlines()]
    tree = read_taxonomy(create_registry(), path)
    taxa = {tree.taxon(node).ids["ncbi"]: tree.taxon(node) for node in tree.details}
    above = {row[0]: row[1] for row in rows}
    assert taxa.keys() == above.keys() - {"1"}
    for id, taxon in taxa.items():
        depth = 0
        while id != "1":
            id, depth = above[id], depth + 1
        assert len(taxon.lineage) == depth


def test_a_virus_has_its_lineage(shared_data: Path) -> None:
    tree = read_taxonomy(create_registry(), shared_data / "ncbi_gtdb" / "kraken2")
    virus = next(tree.class_taxon(c) for c in range(tree.n_classes) if "coronavirus 2" in tree.class_taxon(c).name)
    assert [name for _, name in virus.lineage[-4:]] == [
        "Betacoronavirus", "Sarbecovirus", "Severe acute respiratory syndrome-related coronavirus",
        "Severe acute respiratory syndrome coronavirus 2",
    ]  # fmt: skip
