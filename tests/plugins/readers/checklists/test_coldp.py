"""ColDP packages, and ACEF, which they succeeded."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from bioclip_x.errors import TaxonomyError
from bioclip_x.taxonomy import TAXON, Taxonomy
from bioclip_x_plugins.readers.checklists.acef import AcefReader
from bioclip_x_plugins.readers.checklists.coldp import ColdpReader
from expected_tree import places, tree_text

USAGES = """\
col:ID\tcol:parentID\tcol:status\tcol:rank\tcol:scientificName\tcol:authorship\tcol:extinct
1\t\taccepted\tfamily\tParidae\tVigors, 1825\t
2\t1\taccepted\tgenus\tParus\tLinnaeus, 1758\t
3\t2\taccepted\tspecies\tParus major\tLinnaeus, 1758\t
4\t3\tsynonym\tspecies\tParus robustus\tBrehm\t
5\t2\tprovisionally accepted\tspecies\tParus fossilis\t\ttrue
6\t\tbare name\tspecies\tParus nobody\t\t
"""
EXPECTED = [
    "Paridae Vigors, 1825 [family]",
    "  Parus Linnaeus, 1758 [genus]",
    "    Parus major Linnaeus, 1758 [species]",
    "      =Parus robustus Brehm [species]",
    "    Parus fossilis [species]",
]


def write(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def read(path: Path) -> Taxonomy:
    reader = ColdpReader()
    assert reader.sniff(path, b"" if path.is_dir() else path.read_bytes()[:65536])
    return reader.read(path)


def details(tree: Taxonomy, name: str) -> dict[str, str]:
    node = next(node for node in range(tree.n_nodes) if tree.names[node] == name and tree.kind_N[node] == TAXON)
    return dict(tree.taxon(node).extra)


def test_name_usages_in_a_folder_a_zip_and_a_single_file(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "a", {"NameUsage.tsv": USAGES, "VernacularName.tsv": "taxonID\tname\tlanguage\n3\tgreat tit\teng\n"}
    )
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"package/{file.name}")
    for path in (folder, tmp_path / "a.zip", folder / "NameUsage.tsv"):
        tree = read(path)
        assert tree_text(tree) == EXPECTED
        assert [problem.kind for problem in tree.problems] == ["bare name"]
        assert details(tree, "Parus fossilis") == {"extinct": "true", "status": "provisionally accepted"}
        assert tree.class_taxon(0).common_names == ({"en": ("great tit",)} if path.suffix != ".tsv" else {})


def test_names_taxa_and_synonyms_in_any_spelling(tmp_path: Path) -> None:
    names = """\
id,Scientific_Name,Authorship,RANK
n1,Paridae,"Vigors, 1825",family
n2,Parus,"Linnaeus, 1758",genus
n3,Parus major,"Linnaeus, 1758",species
n4,Parus robustus,Brehm,species
n5,Parus fossilis,,species
n6,Parus nobody,,species
"""
    files = {
        "data/Names.CSV": names,
        "data/taxa.csv": "ID,parent_id,name_id\n1,,n1\n2,1,n2\n3,2,n3\n5,2,n5\n",
        "data/Synonyms.csv": "taxonID,nameID\n3,n4\n3,n3\n",  # the second is the taxon's own name
    }
    tree = read(write(tmp_path / "a", files | {"data/x": ""}))
    assert tree_text(tree) == EXPECTED
    assert [(problem.kind, problem.line) for problem in tree.problems] == [("bare name", 7)]


def test_names_are_composed_from_their_parts(tmp_path: Path) -> None:
    usages = "ID,parentID,rank,uninomial,genericName,specificEpithet,infraspecificEpithet,cultivarEpithet,scientificName,status\n"
    usages += "1,,genus,Malus,,,,,,\n2,1,species,,Malus,domestica,,,,\n3,2,cultivar,,Malus,domestica,,Gala,,\n"
    assert tree_text(read(write(tmp_path / "a", {"nameusage.csv": usages}))) == [
        "Malus [genus]",
        "  Malus domestica [species]",
        "    Malus domestica 'Gala' [cultivar]",
    ]


def test_a_taxon_without_its_name_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a", {"name.tsv": "ID\tscientificName\n1\tAus\n", "taxon.tsv": "ID\tnameID\n1\t1\n2\t7\n"})
    with pytest.raises(TaxonomyError, match=r"taxon\.tsv, line 3: .*'7'"):
        ColdpReader().read(path)


def test_other_folders_are_not_recognised(tmp_path: Path) -> None:
    assert not ColdpReader().sniff(write(tmp_path / "a", {"name.tsv": "ID\n"}), b"")
    assert not AcefReader().sniff(tmp_path / "a", b"")
    with pytest.raises(TaxonomyError, match=r"neither a table NameUsage nor .* it has name\.tsv"):
        ColdpReader().read(tmp_path / "a")


def test_agrees_with_the_catalogue_of_life(shared_data: Path) -> None:
    folder = shared_data / "col_dwca" / "coldp" / "0"
    tree = read(folder)
    expected = (folder / "expected.tree").read_text("utf-8")
    # A name keeps all its epithets; the Catalogue of Life drops the subspecies of a form.
    expected = expected.replace("Paulownia × tomentosa f. pasta", "Paulownia × tomentosa subsp. tella f. pasta")
    assert places(tree_text(tree)) == places(expected.splitlines())
    bare = [problem.message for problem in tree.problems if problem.kind == "bare name"]
    names = [line.rpartition(" [")[0] for line in (folder / "expected-barenames.txt").read_text("utf-8").splitlines()]
    assert len(bare) == len(names) and all(message.startswith(name) for message, name in zip(bare, names, strict=True))


AWKWARD = {
    # Names that are their own synonym, and taxa that are their own parent.
    "2": """\
Coleoptera [order]
  Pygoxyon lombardum Binaghi, 1943 [species]
  Carpelimus chilensis (Coiffait & Sáiz, 1968) [species]
    =Trogophloeus chilensis Coiffait & Sáiz, 1968 [species]
  Carpelimus argentinius Coiffait & Sáiz, 1968 [species]""",
    "3": """\
Coleoptera [order]
  Carpelimus chilensis (Coiffait & Sáiz, 1968) [species]
  Carpelimus argentinius (Coiffait & Sáiz, 1968) [species]""",
    # Subgenera, one of them "(Unplaced)", and a synonym in the table of taxa.
    "4": """\
Coleoptera [order]
  Euplectus cavicollis LeConte, J. L., 1878 [species]
  Euplectus cavicollis LeConte, J. L., 1878 [species]
    =Karius baktus Döring [species]
  Euplectus perarctis LeConte, 1881 [species]""",
    "5": "Aspilota vector Belokobylskij, 2007 [species]",  # no virus
}


@pytest.mark.parametrize("number", sorted(AWKWARD))
def test_irregular_packages(shared_data: Path, number: str) -> None:
    tree = read(shared_data / "col_dwca" / "coldp" / number)
    assert places(tree_text(tree)) == places(AWKWARD[number].splitlines())


def test_plural_file_names(shared_data: Path) -> None:
    """Package 1 is package 0 with other file names, and without its odd names."""
    expected = (shared_data / "col_dwca" / "coldp" / "0" / "expected.tree").read_text("utf-8").splitlines()
    expected = [
        line for line in expected if not any(odd in line for odd in ("Brassicaceae", "Quercus", "Paulownia", "sensu"))
    ]
    assert places(tree_text(read(shared_data / "col_dwca" / "coldp" / "1"))) == places(expected)


def test_acef(shared_data: Path) -> None:
    folder = shared_data / "col_dwca" / "acef" / "73"
    reader = AcefReader()
    assert reader.sniff(folder, b"")
    tree = reader.read(folder)
    lines = tree_text(tree)
    place = lines.index("            Lepidium pedicellosum F. Muell. [species]")
    assert set(lines[place + 1 : place + 3]) == {
        "              =Lepidium edule Domin [species]",
        "              =Nasturtium pedicellosum (F. Muell.) Kuntze [species]",
    }
    cells = [line.split("\t") for line in (folder / "AcceptedSpecies.txt").read_text("latin-1").split("\n")[1:]]
    named = [
        row for row in cells if len(row) > 9 and "\\N" not in (row[7], row[9]) and row[7] and row[9]
    ]  # not: a row broken over two lines
    assert sum(line.endswith("[species]") and "=" not in line for line in lines) == len(named)
    assert "encoding" in {problem.kind for problem in tree.problems}
