from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TrainingError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.training.components import fill_in_defaults, make_parts
from bioclip_x.training.config import read_config
from bioclip_x_field_guide import dataset as dataset_module
from bioclip_x_field_guide import drawing, species
from bioclip_x_field_guide.dataset import RENDER_SIZE, FieldGuide
from bioclip_x_field_guide.dataset import _choose_traits as traits_of


@pytest.fixture
def taxonomy() -> Taxonomy:
    return read_taxonomy(create_registry(), Path(species.__file__).with_name("taxonomy.csv"))


def test_drawings_of_species_bear_their_own_class(taxonomy: Taxonomy, tmp_path: Path) -> None:
    guide = FieldGuide(count=3, seed=5, size=24, processes=1, cache=tmp_path)
    assert list(guide.prepare(taxonomy)) == [] and len(guide) == 3
    for i, one in enumerate(species.load_species()[:3]):
        assert taxonomy.names[guide.sample(i).node] == one.name
        whole = drawing.draw_species(one.name, (5, 0, i), RENDER_SIZE).image
        np.testing.assert_array_equal(guide.image(i), np.asarray(whole.resize((24, 24), 3)))
    [kept] = tmp_path.iterdir()
    before = kept.stat().st_mtime_ns
    list(FieldGuide(count=3, seed=5, size=24, processes=1, cache=tmp_path).prepare(taxonomy))
    assert [file.stat().st_mtime_ns for file in tmp_path.iterdir()] == [before], "drawn once"


def test_random_organisms_are_spoken_for_by_their_traits_alone(taxonomy: Taxonomy, tmp_path: Path) -> None:
    guide = FieldGuide(kind="traits", count=2, seed=5, size=24, processes=1, cache=tmp_path)
    list(guide.prepare(taxonomy))
    plan = next(iter(drawing.PLANS))
    traits = drawing.draw_random_traits(plan, (5, 1, 0))
    assert guide.sample(0).node == -1 and set(guide.sample(0).texts) == said_of(plan, traits)


def test_a_species_with_one_trait_changed_has_no_class_and_the_phrases_of_what_is_drawn(
    taxonomy: Taxonomy, tmp_path: Path
) -> None:
    guide = FieldGuide(kind="changed", count=2, seed=5, size=24, processes=1, cache=tmp_path)
    list(guide.prepare(taxonomy))
    one = species.list_trained_species()[0]
    drawn, traits = drawing.draw_changed(one.name, (5, 2, 0), RENDER_SIZE)
    assert len(traits.items() - one.traits.items()) == 1
    assert guide.sample(0).node == -1 and set(guide.sample(0).texts) == said_of(one.plan, traits)
    np.testing.assert_array_equal(guide.image(0), np.asarray(drawn.image.resize((24, 24), 3)))


def said_of(plan: str, traits: Mapping[str, str]) -> set[str]:
    return {phrase for trait, value in traits.items() for phrase in species.list_phrases(plan, trait, value)}


def test_a_taxonomy_without_its_species_is_refused(tmp_path: Path) -> None:
    lacking = rf"lacks {len(species.list_trained_species())} of the field guide's species, first 'Cyanistes caeruleus'"
    with pytest.raises(TrainingError, match=lacking):
        list(FieldGuide(count=1, size=24, processes=1, cache=tmp_path).prepare(from_labels(["a"])))


class Everything:
    """All that the embedded model's own configuration may train on, images left out: each example's class and texts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(dataset_module, "load_or_fill", lambda *_: np.empty((0, 1, 1, 3), np.uint8))
        config = read_config(Path(__file__).parents[2] / "benchmarks" / "field_guide" / "model.yaml")
        registry = create_registry()
        self.parts = make_parts(fill_in_defaults(config, registry), registry)
        self.samples = [dataset.sample(i) for dataset in self.parts.datasets for i in range(len(dataset))]
        nodes = {s.node for s in self.samples if s.node >= 0}
        self.names = {self.parts.taxonomy.names[node] for node in nodes}
        self.texts = {text for s in self.samples for text in s.texts} | {
            text for node in nodes for kind in self.parts.texts.kinds for text in kind.texts_of(node)
        }  # whatever can be drawn for an image, and whatever counts as right for it


def test_the_embedded_model_is_trained_on_nothing_of_a_held_out_species(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not its name in any language, not its descriptors as a set, not its whole combination of traits."""
    every = Everything(monkeypatch, tmp_path)
    held_out = species.list_held_out_species()
    assert len(held_out) >= 12 and len(every.samples) > 20_000
    assert every.names == {one.name for one in species.list_trained_species()}
    said = " | ".join(every.texts).lower()
    taxa = {taxon.name: taxon for taxon in map(every.parts.taxonomy.class_taxon, range(every.parts.taxonomy.n_classes))}
    for one in held_out:
        common = (name for names in taxa[one.name].common_names.values() for name in names)
        for name in (one.name, *common):
            assert name.lower() not in said, f"{name} is in a text that is trained on"
    sets = {frozenset(s.texts) for s in every.samples}
    for one in held_out:
        described = set(species.list_descriptors(one))
        assert not any(described <= texts for texts in sets), f"{one.name}'s descriptors are one image's texts"
    combinations = {
        plan: {frozenset(kind.traits.items()) for kind in held_out if kind.plan == plan} for plan in drawing.PLANS
    }
    for dataset in every.parts.datasets:
        assert isinstance(dataset, FieldGuide)
        for i in range(len(dataset)):
            plan, traits = traits_of(dataset.kind, dataset.seed, i)
            assert frozenset(traits.items()) not in combinations[plan]


def test_that_test_would_notice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the hold-out taken away, the same look at what is trained on finds the held-out species."""
    held_out = {one.name for one in species.list_held_out_species()}
    monkeypatch.setattr("bioclip_x_field_guide.dataset.list_trained_species", species.load_species)
    monkeypatch.setattr(
        "bioclip_x_field_guide.dataset.draw_changed_traits", lambda name, seed: species.find_species(name).traits
    )
    every = Everything(monkeypatch, tmp_path)
    assert held_out <= every.names
    assert any(name in text for name in held_out for text in every.texts)


def test_the_hash_of_the_renderer_covers_its_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Cached drawings must not outlive a change of any file that draws."""
    package = tmp_path / "package"
    shutil.copytree(
        Path(dataset_module.__file__).parent, package, ignore=shutil.ignore_patterns("model", "__pycache__")
    )
    monkeypatch.setattr(dataset_module, "__file__", str(package / "dataset.py"))
    hashes = [dataset_module.hash_renderer()]
    for name in ("organisms/bird.py", "painting/palette.py", "traits.yaml", "drawing.py"):
        with (package / name).open("a", encoding="utf-8") as file:
            file.write("# changed\n")
        hashes.append(dataset_module.hash_renderer())
    assert len(set(hashes)) == len(hashes)


def test_drawings_need_no_cache(taxonomy: Taxonomy, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    drawings = [FieldGuide(count=2, size=16, processes=1, cache=tmp_path / name) for name in ("file", "cache")]
    for dataset in drawings:
        list(dataset.prepare(taxonomy))
    assert (drawings[0].image(1) == drawings[1].image(1)).all() and drawings[0].image(1).std() > 0
