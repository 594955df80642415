"""The field guide's data: complete, consistent, and free of names in its descriptors."""

from __future__ import annotations

import csv
from collections import Counter
from importlib.resources import files
from itertools import combinations, pairwise

import pytest
import yaml

from bioclip_x_field_guide import species as guide
from bioclip_x_field_guide.drawing import PLANS
from bioclip_x_field_guide.painting.scene import HABITATS

SPECIES = guide.load_species()
LINEAGE = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
DATA = files("bioclip_x_field_guide")


def taxonomy() -> list[dict[str, str]]:
    return list(csv.DictReader((DATA / "taxonomy.csv").read_text(encoding="utf-8").splitlines()))


def test_there_are_enough_species_in_every_plan() -> None:
    counts = Counter(s.plan for s in SPECIES)
    assert set(counts) == set(PLANS)
    assert min(counts.values()) >= 14
    assert len(SPECIES) >= 100
    assert len({s.name for s in SPECIES}) == len(SPECIES)


def test_every_species_has_one_full_lineage_row() -> None:
    rows = taxonomy()
    assert sorted(r["species"] for r in rows) == sorted(s.name for s in SPECIES)
    for row in rows:
        assert all(row[rank] == row[rank].strip() != "" for rank in LINEAGE), row
        assert row["species"].split()[0] == row["genus"]
        assert len(row["species"].split()) == 2


def test_a_taxon_has_one_parent() -> None:
    parents: dict[tuple[str, str], str] = {}
    for row in taxonomy():
        for above, rank in pairwise(LINEAGE):
            assert parents.setdefault((rank, row[rank]), row[above]) == row[above]


@pytest.mark.parametrize("kind", SPECIES, ids=lambda s: s.name)
def test_a_species_names_every_trait_of_its_plan(kind: guide.Species) -> None:
    allowed = guide.list_trait_values(kind.plan)
    assert set(kind.traits) == set(allowed) == set(PLANS[kind.plan].regions)
    assert all(value in allowed[trait] for trait, value in kind.traits.items())
    assert kind.habitat in HABITATS
    assert 1 <= len(kind.background) <= 3


def test_every_trait_value_has_phrases_and_a_species() -> None:
    for plan in PLANS:
        for trait, values in guide.list_trait_values(plan).items():
            for value in values:
                said = guide.list_phrases(plan, trait, value)
                assert 2 <= len(said) <= 4 and len(set(said)) == len(said), (plan, trait, value)


def test_the_plainest_phrase_tells_the_values_of_a_trait_apart() -> None:
    for plan in PLANS:
        first = [
            guide.list_phrases(plan, trait, v)[0]
            for trait, values in guide.list_trait_values(plan).items()
            for v in values
        ]
        assert len(set(first)) == len(first), [p for p, n in Counter(first).items() if n > 1]


def test_no_phrase_speaks_of_two_trait_values() -> None:
    said = Counter(
        phrase
        for plan in PLANS
        for trait, values in guide.list_trait_values(plan).items()
        for value in values
        for phrase in guide.list_phrases(plan, trait, value)
    )
    assert [phrase for phrase, n in said.items() if n > 1] == []


def test_held_out_species_come_from_every_plan_and_leave_their_family_to_training() -> None:
    held, trained = guide.list_held_out_species(), guide.list_trained_species()
    assert len(held) >= 12 and {s.plan for s in held} == set(PLANS)
    assert sorted(s.name for s in (*held, *trained)) == sorted(s.name for s in SPECIES)
    families = {row["species"]: row["family"] for row in taxonomy()}
    assert {families[s.name] for s in held} <= {families[s.name] for s in trained}


def test_held_out_species_differ_from_all_others_in_three_traits_or_more() -> None:
    for held in guide.list_held_out_species():
        for other in SPECIES:
            if other.plan == held.plan and other.name != held.name:
                assert sum(held.traits[t] != other.traits[t] for t in held.traits) >= 3, (held.name, other.name)
                assert len(set(guide.list_descriptors(held)) - set(guide.list_descriptors(other))) >= 2, (
                    held.name,
                    other.name,
                )


@pytest.mark.parametrize("kind", SPECIES, ids=lambda s: s.name)
def test_descriptors_are_several_different_and_nameless(kind: guide.Species) -> None:
    said = guide.list_descriptors(kind)
    names = {row["species"]: row["common_name"] for row in taxonomy()}
    forbidden = [n.lower() for pair in names.items() for n in pair if n]
    assert 4 <= len(said) <= 8
    assert len(set(said)) == len(said)
    assert not [(n, d) for n in forbidden for d in said if n in d.lower()]


def test_the_species_of_a_plan_differ() -> None:
    for a, b in combinations(SPECIES, 2):
        if a.plan == b.plan:
            assert dict(a.traits) != dict(b.traits), (a.name, b.name)


def test_some_congeners_differ_in_few_traits() -> None:
    distance = [
        sum(a.traits[t] != b.traits[t] for t in a.traits)
        for a, b in combinations(SPECIES, 2)
        if a.name.split()[0] == b.name.split()[0]
    ]
    assert min(distance) >= 1
    assert sum(d <= 3 for d in distance) >= 10
    genera = Counter(s.name.split()[0] for s in SPECIES)
    assert sum(n >= 2 for n in genera.values()) >= 10


def test_the_descriptor_file_is_up_to_date() -> None:
    assert (DATA / "descriptors.yaml").read_text(encoding="utf-8") == guide.format_descriptor_file(), (
        "run python -m bioclip_x_field_guide.species --write"
    )
    content = yaml.safe_load(guide.format_descriptor_file())
    assert content["format"] == "bioclip-x/descriptors/1"
    assert content["classes"]["Amanita muscaria"]["descriptor"][:2] == ["a red cap", "white spots on the cap"]


def test_unknown_names_are_refused_with_what_there_is() -> None:
    with pytest.raises(ValueError, match="has no 'Felis catus'"):
        guide.find_species("Felis catus")
    with pytest.raises(ValueError, match="expected one of bird"):
        guide.list_trait_values("cat")
