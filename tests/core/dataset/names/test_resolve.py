"""The rules by which names are resolved, each on trees worked out by hand, and what holds of every result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from bioclip_x.dataset.names import RankedTaxonomy, resolve_names
from bioclip_x.dataset.names.given import GIVEN_COLUMNS
from bioclip_x.dataset.names.review import Correction, Corrections
from bioclip_x.errors import DatasetError, TaxonomyError
from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy import LINNAEAN, Details, Taxonomy, TaxonomyBuilder

BLUE_TIT = "Animalia;Chordata;Aves;Passeriformes;Paridae;Cyanistes;Cyanistes caeruleus"
WHEATEAR = "Animalia;Chordata;Aves;Passeriformes;Muscicapidae;Oenanthe;Oenanthe oenanthe"
DROPWORT = "Plantae;Tracheophyta;Magnoliopsida;Apiales;Apiaceae;Oenanthe;Oenanthe aquatica"


def make_tree(*paths: str, synonyms: dict[str, str] | None = None, common: dict[str, str] | None = None) -> Taxonomy:
    """Builds a tree of paths of seven ranks, blank for holes. synonyms, common: name of the last taxon → names, by `|`."""
    builder = TaxonomyBuilder()
    for path in paths:
        lineage = [(rank, name) for rank, name in zip(LINNAEAN, path.split(";")) if name]
        last = lineage[-1][1]
        found = (synonyms or {}).get(last, "")
        names = tuple((common or {}).get(last, "").split("|")) if last in (common or {}) else ()
        details = Details(
            synonyms=tuple(map(Synonym, found.split("|"))) if found else (),
            common_names={"en": names} if names else {},
        )
        builder.add_lineage(lineage, details)
    return builder.build()


def make_given(*rows: dict[str, str]) -> pa.Table:
    columns = {column: [row.get(column, "") for row in rows] for column in GIVEN_COLUMNS}
    return pa.table({"key": list(range(len(rows))), "images": [1] * len(rows), **columns})


def resolve(trees: list[Taxonomy], *rows: dict[str, str], **others: Any) -> list[dict[str, str]]:
    """Resolves rows against trees that are called a, b, …"""
    ranked = [RankedTaxonomy(name, lambda tree=tree: tree) for name, tree in zip("abcd", trees)]  # type: ignore[misc]
    results: list[dict[str, str]] = resolve_names(make_given(*rows), ranked, **others).to_pylist()
    return results


def resolve_one(trees: list[Taxonomy], **row: str) -> dict[str, str]:
    return resolve(trees, {name.rstrip("_"): text for name, text in row.items()})[0]


def path_of(result: dict[str, str]) -> str:
    return ";".join(result[rank] for rank in LINNAEAN)


@pytest.mark.parametrize(
    "name",
    [
        "Cyanistes caeruleus",
        "cyanistes_caeruleus",
        "CYANISTES CAERULEUS",
        "Cyanistes caeruleus (Linnaeus, 1758)",
        "<i>Cyanistes caeruleus</i>",
        "Cyanistes&nbsp;caeruleus",
        "Cyanistes (Subaus) caeruleus",
        '"Cyanistes caeruleus"',
    ],
)
def test_a_name_is_cleaned_and_parsed(name: str) -> None:
    result = resolve_one([make_tree(BLUE_TIT)], name=name)
    assert (result["status"], result["by"], path_of(result)) == ("full", "name", BLUE_TIT)
    assert (result["name"], result["rank"], result["taxonomy"]) == ("Cyanistes caeruleus", "species", "a")


@pytest.mark.parametrize(
    ("name", "by"),
    [
        ("Cyanistes sp.", "name"),
        ("Cyanistes cf. caeruleus", "higher taxon"),
        ("Cyanistes caeruleus?", "higher taxon"),
        ("Cyanistes caeruleus/cyanus", "higher taxon"),
        ("Cyanistes caeruleus x C. cyanus", "higher taxon"),
        ("unidentified Cyanistes", "name"),
    ],
)
def test_an_open_name_is_its_genus(name: str, by: str) -> None:
    result = resolve_one([make_tree(BLUE_TIT)], name=name)
    assert (result["status"], result["by"], result["name"], result["species"]) == ("partial", by, "Cyanistes", "")


def test_a_formula_of_two_genera_is_neither() -> None:
    result = resolve_one([make_tree(BLUE_TIT)], name="Cyanistes caeruleus x Parus major")
    assert (result["status"], result["reason"]) == ("lost", "names no one species")


@pytest.mark.parametrize("name", ["unidentified", "PleaseHelp", "<b></b>", "?", "n/a", "", "Incertae sedis", "Life"])
def test_what_names_nothing_is_lost(name: str) -> None:
    result = resolve_one([make_tree(BLUE_TIT)], name=name)
    assert (result["status"], result["reason"], result["by"]) == ("lost", "names no taxon", "")


def test_a_named_hybrid_is_found_with_and_without_its_sign() -> None:
    path = "Plantae;Tracheophyta;Magnoliopsida;Fagales;Fagaceae;Quercus;Quercus × hispanica"
    plain = path.replace("× ", "")
    for tree in (path, plain):
        result = resolve_one([make_tree(tree)], name="Quercus ×hispanica Lam.")
        assert (result["status"], path_of(result)) == ("full", tree)


def test_accepted_names_come_before_synonyms_and_these_before_common_names() -> None:
    other = BLUE_TIT.replace("Cyanistes caeruleus", "Cyanistes cyanus")
    tree = make_tree(
        BLUE_TIT,
        other,
        synonyms={"Cyanistes cyanus": "Cyanistes caeruleus|Parus cyanus"},
        common={"Cyanistes cyanus": "azure tit"},
    )
    names = ("Cyanistes caeruleus", "Parus cyanus", "Azure Tit")
    results = resolve([tree], *({"name": name} for name in names))
    assert [(one["name"], one["by"]) for one in results] == [
        ("Cyanistes caeruleus", "name"),
        ("Cyanistes cyanus", "synonym"),
        ("Cyanistes cyanus", "common name"),
    ]
    assert [one["common_name"] for one in results] == ["", "azure tit", "azure tit"]


def test_the_given_common_name_is_kept() -> None:
    tree = make_tree(BLUE_TIT, common={"Cyanistes caeruleus": "Eurasian Blue Tit"})
    assert resolve_one([tree], name="Cyanistes caeruleus", common_name="blue tit")["common_name"] == "blue tit"


@pytest.mark.parametrize(
    ("row", "family"),
    [
        ({"kingdom": "Metazoa"}, "Muscicapidae"),
        ({"kingdom": "Viridiplantae"}, "Apiaceae"),
        ({"class": "Aves"}, "Muscicapidae"),
        ({"family": "Apiaceae"}, "Apiaceae"),
        ({"order": "Apiales", "family": "Umbelliferae"}, "Apiaceae"),
    ],
)
def test_homonyms_are_told_apart_by_the_lineage(row: dict[str, str], family: str) -> None:
    [result] = resolve([make_tree(WHEATEAR, DROPWORT)], {"name": "Oenanthe", **row})
    assert (result["status"], result["family"]) == ("partial", family)


def test_homonyms_that_nothing_tells_apart_are_ambiguous() -> None:
    result = resolve_one([make_tree(WHEATEAR, DROPWORT)], name="Oenanthe")
    assert result["status"] == "ambiguous"
    assert result["reason"] == (
        "may be genus Oenanthe (Muscicapidae, Animalia) in a or genus Oenanthe (Apiaceae, Plantae) in a"
    )
    assert path_of(result) == ";" * 6


def test_a_taxon_under_another_code_is_not_taken() -> None:
    result = resolve_one([make_tree(DROPWORT)], name="Oenanthe", family="Muscicapidae", kingdom="Animalia")
    assert result["status"] == "lost"
    assert "under the botanical code, the given lineage (animalia) is under the zoological" in result["reason"]
    later = resolve_one([make_tree(DROPWORT), make_tree(WHEATEAR)], name="Oenanthe", kingdom="Animalia")
    assert (later["family"], later["taxonomy"]) == ("Muscicapidae", "b")


def test_candidates_of_an_ambiguous_synonym_share_their_genus() -> None:
    other = BLUE_TIT.replace("Cyanistes caeruleus", "Cyanistes cyanus")
    tree = make_tree(BLUE_TIT, other, synonyms={"Cyanistes cyanus": "Parus x-us", "Cyanistes caeruleus": "Parus x-us"})
    result = resolve_one([tree], name="Parus x-us")
    assert (result["status"], result["genus"], result["species"]) == ("ambiguous", "Cyanistes", "")


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"name": "Cyanistes nosuch"}, "Cyanistes"),
        ({"species": "Aus nosuch", "genus": "Aus", "family": "Paridae"}, "Paridae"),
        ({"name": "Nosuch", "class": "Aves"}, "Aves"),
    ],
)
def test_an_unknown_name_is_the_lowest_known_taxon_above(row: dict[str, str], name: str) -> None:
    [result] = resolve([make_tree(BLUE_TIT)], row)
    assert (result["status"], result["by"], result["name"]) == ("partial", "higher taxon", name)
    assert result["reason"].startswith("not in a")


def test_a_row_of_higher_taxa_is_its_lowest_and_completed() -> None:
    result = resolve_one([make_tree(BLUE_TIT)], family="Paridae")
    assert (result["by"], path_of(result)) == ("name", "Animalia;Chordata;Aves;Passeriformes;Paridae;;")


def test_a_trinomial_is_its_species_where_no_tree_knows_it() -> None:
    result = resolve_one([make_tree(BLUE_TIT)], name="Cyanistes caeruleus obscurus")
    assert (result["status"], result["by"], result["name"]) == ("full", "higher taxon", "Cyanistes caeruleus")


def test_a_rank_that_the_words_contradict_is_ignored() -> None:
    assert resolve_one([make_tree(BLUE_TIT)], name="Cyanistes", rank="species")["name"] == "Cyanistes"


def test_similar_names_are_only_suggested() -> None:
    result = resolve_one([make_tree(BLUE_TIT)], name="Parus caerulea")
    assert (result["status"], result["name"]) == ("lost", "")
    assert result["reason"] == "not in a; similar: Cyanistes caeruleus"


def test_a_taxon_of_a_later_tree_hangs_below_what_an_earlier_one_knows() -> None:
    later = make_tree("Metazoa;Chordata;Aves;Passeriformes;Turdidae;Oenanthe;Oenanthe hispanica")
    result = resolve_one([make_tree(WHEATEAR), later], name="Oenanthe hispanica")
    assert path_of(result) == WHEATEAR.replace("Oenanthe oenanthe", "Oenanthe hispanica")
    assert result["taxonomy"] == "b+a:kingdom,phylum,class,order,family,genus"
    assert result["conflict"] == "family in a Muscicapidae, in b Turdidae"


def test_a_synonym_of_a_later_tree_is_the_taxon_of_an_earlier_one() -> None:
    later = make_tree("Animalia;;;;;Parus;Parus caeruleus", synonyms={"Parus caeruleus": "Aus bus"})
    earlier = make_tree(BLUE_TIT, synonyms={"Cyanistes caeruleus": "Parus caeruleus"})
    result = resolve_one([earlier, later], name="Aus bus")
    assert (path_of(result), result["by"]) == (BLUE_TIT, "synonym")


def test_a_hole_is_filled_where_the_ranks_around_it_agree() -> None:
    hole = make_tree("Animalia;Chordata;Aves;;Paridae;Cyanistes;Cyanistes caeruleus")
    result = resolve_one([hole, make_tree(BLUE_TIT)], name="Cyanistes caeruleus")
    assert (path_of(result), result["taxonomy"], result["status"]) == (BLUE_TIT, "a+b:order", "full")


def test_a_hole_is_not_filled_where_the_rank_above_it_disagrees() -> None:
    hole = make_tree("Animalia;Chordata;Reptilia;;Paridae;Cyanistes;Cyanistes caeruleus")
    result = resolve_one([hole, make_tree(BLUE_TIT)], name="Cyanistes caeruleus")
    assert (result["order"], result["status"]) == ("", "partial")


def test_a_family_without_higher_ranks_is_completed_and_told_from_a_homonym() -> None:
    families = make_tree(";;;;Muscicapidae;Oenanthe;Oenanthe oenanthe")
    rest = make_tree("Animalia;Chordata;Aves;Passeriformes;Muscicapidae;;", DROPWORT)
    bird, plant = resolve([families, rest], {"name": "Oenanthe oenanthe"}, {"name": "Oenanthe aquatica"})
    assert (path_of(bird), path_of(plant)) == (WHEATEAR, DROPWORT)


def test_a_group_without_anything_above_is_completed_where_what_is_below_it_agrees() -> None:
    classes = make_tree(";;aves;passeriformes;paridae;cyanistes;cyanistes caeruleus", ";;aves;pelecaniformes;;;")
    no_class = make_tree("Animalia;Chordata;;Passeriformes;;;", "Animalia;Chordata;;Pelecaniformes;;;")
    for trees_in_order in ([classes, no_class], [no_class, classes]):
        assert path_of(resolve_one(trees_in_order, name="Cyanistes caeruleus")) == BLUE_TIT
    families = make_tree("Animalia;Chordata;;;Paridae;;")
    assert path_of(resolve_one([classes, families], name="Cyanistes caeruleus")) == BLUE_TIT
    disagrees = make_tree("Animalia;Chordata;;Passeriformes;;;", "Animalia;Mollusca;;Pelecaniformes;;;")
    assert resolve_one([classes, disagrees], name="Cyanistes caeruleus")["phylum"] == ""


def test_a_species_written_with_its_subgenus_is_its_binomial() -> None:
    tree = make_tree(BLUE_TIT.replace("Cyanistes caeruleus", "Cyanistes (Subus) caeruleus"))
    for name in ("Cyanistes caeruleus", "Cyanistes (Subus) caeruleus L."):
        assert path_of(resolve_one([tree], name=name)) == BLUE_TIT


def test_an_order_is_not_the_genus_of_its_name_under_another_code() -> None:
    tree = make_tree("Plantae;Tracheophyta;Magnoliopsida;Asterales;Asteraceae;Anura;", BLUE_TIT)
    result = resolve_one([tree], order="Anura", class_="Amphibia", kingdom="Animalia")
    assert (result["status"], result["name"]) == ("partial", "Animalia")


def test_conflicts_with_the_given_lineage_are_told() -> None:
    tree = make_tree(WHEATEAR, DROPWORT, synonyms={"Oenanthe aquatica": "Phellandrium aquaticum"})
    row = {"name": "Oenanthe oenanthe", "family": "Turdidae", "class": "Aves"}
    moved = {"name": "Phellandrium aquaticum", "genus": "Phellandrium", "kingdom": "Viridiplantae"}
    first, second = resolve([tree], row, moved)
    assert first["conflict"] == "family given Turdidae, resolved Muscicapidae"
    assert second["conflict"] == ""


def test_corrections_take_the_place_of_what_is_given() -> None:
    row = {"name": "Blaumeise", "family": "Nosuchidae"}
    keys = tuple({**dict.fromkeys(GIVEN_COLUMNS, ""), **row}.values())
    told: list[str] = []
    for name, status in (("Cyanistes caeruleus", "full"), ("Nosuch name", "lost")):
        corrections = Corrections("review.csv", {keys: Correction(name)})  # type: ignore[arg-type]
        [result] = resolve([make_tree(BLUE_TIT)], row, corrections=corrections, say=told.append)
        assert result["status"] == status
        assert result["by"] == ("correction" if status == "full" else "")
        assert result["conflict"] == ""
    assert result["reason"].startswith("the correction Nosuch name: not in a")
    assert "1 correction does not resolve itself: Nosuch name" in told


def test_null_and_absent_columns_are_blank() -> None:
    given = pa.table(
        {"key": [7], "images": [1], "name": ["Cyanistes caeruleus"], "family": pa.array([None], pa.string())}
    )
    table = resolve_names(given, [RankedTaxonomy("a", lambda: make_tree(BLUE_TIT))])
    assert (table["key"].to_pylist(), table["status"].to_pylist()) == ([7], ["full"])


def test_a_table_without_rows() -> None:
    assert resolve([make_tree(BLUE_TIT)]) == []


def test_bad_requests_are_told() -> None:
    with pytest.raises(DatasetError, match="at least one taxonomy"):
        resolve_names(make_given(), [])
    with pytest.raises(DatasetError, match="lacks images"):
        resolve_names(pa.table({"key": [1]}), [RankedTaxonomy("a", lambda: make_tree(BLUE_TIT))])

    def fail() -> Taxonomy:
        raise TaxonomyError("taxa.csv, line 3: Aus bus and Aus cus are synonyms of each other")

    with pytest.raises(TaxonomyError, match=r"the taxonomy col: taxa\.csv, line 3"):
        resolve_names(make_given({"name": "Aus"}), [RankedTaxonomy("col", fail)])


# Small alphabets, so that the trees share and contradict one another's taxa.
_KINGDOMS = st.sampled_from(["Animalia", "Plantae"])


def _names(prefix: str, ending: str) -> st.SearchStrategy[str]:
    return st.sampled_from([f"{prefix}{letter}{ending}" for letter in "abc"] + [""])


@st.composite
def trees(draw: Callable[..., Any]) -> Taxonomy:
    """A tree in which no genus or family of one kingdom is in two places, as in one checked taxonomy."""
    parent_of: dict[tuple[str, str, str], tuple[str, ...]] = {}
    paths = {}
    has_kingdoms = draw(st.booleans())
    for _ in range(draw(st.integers(1, 6))):
        kingdom = draw(_KINGDOMS) if has_kingdoms else ""
        path: tuple[str, ...] = (kingdom,)
        names = [draw(_names(prefix, "us")) for prefix in ("P", "C", "O", "F")]
        names.append(draw(st.sampled_from(["Gaus", "Gbus", "Gcus"])))
        for rank, name in zip(LINNAEAN[1:], names):
            known = parent_of.setdefault((kingdom, rank, name), (*path, name)) if name else (*path, "")
            path = known
        path = (*path, f"{path[-1]} {draw(st.sampled_from(['aa', 'bb', 'cc']))}")
        paths[";".join(path)] = path[-1]
    synonyms = {name: draw(st.sampled_from(["", "Gaus aa", "Gbus bb", "Gdus dd"])) for name in paths.values()}
    return make_tree(*paths, synonyms=synonyms)


_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(
                [
                    f"{genus} {epithet}"
                    for genus in ("Gaus", "Gbus", "Gcus", "Gdus")
                    for epithet in ("aa", "bb", "cc", "dd")
                ]
                + ["Gaus", "Gbus sp.", "", "Faus"]
            ),
            "kingdom": st.sampled_from(["", "Animalia", "Plantae"]),
            "family": st.sampled_from(["", "Faus", "Fbus"]),
        }
    ),
    min_size=1,
    max_size=12,
)


@examples(st.lists(trees(), min_size=1, max_size=3), _ROWS, st.randoms())
def test_every_result_is_a_path_of_one_tree_whatever_the_order(
    some_trees: list[Taxonomy], rows: list[dict[str, str]], random: Any
) -> None:
    results = resolve(some_trees, *rows)
    above: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for result in results:
        path = tuple(result[rank] for rank in LINNAEAN)
        for level, (rank, name) in enumerate(zip(LINNAEAN, path)):
            if name and path[0]:  # without a kingdom nothing tells of which code it is
                assert above.setdefault((path[0], rank, name), path[:level]) == path[:level]
        if result["status"] == "full":
            assert all(path)
        if result["status"] == "lost":
            assert not any(path) and result["reason"]
        if result["species"]:
            assert result["species"] == result["name"]
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = resolve(some_trees, *(rows[place] for place in order))
    assert [{**one, "key": 0} for one in shuffled] == [{**results[place], "key": 0} for place in order]
