"""The renderer: determined by its seed, true to its masks, and local in its changes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from bioclip_x_field_guide import drawing
from bioclip_x_field_guide.contact_sheet import draw_contact_sheet
from bioclip_x_field_guide.drawing import (
    PLANS,
    draw_changed,
    draw_changed_traits,
    draw_random,
    draw_random_traits,
    draw_species,
)
from bioclip_x_field_guide.species import (
    Species,
    find_species,
    list_held_out_species,
    list_trained_species,
    list_trait_values,
    load_species,
)

SPECIES = load_species()
EXAMPLES = tuple({s.plan: s for s in SPECIES}.values())
SIZE = 96


def pixels(image: Image.Image) -> NDArray[np.int16]:
    return np.asarray(image, dtype=np.int16)


def grown(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """The mask, wider by some pixels on every side."""
    return np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(2 * by + 1))) > 0


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda s: s.plan)
def test_a_seed_determines_the_drawing(kind: Species) -> None:
    a, b, other = draw_species(kind.name, 3, SIZE), draw_species(kind.name, 3, SIZE), draw_species(kind.name, 4, SIZE)
    assert a.image.mode == "RGB" and a.image.size == (SIZE, SIZE)
    assert a.image.tobytes() == b.image.tobytes() != other.image.tobytes()
    assert all((a.masks[t] == b.masks[t]).all() for t in a.masks)
    assert draw_species(kind.name, (3, 1), SIZE).image.tobytes() != a.image.tobytes()


@pytest.mark.parametrize("kind", SPECIES, ids=lambda s: s.name)
def test_every_trait_shows_in_every_pose(kind: Species) -> None:
    for seed in range(4):
        masks = draw_species(kind.name, (17, seed), SIZE).masks
        assert set(masks) == {*kind.traits, "organism"}
        assert all(m.shape == (SIZE, SIZE) and m.dtype == np.bool_ for m in masks.values())
        assert min(m.sum() for m in masks.values()) >= 8, {t: int(m.sum()) for t, m in masks.items()}
        assert 0.15 < masks["organism"].mean() < 0.90


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda s: s.plan)
@pytest.mark.parametrize("seed", [0, 5])
def test_a_change_stays_in_its_trait(kind: Species, seed: int) -> None:
    before = draw_species(kind.name, seed, SIZE)
    for trait, values in list_trait_values(kind.plan).items():
        value = next(v for v in values if v != kind.traits[trait])
        after = draw_species(kind.name, seed, SIZE, change={trait: value})
        moved = np.abs(pixels(after.image) - pixels(before.image)).max(axis=2) > 6
        near = grown(before.masks[trait] | after.masks[trait], 4)
        assert moved.any(), (trait, value)
        assert (moved & ~near).sum() <= 0.02 * SIZE * SIZE, (trait, value, int((moved & ~near).sum()))


def test_taking_the_spots_off_the_fly_agaric_leaves_a_red_cap() -> None:
    spotted = draw_species("Amanita muscaria", 1, SIZE)
    plain = draw_species("Amanita muscaria", 1, SIZE, change={"cap_surface": "plain"})
    spots = spotted.masks["cap_surface"]
    assert pixels(spotted.image)[spots].mean(axis=0)[1] > 120 > pixels(plain.image)[spots].mean(axis=0)[1]
    off = ~grown(spots, 2)
    assert (pixels(spotted.image)[off] == pixels(plain.image)[off]).all()


@pytest.mark.parametrize("plan", PLANS)
def test_random_traits_are_drawn_and_told(plan: str) -> None:
    seen = set()
    for seed in range(12):
        drawn, traits = draw_random(plan, (23, seed), 48)
        assert set(traits) == set(list_trait_values(plan))
        assert all(value in list_trait_values(plan)[trait] for trait, value in traits.items())
        assert drawn.masks["organism"].any()
        seen.add(tuple(traits.values()))
    assert len(seen) > 9


TINY = {"cap_colour": ("white", "orange"), "ring": ("none", "loose_ring")}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan of four combinations, one of them held out: chance would hit it in every fourth drawing."""
    forbidden = frozenset({frozenset({("cap_colour", "orange"), ("ring", "none")})})
    monkeypatch.setattr(drawing, "list_trait_values", lambda plan: TINY)
    monkeypatch.setattr(drawing, "list_held_out_traits", lambda plan: forbidden)
    monkeypatch.setattr(
        drawing, "find_species", lambda name: Species(name, "mushroom", {"cap_colour": "white", "ring": "none"}, "")
    )


@pytest.mark.usefixtures("tiny")
def test_random_traits_are_never_all_those_of_a_held_out_species() -> None:
    drawn = [draw_random_traits("mushroom", (3, k)) for k in range(60)]
    assert {tuple(traits.values()) for traits in drawn} == {
        ("white", "none"), ("white", "loose_ring"), ("orange", "loose_ring"),
    }  # fmt: skip
    assert drawn == [draw_random_traits("mushroom", (3, k)) for k in range(60)]


@pytest.mark.usefixtures("tiny")
def test_a_changed_trait_never_makes_a_held_out_species() -> None:
    assert {tuple(draw_changed_traits("any", k).values()) for k in range(40)} == {("white", "loose_ring")}


@pytest.mark.parametrize("held", list_held_out_species(), ids=lambda s: s.name)
def test_the_traits_of_every_held_out_species_are_known_to_the_renderer(held: Species) -> None:
    assert frozenset(held.traits.items()) in drawing.list_held_out_traits(held.plan)
    with pytest.raises(ValueError, match="held out"):
        draw_changed(held.name, 0)


def test_one_trait_is_changed_and_nothing_else() -> None:
    changed = set()
    for k, kind in enumerate(list_trained_species()[::4]):
        drawn, traits = draw_changed(kind.name, (29, k), 48)
        assert traits == draw_changed_traits(kind.name, (29, k)) and list(traits) == list(kind.traits)
        [trait] = [t for t in traits if traits[t] != kind.traits[t]]
        again = draw_species(kind.name, (29, k), 48, change={trait: traits[trait]})
        assert drawn.image.tobytes() == again.image.tobytes()
        changed.add((kind.plan, trait))
    assert len(changed) > 12


def seen_change(plan: str, trait: str, a: str, b: str) -> int:
    """The median number of pixels, over some organisms, that differ by more than 20 of 255 between two values, at 96 px."""
    kinds = [s for s in SPECIES if s.plan == plan][1::4]
    seen = []
    for k, kind in enumerate(kinds):
        one, two = (pixels(draw_species(kind.name, (31, k), SIZE, change={trait: value}).image) for value in (a, b))
        seen.append(int((np.abs(one - two).mean(axis=2) > 20).sum()))
    return int(np.median(seen))


# the hardest to tell apart of each plan, by the same measure over all pairs
CLOSEST = (
    ("bird", "bill", "short_black", "thin_dark"),
    ("bird", "back_colour", "brown", "chestnut"),
    ("bird", "wing_colour", "black", "dark_brown"),
    ("bird", "breast_colour", "white", "cream"),
    ("butterfly", "forewing_mark", "none", "orange_dot"),
    ("butterfly", "hindwing_mark", "none", "orange_dot"),
    ("butterfly", "ground_colour", "lemon", "yellow"),
    ("beetle", "pronotum", "black_white_corners", "black"),
    ("beetle", "antennae", "short_clubbed", "fan"),
    ("fish", "snout", "blunt", "pointed"),
    ("fish", "tail_colour", "orange_red", "red"),
    ("flower", "petal_mark", "none", "white_eye"),
    ("mushroom", "underside", "yellow_gills", "yellow_ridges"),
    ("mushroom", "cap_colour", "brown", "chestnut"),
    ("leaf", "tip", "rounded", "pointed"),
    ("leaf", "stalk", "green", "yellow"),
)


@pytest.mark.parametrize(("plan", "trait", "a", "b"), CLOSEST, ids=str)
def test_even_the_closest_values_are_told_apart_by_eye(plan: str, trait: str, a: str, b: str) -> None:
    assert seen_change(plan, trait, a, b) >= 40


def test_the_home_habitat_is_usual_but_not_certain() -> None:
    home = find_species("Amanita muscaria").habitat
    share = np.mean([drawing.make_scene((5, k)).habitat(home) == home for k in range(400)])
    assert 0.74 < share < 0.9


def test_wrong_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="mushroom has no 'cap_colour' = 'tartan'; expected one of"):
        draw_species("Amanita muscaria", 0, change={"cap_colour": "tartan"})
    with pytest.raises(ValueError, match="mushroom has no 'wings'"):
        draw_species("Amanita muscaria", 0, change={"wings": "blue"})
    with pytest.raises(ValueError, match="non-negative integers"):
        draw_species("Amanita muscaria", -1)


def test_the_contact_sheet_has_a_row_for_each_species() -> None:
    sheet = draw_contact_sheet(EXAMPLES[:2], per_species=2, size=48)
    assert sheet.width == 2 * 52 + 12
    assert sheet.height == 2 * (48 + 14 + 8)
