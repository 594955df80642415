from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bioclip_x.records import Explanation, Prediction, RankWinner, Remainder, Result, Step, Taxon
from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy import Details, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.taxonomy.names.crosswalk import Crosswalk

OLD = (Synonym("Parus caeruleus"),)
HERE = {
    # species: (kingdom, family, genus, details)
    "Cyanistes caeruleus": ("Animalia", "Paridae", "Cyanistes", Details({"en": ("blue tit",)}, synonyms=OLD)),
    "Lymantria monacha": ("Animalia", "Lymantriidae", "Lymantria", Details()),
    "Turdus merula": ("Animalia", "Turdidae", "Turdus", Details()),
    "Turdus mandarinus": ("Animalia", "Turdidae", "Turdus", Details()),
    "Sula bassana": ("Animalia", "Sulidae", "Sula", Details(ids={"gbif": "2480962"})),
    "Ardea alba": ("Animalia", "Ardeidae", "Ardea", Details()),
    "Anser fabalis": ("Animalia", "Anatidae", "Anser", Details(synonyms=(Synonym("Anser serrirostris"),))),
    "Oenanthe crocata": ("Plantae", "Apiaceae", "Oenanthe", Details()),
}  # fmt: skip
THERE = {
    "Parus caeruleus": ("Animalia", "Paridae", "Parus", Details({"en": ("tit",), "de": ("Blaumeise",)})),
    "Lymantria monacha": ("Animalia", "Erebidae", "Lymantria", Details()),
    "Turdus merula": ("Animalia", "Turdidae", "Turdus", Details(synonyms=(Synonym("Turdus mandarinus"),))),
    "Morus bassanus": ("Animalia", "Sulidae", "Morus", Details(ids={"gbif": "2480962"})),
    "Casmerodius albus": ("Animalia", "Ardeidae", "Casmerodius", Details(synonyms=(Synonym("Ardea alba", "L."),))),
    "Anser fabalis": ("Animalia", "Anatidae", "Anser", Details()),
    "Anser serrirostris": ("Animalia", "Anatidae", "Anser", Details()),
    "Oenanthe oenanthe": ("Animalia", "Muscicapidae", "Oenanthe", Details()),
}  # fmt: skip


def tree(rows: dict[str, tuple[str, str, str, Details]], source: str) -> Taxonomy:
    builder = TaxonomyBuilder()
    for species, (kingdom, family, genus, details) in rows.items():
        builder.add_lineage([("kingdom", kingdom), ("family", family), ("genus", genus), ("species", species)], details)
    return builder.build(source)


@pytest.fixture
def walk() -> Crosswalk:
    return Crosswalk(tree(HERE, "here.csv"), tree(THERE, "lists/there.csv"))


def predicted(walk: Crosswalk, name: str, *shares: float, rank: str = "species") -> Prediction:
    """A prediction of a source taxon, with the probabilities of the steps from the kingdom down."""
    [node] = (n for n in range(walk.source.n_nodes) if walk.source.names[n] == name and walk.source.rank(n) == rank)
    taxon = walk.source.taxon(node)
    steps = tuple(Step(rank, name, share) for (rank, name), share in zip(taxon.lineage, shares))
    return Prediction(taxon, shares[-1], steps)


def reported(walk: Crosswalk, *predictions: Prediction, ranks: tuple[RankWinner, ...] = ()) -> Result:
    return walk.report(Result("a.png", predictions=predictions, ranks=ranks))


def path(one: Prediction) -> list[tuple[str, float | None]]:
    return [(step.name, None if math.isnan(step.probability) else step.probability) for step in one.path]


@pytest.mark.parametrize(
    ("here", "there", "by"),
    [
        ("Cyanistes caeruleus", "Parus caeruleus", "synonym"),  # its synonym is the name there
        ("Ardea alba", "Casmerodius albus", "synonym"),  # its name is a synonym there
        ("Sula bassana", "Morus bassanus", "id"),
        ("Lymantria monacha", "Lymantria monacha", "name"),
    ],
)
def test_a_taxon_is_found_by_id_name_or_synonym_of_either_tree(walk: Crosswalk, here: str, there: str, by: str) -> None:
    match = walk.match(predicted(walk, here, 1, 1, 1, 1).taxon)
    assert (walk.target.names[match.node], match.by, match.why) == (there, by, "")


def test_a_renamed_taxon_has_the_target_lineage_and_known_probabilities(walk: Crosswalk) -> None:
    [one] = reported(walk, predicted(walk, "Cyanistes caeruleus", 0.9, 0.8, 0.7, 0.6)).predictions
    assert (one.taxon.name, one.taxon.at("genus"), one.probability, one.note) == ("Parus caeruleus", "Parus", 0.6, "")
    assert path(one) == [("Animalia", 0.9), ("Paridae", 0.8), ("Parus", None), ("Parus caeruleus", 0.6)]
    assert one.taxon.common_names == {"en": ("tit",), "de": ("Blaumeise",)}
    [moved] = reported(walk, predicted(walk, "Lymantria monacha", 0.9, 0.8, 0.7, 0.6)).predictions
    assert path(moved) == [("Animalia", 0.9), ("Erebidae", None), ("Lymantria", 0.7), ("Lymantria monacha", 0.6)]


def test_missing_or_split_taxa_keep_their_names_with_a_note(walk: Crosswalk) -> None:
    plant, goose = (
        predicted(walk, "Oenanthe crocata", 0.5, 0.4, 0.3, 0.2),
        predicted(walk, "Anser fabalis", 0.1, 0.1, 0.1, 0.1),
    )
    lost, split = reported(walk, plant, goose).predictions
    assert lost == replace(plant, note="not in there.csv")
    assert split == replace(goose, note="may be several in there.csv: Anser fabalis, Anser serrirostris")
    genus = predicted(walk, "Oenanthe", 0.5, 0.4, 0.3, rank="genus")
    assert reported(walk, genus).predictions[0].note == "not in there.csv", "the bird there is not the plant here"


def test_taxa_lumped_in_the_target_are_merged_and_reordered(walk: Crosswalk) -> None:
    before = [
        predicted(walk, "Sula bassana", 0.9, 0.4, 0.4, 0.4),
        predicted(walk, "Turdus merula", 0.9, 0.55, 0.55, 0.3),
        predicted(walk, "Turdus mandarinus", 0.9, 0.55, 0.55, 0.2),
    ]
    first, second = reported(walk, *before).predictions
    assert (first.taxon.name, second.taxon.name) == ("Turdus merula", "Morus bassanus")
    assert first.probability == pytest.approx(0.5)
    assert first.note == "Turdus merula and Turdus mandarinus, one in there.csv"
    assert path(first)[:-1] == [("Animalia", 0.9), ("Turdidae", 0.55), ("Turdus", 0.55)]
    assert path(first)[-1] == ("Turdus merula", pytest.approx(0.5))
    odd = replace(
        before[2], path=(*before[2].path[:1], replace(before[2].path[1], probability=0.2), *before[2].path[2:])
    )
    assert path(reported(walk, before[1], odd).predictions[0])[1] == ("Turdidae", None), "they come from two places"


def test_a_class_on_an_inner_node_keeps_its_note(walk: Crosswalk) -> None:
    genus = predicted(walk, "Turdus", 0.9, 0.8, 0.7, rank="genus")
    self_leaf = replace(
        genus, probability=0.1, note="species not given", path=(*genus.path, Step("", "species not given", 0.1))
    )
    one, other = reported(walk, genus, self_leaf).predictions
    assert (one.note, other.note) == ("", "species not given") and other.probability == 0.1
    assert path(other) == [("Animalia", 0.9), ("Turdidae", 0.8), ("Turdus", 0.7), ("species not given", 0.1)]


def test_a_hole_is_not_renamed(walk: Crosswalk) -> None:
    nameless = Taxon("family", "no family in Animalia", (("kingdom", "Animalia"),))
    hole = Prediction(nameless, 0.3, (Step("kingdom", "Animalia", 0.9),))
    assert reported(walk, hole).predictions == (replace(hole, note="not in there.csv"),)


def test_winners_of_ranks_and_the_explanation_follow(walk: Crosswalk) -> None:
    best = predicted(walk, "Cyanistes caeruleus", 0.9, 0.8, 0.7, 0.6)
    moth = predicted(walk, "Lymantriidae", 0.9, 0.1, rank="family").taxon
    ranks = (
        RankWinner("family", best.taxon, 0.8, on_path=True),  # a taxon of that rank, as far as lineages go
        RankWinner("genus", predicted(walk, "Turdus", 0.9, 0.1, 0.1, rank="genus").taxon, 0.1, on_path=False),
        RankWinner("family", moth, 0.1, on_path=False),
        RankWinner("species", None, 0.1, on_path=False),
    )
    rest = (Remainder("other classes of Cyanistes caeruleus", 1.0), Remainder("list", 0.5))
    why = Explanation("Cyanistes caeruleus", "Sula bassana", "Cyanistes caeruleus", "Sula bassana", 1.5, (), 1.5, rest)
    result = walk.report(Result("a.png", predictions=(best,), ranks=ranks, explanation=why))
    assert [one.taxon.name if one.taxon else None for one in result.ranks] == [
        "Parus caeruleus",
        "Turdus",
        "Lymantriidae",
        None,
    ]
    assert [one.on_path for one in result.ranks] == [True, False, False, False]
    assert result.explanation == replace(
        why,
        winner="Parus caeruleus",
        winner_class="Parus caeruleus",
        remainders=(Remainder("other classes of Parus caeruleus", 1.0), Remainder("list", 0.5)),
    )


def test_winners_below_a_reported_family_lie_on_its_path(walk: Crosswalk) -> None:
    family = predicted(walk, "Paridae", 0.9, 0.8, rank="family")
    below = predicted(walk, "Cyanistes caeruleus", 0.9, 0.8, 0.7, 0.6).taxon
    elsewhere = predicted(walk, "Turdus merula", 0.1, 0.1, 0.1, 0.1).taxon
    ranks = (RankWinner("species", below, 0.6, on_path=True), RankWinner("species", elsewhere, 0.1, on_path=False))
    result = reported(walk, family, ranks=ranks)
    assert [one.taxon and one.taxon.name for one in result.ranks] == ["Parus caeruleus", "Turdus merula"]
    assert [one.on_path for one in result.ranks] == [True, False]


def test_an_error_stays_an_error(walk: Crosswalk) -> None:
    result = Result("a.png", error="not an image")
    assert walk.report(result) is result


def test_notes_count_matches_and_list_missing_taxa(walk: Crosswalk) -> None:
    assert walk.notes() == (
        "reported as in there.csv: 6 of 8 classes found there (3 by synonym, 2 by name, 1 by id); "
        "shares of higher taxa are those of this run's own tree",
        "1 classes are not in there.csv and keep their names: Oenanthe crocata",
        "1 classes may be several taxa in there.csv and keep their names: Anser fabalis",
        "7 taxa above the classes are not one taxon in there.csv and keep their names: "
        "Cyanistes, Lymantriidae, Sula, Ardea, Plantae, … (2 more)",
    )
    nothing = Crosswalk(walk.source, from_labels(("x",)))
    assert nothing.notes()[0] == "reported as in labels: 0 of 8 classes found there"


def test_a_crosswalk_to_the_same_taxonomy_changes_nothing(walk: Crosswalk) -> None:
    same = Crosswalk(walk.source, walk.source)
    one = predicted(walk, "Cyanistes caeruleus", 0.9, 0.8, 0.7, 0.6)
    result = Result("a.png", predictions=(one,), ranks=(RankWinner("species", one.taxon, 0.6, on_path=True),))
    assert same.report(result) == result
