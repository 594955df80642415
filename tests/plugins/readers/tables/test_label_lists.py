"""Label lists of BirdNET and SpeciesNet."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TaxonomyError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.taxonomy import Taxonomy
from bioclip_x_plugins.readers.tables.birdnet import BirdNetReader

BIRDNET = "Cyanistes caeruleus_Blaumeise\nParus major_Kohlmeise\nTurdus merula_Turdus merula\nDog_Hund\nHuman vocal_Human vocal\n"
SPECIESNET = """e4d1e892-0e4b-475a-a8ac-b5c3502e0d55;mammalia;cetartiodactyla;bovidae;bos;taurus;domestic cattle
f1856211-cfb7-4a5b-9158-c0f72fd09ee6;;;;;;blank
f2efdae9-efb8-48fb-8a91-eccf79ab4ffb;no cv result;no cv result;no cv result;no cv result;no cv result;no cv result
5c7ce479-8a45-40b3-ae21-7c97dfae22f5;mammalia;carnivora;felidae;;;felidae family
"""


def read(path: Path, content: str) -> Taxonomy:
    path.write_text(content, "utf-8")
    return read_taxonomy(create_registry(), path)


def test_birdnet(tmp_path: Path) -> None:
    tree = read(tmp_path / "BirdNET_GLOBAL_6K_V2.4_Labels_de.txt", BIRDNET)
    taxa = [tree.class_taxon(c) for c in range(tree.n_classes)]
    assert [taxon.name for taxon in taxa] == ["Cyanistes caeruleus", "Parus major", "Turdus merula"]
    assert [taxon.common_names for taxon in taxa] == [{"de": ("Blaumeise",)}, {"de": ("Kohlmeise",)}, {}]
    assert taxa[1].at("genus") == "Parus"
    assert tree.notes[0].startswith("no taxon: 2 times, first")
    assert tree.notes[0].endswith("line 4: labels that are no species are left out: 'Dog', 'Human vocal'")


def test_birdnet_without_a_language(tmp_path: Path) -> None:
    assert (
        read(tmp_path / "species_list.txt", "Parus major_Great Tit\n").class_taxon(0).common_name("en") == "Great Tit"
    )


@pytest.mark.parametrize("text", ["Parus_major\nTurdus_merula\n", "red fox\n", "Parus major\tGreat_Tit\n", "a_b\n"])
def test_other_lists_are_not_birdnets(tmp_path: Path, text: str) -> None:
    assert not BirdNetReader().sniff(tmp_path / "a.txt", text.encode())


def test_a_line_that_is_no_label(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match=r"line 22: expected Parus major_Great Tit, got 'Parus minor'"):
        read(tmp_path / "a.txt", "Parus major_Great Tit\n" * 21 + "Parus minor\n")


def test_speciesnet_without_a_header(tmp_path: Path) -> None:
    tree = read(tmp_path / "labels.txt", SPECIESNET)
    taxa = {taxon.name: taxon for taxon in map(tree.class_taxon, range(tree.n_classes))}
    assert set(taxa) == {"bos taurus", "felidae"}
    assert taxa["bos taurus"].lineage[-3:] == (("family", "bovidae"), ("genus", "bos"), ("species", "bos taurus"))
    assert taxa["bos taurus"].common_name() == "domestic cattle"
    assert taxa["bos taurus"].extra == {"uuid": "e4d1e892-0e4b-475a-a8ac-b5c3502e0d55"}
    assert tree.notes[0].startswith("no taxon: 2 times, first") and "'blank' has no name at any rank" in tree.notes[0]
