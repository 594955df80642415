"""What the columns of tables mean, by their names."""

from __future__ import annotations

import pytest

from bioclip_x_plugins.readers.vocabulary.columns import (
    SPELLINGS,
    Meaning,
    describe_meaning,
    find_meaning,
    find_meanings,
)


@pytest.mark.parametrize(
    ("columns", "meaning"),
    [
        (["scientific_name", "Scientific Name", "SCI_NAME", "latin_name", "binomial", "taxon_name", "canonicalName",
          "verbatim name", "IOC_14.1", "Wissenschaftlicher Name", "nombre científico"], ("name", "")),
        (["family", "Familie", "FAMILY", "familyName", "taxon_family_name", "Family1", "famille", "família"],
         ("rank", "family")),
        (["species_name", "Art", "Espèce", "taxon_species_name"], ("rank", "species")),
        (["kingdomName", "Reich", "règne"], ("rank", "kingdom")),
        (["Ordnung", "orderName", "ordre", "ORDER1"], ("rank", "order")),
        (["common_name", "English_Common_Name", "common_name_eng", "Anglais", "English", "PRIMARY_COM_NAME",
          "vernacularName", "English name"], ("common", "en")),
        (["Deutsch", "German", "deutscher Name", "common_name_de", "Common names (Ger)"], ("common", "de")),
        (["Nom français", "Français", "French", "common_name_fra"], ("common", "fr")),
        (["common_name_pt_BR"], ("common", "pt-br")),
        (["AphiaID"], ("id", "worms")),
        (["taxonID", "dwc:taxonID", "http://rs.tdwg.org/dwc/terms/taxonID", "taxon_id"], ("id", "taxon")),
        (["accepted_plant_name_id", "AphiaID_accepted", "acceptedNameUsageID", "valid_AphiaID"], ("accepted id", "")),
        (["habitat"], ("extra", "habitat")),
        (["class_or_group"], ("extra", "class_or_group")),
        (["species_code"], ("extra", "species_code")),
        (["iconic_taxon_name"], ("extra", "iconic_taxon_name")),
        (["common_name_note"], ("extra", "common_name_note")),
    ],
)  # fmt: skip
def test_the_names_that_files_give_a_column(columns: list[str], meaning: Meaning) -> None:
    assert {column: find_meaning(column) for column in columns} == dict.fromkeys(columns, meaning)


def test_no_spelling_has_two_meanings() -> None:
    words = [word for spellings in SPELLINGS.values() for word in spellings.split()]
    assert len(words) == len(set(words))
    assert all(find_meaning(word) == meaning for meaning, text in SPELLINGS.items() for word in text.split())


def test_of_two_columns_for_a_rank_the_one_called_by_it_counts() -> None:
    meanings = find_meanings(["class_name", "cls", "TAXON_ORDER", "ORDER"])
    assert [meaning for meaning in meanings.values() if meaning[0] == "rank"] == [("rank", "class"), ("rank", "order")]
    assert meanings["cls"] == ("rank", "class") and meanings["class_name"] == ("extra", "class_name")


def test_of_two_columns_of_names_the_verbatim_one_is_an_extra() -> None:
    meanings = find_meanings(["verbatim name", "canonicalName"])
    assert meanings == {"verbatim name": ("extra", "verbatim name"), "canonicalName": ("name", "")}


def test_every_meaning_has_a_description() -> None:
    texts = {describe_meaning(meaning) for meaning in SPELLINGS} | {describe_meaning(("rank", "genus"))}
    assert "rank genus" in texts and "scientific name" in texts and "identifier of the accepted name" in texts
