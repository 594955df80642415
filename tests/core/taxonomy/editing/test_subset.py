from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.errors import TaxonomyError
from bioclip_x.records import Taxon
from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy import Details, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.editing.subset import Subset, parse_term, resolve_path, subset

RANKS = ("kingdom", "class", "family", "species")
ROWS = (
    ("Animalia", "Insecta", "Apidae", "Apis mellifera"),
    ("Animalia", "Insecta", "Vespidae", "Vespa crabro"),
    ("Animalia", "Aves", "Paridae", "Parus major"),
    ("Animalia", "", "Sulidae", "Morus"),
    ("Plantae", "", "Moraceae", "Morus"),
)


def tree() -> Taxonomy:
    builder = TaxonomyBuilder()
    for row in ROWS:
        synonyms = (Synonym("Vespa communis"),) if row[-1] == "Vespa crabro" else ()
        names = (f"the {row[2]} one", *(["nun"] if row[2] in ("Vespidae", "Paridae") else []))
        builder.add_lineage(list(zip(RANKS, row)), Details({"en": names}, synonyms=synonyms))
    return builder.build("insects.csv")


def names(part: Subset) -> list[str]:
    return [part.tree.class_taxon(c).name for c in range(part.tree.n_classes)]


def part(*terms: str) -> list[str]:
    return names(subset(tree(), terms))


def test_exclusions_are_subtracted_from_the_union_of_inclusions_in_any_order() -> None:
    assert part("class=Insecta") == ["Apis mellifera", "Vespa crabro"]
    assert part("class=insecta", "Aves") == ["Apis mellifera", "Vespa crabro", "Parus major"]
    assert part("class=Insecta", "family!=Apidae") == part("family!=Apidae", "class=Insecta") == ["Vespa crabro"]
    assert part("class=Insecta", "!Apidae") == part("class=Insecta", "!family=Apidae") == ["Vespa crabro"]
    assert part("!Insecta", "kingdom!=Plantae") == ["Parus major", "Morus"]
    assert part("family=Apidae,Vespidae") == part("family=Apidae", "family=Vespidae") == part("Insecta")
    assert part("Apis mellifera Linnaeus", "Vespa communis", "the Paridae one") == part("Insecta", "Aves")


def test_classes_are_old_indices_and_notes_count_them() -> None:
    whole = tree()
    selected = subset(whole, ["kingdom!=Plantae", "class!=Insecta"])
    assert [whole.class_taxon(c).lineage for c in selected.classes] == [
        selected.tree.class_taxon(c).lineage for c in range(selected.tree.n_classes)
    ]
    assert selected.classes.dtype == "int32"
    assert selected.notes == ("subset kingdom!=Plantae class!=Insecta: 2 of 5 classes",)


def test_unknown_names_in_terms_are_errors() -> None:
    with pytest.raises(TaxonomyError, match=r"there is no class Insekta; did you mean class Insecta\?"):
        part("class=Insekta")
    with pytest.raises(
        TaxonomyError, match=r"(?s)no family Apidea; did you mean family Apidae.*no family Xyzzy; no name"
    ):
        part("family=Apidea,Apidae,Xyzzy")
    with pytest.raises(TaxonomyError, match="has no rank 'phylum'; it has: kingdom, class, family, species"):
        part("phylum=Chordata")
    with pytest.raises(
        TaxonomyError, match="Morus may be 2 taxa; write its path: 'Animalia; Sulidae; Morus' or 'Plantae"
    ):
        part("Morus")
    assert part("species=Plantae;Morus") == ["Morus"]
    with pytest.raises(TaxonomyError, match="nun may be 2 taxa"):
        part("nun")
    with pytest.raises(TaxonomyError, match="no class is left"):
        part("Aves", "!Animalia")


@pytest.mark.parametrize("text", ["", "!", "class=", "=Aves", "!=Aves", ",", "class=, ,"])
def test_empty_terms_are_errors(text: str) -> None:
    with pytest.raises(TaxonomyError, match="names nothing; expected rank=name"):
        part(text)


def test_terms_that_are_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_term("Aves").file is None and parse_term("Quercus sp.").file is None
    (tmp_path / "Aves").mkdir()
    assert parse_term("Aves").file is None, "a folder beside it is not meant"
    assert parse_term("park.csv").file == parse_term("!park.csv").file == Path("park.csv")
    assert parse_term("!lists/park").is_exclusion and parse_term("lists/a=b.csv").file == Path("lists/a=b.csv")
    (tmp_path / "park").touch()
    assert parse_term("park").file == Path("park")
    assert (
        resolve_path("!park.csv", Path("/here")) == "!/here/park.csv"
        and resolve_path("class=Aves", Path("/here")) == "class=Aves"
    )


def test_a_file_may_contain_unknown_names() -> None:
    listed = [
        Taxon("species", "Vespa communis", (("kingdom", "Animalia"), ("species", "Vespa communis"))),
        Taxon("", "Parus major newtoni", (("", "Parus major newtoni"),)),
        Taxon("", "Morus", (("", "Morus"),)),
        Taxon("", "Apis dorsata", (("", "Apis dorsata"),)),
    ]
    selected = subset(tree(), ["park.csv"], read=lambda path: listed)
    assert names(selected) == ["Vespa crabro", "Parus major"]
    assert selected.notes == (
        "subset park.csv: 2 of 5 classes",
        "park.csv: 2 of 4 names found",
        "park.csv: 1 found by a synonym: Vespa communis",
        "park.csv: 1 below species level, matched by their species: Parus major newtoni",
        "park.csv: 1 not in the taxonomy: Apis dorsata",
        "park.csv: 1 ambiguous, left out: Morus",
    )
    assert names(subset(tree(), ["Insecta", "!park.csv"], read=lambda path: listed)) == ["Apis mellifera"]
    with pytest.raises(
        TaxonomyError, match=r"none of its 1 names matches one taxon of insects.csv: Apis melifera \(species Apis"
    ):
        subset(tree(), ["park.csv"], read=lambda path: [Taxon("", "Apis melifera", ())])
    with pytest.raises(TaxonomyError, match="pass read="):
        subset(tree(), ["park.csv"])


def test_a_family_in_two_places_is_one_taxon() -> None:
    def built(*kingdoms: str) -> Taxonomy:
        builder = TaxonomyBuilder()
        for kingdom in kingdoms:
            for order, genus in (("Apiales", f"Daucus {kingdom}"), ("", f"Apium {kingdom}")):
                ranks = ("kingdom", "order", "family", "genus")
                builder.add_lineage(list(zip(ranks, (kingdom, order, "Apiaceae", genus))))
        return builder.build()

    assert names(subset(built("Plantae"), ["Apiaceae"])) == ["Daucus Plantae", "Apium Plantae"]
    assert names(subset(built("Plantae"), ["Plantae; Apiaceae"])) == ["Apium Plantae"], "its path says which"
    with pytest.raises(TaxonomyError, match="may be 2 taxa"):
        subset(built("Someworld"), ["Apiaceae"])  # under a code that is not known
    with pytest.raises(TaxonomyError, match="may be 4 taxa"):
        subset(built("Plantae", "Animalia"), ["family=Apiaceae"])


def test_a_genus_and_a_subgenus_of_the_same_name_are_not_ambiguous() -> None:
    builder = TaxonomyBuilder()
    for section, species in (("Quercus", "robur"), ("Cerris", "suber")):
        builder.add_lineage([("genus", "Quercus"), ("subgenus", section), ("species", f"Quercus {species}")])
    assert names(subset(builder.build(), ["Quercus"])) == ["Quercus robur", "Quercus suber"]
    assert names(subset(builder.build(), ["subgenus=Quercus"])) == ["Quercus robur"]


lineages = st.lists(
    st.tuples(*[st.sampled_from("012-")] * 3, st.sampled_from("012")), min_size=1, max_size=25, unique=True
)


@given(drawn=lineages, data=st.data())
def test_mask_agrees_with_a_traversal(drawn: list[tuple[str, ...]], data: st.DataObject) -> None:
    """Each taxon is named by its path ("2-1"), "-" being a hole, so that no name occurs in two places."""
    builder = TaxonomyBuilder()
    for digits in drawn:
        named = [(rank, "".join(digits[: i + 1]) if digits[i] != "-" else "") for i, rank in enumerate(RANKS)]
        builder.add_lineage([(rank, f"x{name}" if name else "") for rank, name in named])
    whole = builder.build()
    paths = [whole.class_taxon(c).lineage for c in range(whole.n_classes)]
    taxa = st.lists(st.sampled_from(sorted({taxon for path in paths for taxon in path})), max_size=3)
    included, excluded = set(data.draw(taxa)), set(data.draw(taxa))
    terms = data.draw(
        st.permutations([f"{rank}={name}" for rank, name in included] + [f"{r}!={name}" for r, name in excluded])
    )
    walked = [c for c, path in enumerate(paths) if (not included or set(path) & included) and not set(path) & excluded]
    if not walked:
        with pytest.raises(TaxonomyError, match="no class is left"):
            subset(whole, terms)
        return
    selected = subset(whole, terms)
    assert selected.classes.tolist() == walked
    assert [selected.tree.class_taxon(c).lineage for c in range(selected.tree.n_classes)] == [paths[c] for c in walked]
