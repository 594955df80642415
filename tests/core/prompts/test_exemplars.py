"""Exemplars: those built in, and which of them a taxon is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.errors import DescriptorError
from bioclip_x.limits import PHRASE_CHARACTERS
from bioclip_x.prompts.exemplars import choose_exemplars, load_exemplar, read_builtin_exemplars

ALL = read_builtin_exemplars()


def test_the_domains() -> None:
    assert {one.domain for one in ALL} >= {"birds", "butterflies", "fishes", "plants", "fungi", "beetles", "mammals"}
    assert load_exemplar("birds").name == "Sooty Albatross"


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.domain)
def test_an_exemplar_keeps_its_own_rules(one: object) -> None:
    from bioclip_x.prompts.exemplars import Exemplar

    assert isinstance(one, Exemplar) and load_exemplar(one.domain) == one
    phrases = (*one.descriptor, *one.background)
    assert len(one.descriptor) >= 5 and len(one.background) >= 3 and len(set(phrases)) == len(phrases)
    for phrase in phrases:
        assert len(phrase) <= PHRASE_CHARACTERS / 2 and phrase[-1] != "."
        assert not set(one.name.lower().split()) & {word.strip(",") for word in phrase.lower().split()}


def test_no_clade_belongs_to_two_domains() -> None:
    clades = [name for one in ALL for name in one.taxa]
    assert len(set(clades)) == len(clades)


@pytest.mark.parametrize(
    ("lineage", "domain"),
    [
        (["Animalia", "Chordata", "Aves", "Paridae"], "birds"),
        (["Animalia", "Arthropoda", "Insecta", "Lepidoptera", "Nymphalidae"], "butterflies"),
        (["Animalia", "Arthropoda", "Insecta", "Coleoptera"], "beetles"),
        (["Animalia", "Arthropoda", "Insecta", "Diptera"], "beetles"),
        (["animalia", "chordata", "perciformes", "Percidae"], "fishes"),
        (["Plantae", "Tracheophyta"], "plants"),
    ],
)
def test_the_nearest_clade_above_chooses(lineage: list[str], domain: str) -> None:
    [chosen] = choose_exemplars([lineage], ALL).exemplars
    assert chosen.domain == domain


def test_unmatched_lineages_get_the_most_frequent_exemplar_and_are_listed() -> None:
    choice = choose_exemplars([["Cnidaria"], ["Aves"], ["Fungi"], ["Aves"]], ALL)
    assert [one.domain for one in choice.exemplars] == ["birds", "birds", "fungi", "birds"]
    assert choice.unmatched == (0,)
    with pytest.raises(DescriptorError, match="choose with --prompt NAME:domain=…, one of amphibians, beetles, birds"):
        choose_exemplars([["red fox"]], ALL)


def test_an_exemplar_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "corals.yaml"
    file.write_text(
        "domain: corals\nsource: me\nname: Brain Coral\ndescriptor: [a ridged dome]\nbackground: [a reef]\n"
    )
    assert load_exemplar(str(file)).format_list("background") == "- a reef"
    file.write_text("domain: corals\nname: Brain Coral\ndescriptor: []\nbakground: [a reef]\n")
    with pytest.raises(DescriptorError, match="no key is called 'bakground'; known: domain, "):
        load_exemplar(str(file))
    with pytest.raises(DescriptorError, match="no exemplar is called 'birbs'; built in: amphibians"):
        load_exemplar("birbs")
