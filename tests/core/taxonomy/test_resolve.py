from __future__ import annotations

from bioclip_x.taxonomy import Details, Resolver, TaxonomyBuilder


def resolver() -> Resolver:
    builder = TaxonomyBuilder()
    builder.add_lineage(
        [("kingdom", "Animalia"), ("genus", "Morus"), ("species", "Morus bassanus")],
        Details({"en": ("northern gannet", "gannet"), "de": ("Basstölpel",)}),
    )
    builder.add_lineage([("kingdom", "Plantae"), ("genus", "Morus"), ("species", "Morus alba")])
    return Resolver(builder.build())


def names(found: Resolver, name: str, **by: str) -> list[str]:
    return [found.taxonomy.names[node] for node in found.find(name, **by).nodes]


def test_scientific_and_common_names_in_any_spelling() -> None:
    found = resolver()
    assert names(found, "morus_BASSANUS") == ["Morus bassanus"]
    assert names(found, "Gannet") == ["Morus bassanus"]
    assert names(found, "BASSTÖLPEL") == ["Morus bassanus"]
    assert names(found, "unicorn") == []


def test_homonyms_are_ambiguous_until_told_apart() -> None:
    found = resolver()
    assert not found.find("Morus").found
    assert names(found, "Morus") == ["Morus", "Morus"]
    assert found.find("Morus", kingdom="plantae").found
    assert found.find("Plantae; Morus").nodes == found.find("Morus", kingdom="Plantae").nodes
    assert names(found, "Morus", rank="species") == []


def test_classes_are_those_taxa_that_can_be_reported() -> None:
    found = resolver()
    assert found.classes("gannet") == (0,) and found.classes("Morus alba") == (1,)
    assert found.classes("Morus") == () and found.classes("unicorn") == ()
