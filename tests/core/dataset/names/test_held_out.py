from __future__ import annotations

from bioclip_x.dataset.names import RankedTaxonomy, expand_species
from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy import Details, Taxonomy, TaxonomyBuilder


def make_taxonomy(**synonyms: str) -> Taxonomy:
    """Builds species, written with `_` for the blank, with their synonyms, by `|`."""
    builder = TaxonomyBuilder()
    for name, others in synonyms.items():
        species = name.replace("_", " ")
        found = tuple(Synonym(one, "Author, 1900") for one in others.split("|") if one)
        lineage = [("genus", species.split()[0]), ("species", species)]
        builder.add_lineage(lineage, Details(synonyms=found))
    return builder.build()


def test_all_names_in_all_taxonomies_are_found() -> None:
    first = make_taxonomy(Aus_bus="Cus bus|Bus", Dus_dus="")
    second = make_taxonomy(Cus_bus="Eus bus", Fus_fus="Aus bus")
    ranked = [RankedTaxonomy("a", lambda: first), RankedTaxonomy("b", lambda: second)]
    expanded = expand_species(["Eus bus L.", "Dus dus", "Nosuch name", "Aus"], ranked)
    assert expanded.names["Eus bus L."] == {"eus bus l.", "eus bus", "cus bus", "aus bus", "fus fus"}
    assert expanded.names["Dus dus"] == {"dus dus"}
    assert expanded.unknown == ("Nosuch name",)
    assert expanded.names["Nosuch name"] == {"nosuch name"}
    assert expanded.not_species == ("Aus",)
    assert expanded.all_names >= {"fus fus", "nosuch name", "aus"}


def test_a_list_without_names() -> None:
    assert expand_species([], []).names == {}
