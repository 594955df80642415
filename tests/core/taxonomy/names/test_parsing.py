"""Parsing names and authors: examples, and names that real checklists have in two columns."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.taxonomy.names.parsing import parse_name, split_authorship


@pytest.mark.parametrize(
    ("name", "authorship"),
    [
        ("Ornithorhynchus anatinus", "(Shaw, 1799)"),
        ("Quercus robur", "L."),
        ("Quercus × hispanica", "Lam."),
        ("Quercus x hispanica", "Lam."),
        ("×Cuprocyparis leylandii", ""),
        ("× Cuprocyparis leylandii", "(A.B.Jacks. & Dallim.) Farjon"),
        ("Poa annua var. reptans", "Hausskn."),
        ("Parus major major", "Linnaeus, 1758"),
        ("Pseudocercospora fici", "(Heald & F.A. Wolf) X.J. Liu & Y.L. Guo"),
        ("Aus bus", "de Vries, 1900"),
        ("Aus bus", "d'Orbigny, 1840"),
        ("Aus bus", "van der Hoeven, 1833"),
        ("Aus bus", "'t Hart"),
        ("Aus bus", "L. f."),
        ("Aus bus", "Hook. f. & Thomson ex Smith"),
        ("Aus bus f. minor", "Hook. f."),
        ("Aus (Subaus) bus", "Smith"),
        ("Aus bus", "auct. non L."),
        ("Aus bus", "sensu Smith, 1900"),
        ("Aus bus", "(Smith, 1900) Jones, 1950"),
        ("Aus bus", "Épinard, 1900"),
        ("Coccinella 7-punctata", "Linnaeus, 1758"),
        ("Polygonia c-album", "(Linnaeus, 1758)"),
        ("Malus domestica 'Golden Delicious'", ""),
        ("Astragalus sect. Caprini", "DC."),
        ("Felidae", "Fischer de Waldheim, 1817"),
        ("Rosa", "L."),
        ("Aus cf. bus", "Smith, 1900"),
        ("Tornidae", "Sacco, 1896 (1884)"),
        ("Aspilota vector", "Belokobylskij, 2007"),
        ("Negaprion brevirostris", "(Poey, 1868)"),
    ],
)
def test_split_authorship(name: str, authorship: str) -> None:
    assert split_authorship(f"{name} {authorship}".strip()) == (name, authorship)


@pytest.mark.parametrize(
    "text",
    [
        "Great Tit",
        "Great tit",
        "Black-footed Albatross",
        "red fox",
        "Tobacco mosaic virus",
        "Influenza A virus (A/Puerto Rico/8/1934(H1N1))",
        "Escherichia coli K-12",
        "BOLD:AAA1234",
        "Genus_species",
        "Drosophila sp. 3",
        "Allium species 1",
        "Xyris sp. Mount Smith",
        "uncultured bacterium",
        "Bacteria incertae sedis",
        "Candidatus Phytoplasma mali",
        "Quercus robur L. × Quercus petraea (Matt.) Liebl.",
        "Anas platyrhynchos/rubripes",
        "42",
        "Aus bus (Smith, 1900",  # a bracket that is never closed: nobody knows what belongs to the author
        "Aus bus Smith)",
        "",
    ],
)
def test_unrecognised_text_is_not_split(text: str) -> None:
    assert split_authorship(text) == (text, "")


def test_the_rank_tells_an_author_from_a_second_word_of_a_label() -> None:
    assert split_authorship("Parus Linnaeus") == ("Parus Linnaeus", "")
    assert split_authorship("Parus Linnaeus", "genus") == ("Parus", "Linnaeus")
    assert split_authorship("Great Tit", "species") == ("Great Tit", "")
    assert split_authorship("Aus (Smith) Jones", "genus") == ("Aus", "(Smith) Jones")
    assert split_authorship("Aus (Subaus) Jones", "subgenus") == ("Aus (Subaus)", "Jones")


def test_parts_of_a_name() -> None:
    name = parse_name("Poa annua L. var. reptans Hausskn.")
    assert (name.genus, name.epithet, name.infraspecific) == ("Poa", "annua", (("var.", "reptans"),))
    assert (name.canonical, name.authorship, name.species_authorship) == ("Poa annua var. reptans", "Hausskn.", "L.")
    subgenus = parse_name("Aus (Subaus) bus Smith")
    assert (subgenus.infrageneric, subgenus.canonical) == ("Subaus", "Aus bus")
    assert parse_name("Felis silvestris catus").infraspecific == (("", "catus"),)
    assert parse_name("Great Tit").genus == ""


@pytest.mark.parametrize(
    ("text", "is_hybrid", "is_placeholder"),
    [
        ("Quercus x hispanica Lam.", True, False),
        ("×Cuprocyparis leylandii", True, False),
        ("Quercus robur × Q. petraea", True, False),
        ("Quercus robur", False, False),
        ("Drosophila sp.", False, True),
        ("Drosophila sp. 3", False, True),
        ("Aus aff. bus", False, True),
        ("Bacteria incertae sedis", False, True),
        ("uncultured bacterium", False, True),
        ("Candidatus Phytoplasma mali", False, True),
        ("Xylaria spinosa", False, False),
    ],
)
def test_hybrids_and_placeholders(text: str, is_hybrid: bool, is_placeholder: bool) -> None:
    parsed = parse_name(text)
    assert (parsed.is_hybrid, parsed.is_placeholder) == (is_hybrid, is_placeholder)


def test_a_hybrid_has_one_canonical_form() -> None:
    forms = ("Quercus × hispanica Lam.", "Quercus x hispanica Lam.", "Quercus ×hispanica")
    assert {parse_name(form).canonical.replace("× ", "×") for form in forms} == {"Quercus ×hispanica"}


WORDS = st.sampled_from(
    [
        "Aus",
        "bus",
        "cus",
        "(Subaus)",
        "×",
        "x",
        "var.",
        "subsp.",
        "f.",
        "cf.",
        "sp.",
        "L.",
        "Smith,",
        "1900",
        "(Mill.)",
        "&",
        "de",
        "la",
        "Torre",
        "ex",
        "auct.",
        "'Gala'",
        "3",
        "virus",
        ")",
        "×Dus",
        "[sic]",
    ]
)


@given(
    st.lists(WORDS | st.text(min_size=1, max_size=8), max_size=9), st.sampled_from(["", "species", "genus", "variety"])
)
def test_no_word_is_lost_and_no_name_is_split_twice(words: list[str], rank: str) -> None:
    text = " ".join(words)
    parsed = parse_name(text, rank)
    found = " ".join((parsed.name, parsed.species_authorship, parsed.authorship)).split()
    assert Counter(found) == Counter(text.split())
    assert parsed.name or not text.split()
    assert isinstance(parsed.canonical, str)


def _pairs(folder: Path) -> Iterator[tuple[str, str, str]]:
    """(name, authorship, rank) of files that have them in separate columns."""
    unnamed = {"dwca/27/ipni.txt": (3, 4, 5), "dwca/6/if.txt": (1, 2, 3)}
    for path in ("dwca/10/worms.txt", "dwca/21/taxa.txt", *unnamed, "dwca/37/redlist.csv", "taxalign/a/Taxon.tsv",
                 "taxalign/b/Taxon.tsv", "coldp/0/data/name.tsv", "coldp/1/names.tsv", "coldp/4/name.tsv"):  # fmt: skip
        text = (folder / path).read_text("utf-8-sig")
        is_csv = path.endswith(".csv")
        rows = csv.reader(
            io.StringIO(text, newline=""),
            delimiter="," if is_csv else "\t",
            quoting=csv.QUOTE_MINIMAL if is_csv else csv.QUOTE_NONE,
        )
        places = unnamed.get(path)
        if places is None:
            columns = [column.split(":")[-1].lower() for column in next(rows)]
            author = "authorship" if "authorship" in columns else "scientificnameauthorship"
            rank = "rank" if "rank" in columns else "taxonrank"
            places = columns.index("scientificname"), columns.index(author), columns.index(rank)
        for row in rows:
            if len(row) > max(places):
                name, author, rank = (" ".join(row[place].split()) for place in places)
                if name and author != "\\N" and name != author:
                    yield name, author, rank


def test_agrees_with_checklists_that_keep_authors_in_a_column(shared_data: Path) -> None:
    pairs = sorted(set(_pairs(shared_data / "col_dwca")))
    assert len(pairs) > 15_000
    agree = sum(split_authorship(f"{name} {author}".strip(), rank) == (name, author) for name, author, rank in pairs)
    # 99.78% when this was written. The others: phrase names (Acacia sp. B (J.L. Egan 124)), open brackets, broken accents.
    assert agree / len(pairs) >= 0.997


@pytest.mark.parametrize(
    ("text", "below"),
    [
        ("Salmonella enterica serovar Typhimurium", (("serovar", "Typhimurium"),)),
        ("Salmonella enterica subsp. enterica serovar Typhi", (("subsp.", "enterica"), ("serovar", "Typhi"))),
        ("Vibrio cholerae biovar El Tor", (("biovar", "El Tor"),)),
        ("Chlamydia trachomatis serovar L2", (("serovar", "L2"),)),
        ("Pseudomonas syringae pathovar tomato", (("pathovar", "tomato"),)),
    ],
)
def test_variants_of_bacteria(text: str, below: tuple[tuple[str, str], ...]) -> None:
    parsed = parse_name(text)
    assert (parsed.name, parsed.authorship, parsed.infraspecific) == (text, "", below)
