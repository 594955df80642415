from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bioclip_x.errors import TrainingError
from bioclip_x.pipeline.taxonomies import read_taxonomy
from bioclip_x.registry import create_registry
from bioclip_x.taxonomy import Taxonomy
from bioclip_x_plugins.datasets.field_guide import DRAWN_AT, FieldGuide
from bioclip_x_plugins.field_guide import drawing, species


@pytest.fixture
def taxonomy() -> Taxonomy:
    return read_taxonomy(create_registry(), Path(species.__file__).with_name("taxonomy.csv"))


def test_drawings_of_species_bear_their_own_class(taxonomy: Taxonomy, tmp_path: Path) -> None:
    guide = FieldGuide(count=3, seed=5, size=24, processes=1, cache=tmp_path)
    assert list(guide.prepare(taxonomy)) == [] and len(guide) == 3
    for i, one in enumerate(species.load_species()[:3]):
        assert taxonomy.class_taxon(guide.sample(i).class_index).name == one.name
        whole = drawing.draw_species(one.name, (5, 0, i), DRAWN_AT).image
        np.testing.assert_array_equal(guide.image(i), np.asarray(whole.resize((24, 24), 3)))
    [kept] = tmp_path.iterdir()
    before = kept.stat().st_mtime_ns
    list(FieldGuide(count=3, seed=5, size=24, processes=1, cache=tmp_path).prepare(taxonomy))
    assert [file.stat().st_mtime_ns for file in tmp_path.iterdir()] == [before], "drawn once"


def test_random_organisms_are_spoken_for_by_their_traits_alone(taxonomy: Taxonomy, tmp_path: Path) -> None:
    guide = FieldGuide(kind="traits", count=2, seed=5, size=24, processes=1, cache=tmp_path)
    list(guide.prepare(taxonomy))
    plan = next(iter(drawing.PLANS))
    traits = drawing.random_traits(plan, (5, 1, 0))
    said = {phrase for trait, value in traits.items() for phrase in species.phrases(plan, trait, value)}
    assert guide.sample(0).class_index == -1 and set(guide.sample(0).texts) == said


def test_a_taxonomy_without_its_species_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"lacks 86 of the field guide's species, first 'Cyanistes caeruleus'"):
        list(FieldGuide(count=1, size=24, processes=1, cache=tmp_path).prepare(Taxonomy.from_labels(["a"])))
