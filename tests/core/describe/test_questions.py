"""Which taxa are asked of, what they are told from, and what an exemplar's prompt becomes."""

from __future__ import annotations

import pytest

from bioclip_x.describe.questions import make_questions
from bioclip_x.describe.siblings import MOST_SIBLINGS, describe_siblings, find_siblings
from bioclip_x.errors import DescriptorError, RecipeError
from bioclip_x.prompts.llm_prompts import Part, PromptTemplate, list_builtin_templates, load_template
from bioclip_x.taxonomy import Details, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.taxonomy.names.resolver import Resolver

TIT = {"en": ("great tit",)}
LISTS = (Part(kind="descriptor", text="{name}?", contrast="{name} and not {siblings}?"),
         Part(kind="background", text="where is {name}?"))  # fmt: skip


@pytest.fixture
def template() -> PromptTemplate:
    return PromptTemplate(name="two", source="tests", lists=LISTS)


@pytest.fixture
def tree() -> Taxonomy:
    """A hole (no class for Emys), a genus that is a class beside one of its species, a genus in two kingdoms."""
    builder = TaxonomyBuilder()
    birds = [("kingdom", "Animalia"), ("class", "Aves"), ("family", "Paridae"), ("genus", "Parus")]
    builder.add_lineage([*birds, ("species", "Parus major")], Details(common_names=TIT))
    builder.add_lineage([*birds, ("species", "Parus minor")])
    builder.add_lineage([*birds[:3], ("genus", "Prunella"), ("species", "Prunella collaris")])
    builder.add_lineage([("kingdom", "Animalia"), ("family", "Emydidae"), ("genus", "Emys")])
    builder.add_lineage([("kingdom", "Plantae"), ("family", "Lamiaceae"), ("genus", "Prunella")])
    builder.add_lineage(
        [("kingdom", "Plantae"), ("family", "Lamiaceae"), ("genus", "Prunella"), ("species", "Prunella vulgaris")]
    )
    return builder.build()


def test_each_list_is_asked_for_of_every_class(tree: Taxonomy, template: PromptTemplate) -> None:
    asked, _ = make_questions(tree, template)
    assert len(asked) == 2 * tree.n_classes
    assert [(q.key, q.kind, q.prompt) for q in asked[:2]] == [
        ("Parus major", "descriptor", "great tit?"),
        ("Parus major", "background", "where is great tit?"),
    ]


def test_a_genus_is_asked_of_once_and_found_again_by_its_key(tree: Taxonomy, template: PromptTemplate) -> None:
    asked, notes = make_questions(tree, template, at=["Genus", "species"])
    keys = [q.key for q in asked if q.kind == "descriptor"]
    assert sorted(keys) == sorted([
        "Parus", "Parus major", "Parus minor", "Animalia; Aves; Paridae; Prunella", "Prunella collaris", "Emys",
        "Plantae; Lamiaceae; Prunella", "Prunella vulgaris",
    ])  # fmt: skip
    resolver = Resolver(tree)
    for question in asked:
        match = resolver.find(question.key)
        assert match.found and tree.rank(match.nodes[0]) == question.rank
        assert tuple(name for _, name in tree.taxon(match.nodes[0]).lineage) == question.path
    assert {q.prompt for q in asked if q.key == "Parus"} == {
        "member of the genus Parus?",
        "where is member of the genus Parus?",
    }
    assert notes == ("7 of 8 taxa have no common name in language 'en'; prompts use their scientific name",)


def test_classes_without_a_taxon_at_the_rank_are_named(tree: Taxonomy, template: PromptTemplate) -> None:
    asked, notes = make_questions(tree, template, at=["species"], called_by="scientific")
    assert len(asked) == 2 * 4
    assert notes == ("2 classes have no taxon at species: Emys, Prunella",)
    with pytest.raises(RecipeError, match=r"--at: the taxonomy has no rank tribe; it has kingdom"):
        make_questions(tree, template, at=["tribe"])


def test_contrast_names_the_others_of_the_genus(tree: Taxonomy, template: PromptTemplate) -> None:
    asked, _ = make_questions(tree, template, contrast=True)
    prompts = {q.key: q.prompt for q in asked if q.kind == "descriptor"}
    assert prompts["Parus major"] == "great tit and not Parus minor?"
    assert prompts["Parus minor"] == "Parus minor and not great tit?"
    assert prompts["Prunella collaris"] == "Prunella collaris?"
    assert prompts["Emys"] == "Emys?"
    assert {q.prompt for q in asked if q.key == "Parus major"} == {
        "great tit and not Parus minor?",
        "where is great tit?",
    }
    bare = PromptTemplate(name="bare", source="tests", text="{name}?")
    with pytest.raises(RecipeError, match="the prompt 'bare' has no 'contrast' text"):
        make_questions(tree, bare, contrast=True)


def test_labels_are_nobodys_siblings(template: PromptTemplate) -> None:
    asked, _ = make_questions(from_labels(["red fox", "hen"]), template, contrast=True)
    assert asked[0].prompt == "red fox?"


def test_each_species_of_a_large_genus_is_told_to_some() -> None:
    builder = TaxonomyBuilder()
    names = [f"Carex {chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(40)]
    for name in names:
        builder.add_lineage([("genus", "Carex"), ("species", name)])
    tree = builder.build()
    nodes = [int(node) for node in tree.leaf_node_C]
    assert [tree.names[node] for node in find_siblings(tree, nodes[3])] == names[:3] + names[4:]
    told = [describe_siblings(tree, node, "scientific", "en") for node in nodes]
    assert told[39].startswith("Carex aa, Carex ab, ") and told[39].endswith(f" and {39 - MOST_SIBLINGS} others")
    for name in names:
        assert sum(f"{name}," in f"{line.partition(' and ')[0]}," for line in told) == MOST_SIBLINGS


def test_the_three_rows_show_an_exemplar_of_the_taxons_own_domain(tree: Taxonomy) -> None:
    assert {"cbd", "exemplar", "exemplar-background"} <= set(list_builtin_templates())
    asked, notes = make_questions(tree, load_template("exemplar-background"), contrast=True)
    by_key = {(q.key, q.kind): q.prompt for q in asked}
    assert "Sooty Albatross" in by_key["Parus major", "descriptor"]
    assert "- gliding low over the waves" in by_key["Parus major", "background"]
    assert "from its nearest relatives: Parus minor?" in by_key["Parus major", "descriptor"]
    assert "Dog Rose" in by_key["Prunella vulgaris", "descriptor"]
    assert notes[0] == "no exemplar for the domain of 1 taxon (Emys); that of birds is used"
    fixed = load_template("exemplar").model_copy(update={"domain": "fungi"})
    assert all("Fly Agaric" in q.prompt for q in make_questions(tree, fixed)[0])
    labels = from_labels(["red fox"])
    assert "Fly Agaric" in make_questions(labels, fixed)[0][0].prompt
    with pytest.raises(DescriptorError, match="no taxon of the taxonomy belongs to a domain"):
        make_questions(labels, load_template("exemplar"))


def test_cbd_stays_as_published_and_is_told_apart_only_on_request(tree: Taxonomy) -> None:
    cbd = load_template("cbd")
    plain, _ = make_questions(tree, cbd)
    assert all("relatives" not in q.prompt and q.prompt.endswith(" in a photo:\n-") for q in plain)
    asked, _ = make_questions(tree, cbd, contrast=True)
    assert "distinguishing a great tit from its nearest relatives (Parus minor) in a photo?" in asked[0].prompt
    assert asked[0].prompt.endswith("\n-")
