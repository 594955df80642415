"""A folder of PNG files: what is on them, and what is left when it goes wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bioclip_x.errors import RecipeError
from bioclip_x.records import HeatMap, Provenance, Result
from bioclip_x_plugins.reports.heat_map_files import NEGATIVE, POSITIVE, HeatMapFiles, find_full_colour, overlay


def heat_map(*rows: tuple[float, ...], box: tuple[float, float, float, float] = (0, 0, 1, 1)) -> HeatMap:
    return HeatMap(rows, box, "by hand", is_exact=True)


def mapped(result: Result) -> Result:
    assert result.explanation
    shares = tuple(
        replace(share, heat_map=heat_map((0.1, -0.1), (place / 10, 0.0)))
        for place, share in enumerate(result.explanation.contributions)
    )
    return replace(result, explanation=replace(result.explanation, contributions=shares))


@pytest.fixture
def about(provenance: Provenance) -> Provenance:
    return replace(provenance, recipe={**provenance.recipe, "heat_maps": True}, demo="drawings only")


def test_a_file_for_each_of_the_strongest_texts_of_both_sides(
    about: Provenance, blue_tit: Result, tmp_path: Path
) -> None:
    named = replace(mapped(blue_tit), source="a/../Blaumeise <1>.jpg")
    with HeatMapFiles(strongest=2).open(tmp_path / "maps", about) as writer:
        writer.write(Result("broken.jpg", error="not an image"))
        writer.write(named)
        assert not (tmp_path / "maps").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["maps"]
    files = sorted((tmp_path / "maps").rglob("*.png"))
    assert {path.parent.name for path in files} == {"0002-Blaumeise-1"}
    assert [path.name.split("-")[:3] for path in files[:2]] == [["1", "for", "01"], ["1", "for", "02"]]
    assert [path.name.split("-")[:3] for path in files[2:]] == [["2", "against", "01"], ["2", "against", "02"]]
    with Image.open(files[0]) as image:
        assert image.size == (64, 64)
        told = image.info
    assert named.explanation
    assert named.explanation.contributions[0].text in told["Title"]
    assert told["Comment"] == "by hand"
    assert told["Disclaimer"] == "drawings only"


@pytest.mark.parametrize("wrong", ["no output", "no maps", "not empty", "a file"])
def test_what_cannot_be_written_is_told_before_the_work(
    wrong: str, about: Provenance, provenance: Provenance, tmp_path: Path
) -> None:
    output = tmp_path / "maps"
    if wrong == "not empty":
        output.mkdir()
        (output / "mine.txt").write_text("kept")
    if wrong == "a file":
        output.write_text("kept")
    given = None if wrong == "no output" else output
    with (
        pytest.raises(RecipeError, match=r"--output|--heat-maps|not empty"),
        HeatMapFiles().open(given, provenance if wrong == "no maps" else about),
    ):
        pass


def test_an_interrupted_run_leaves_a_partial_folder_that_the_next_replaces(
    about: Provenance, blue_tit: Result, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt), HeatMapFiles().open(tmp_path / "maps", about) as writer:
        writer.write(mapped(blue_tit))
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["maps.partial"]
    with HeatMapFiles().open(tmp_path / "maps", about):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["maps"] and not any((tmp_path / "maps").iterdir())


def test_colours_tell_the_sign_and_opacity_the_strength() -> None:
    picture = Image.new("RGB", (40, 40), (128, 128, 128))
    laid = np.asarray(overlay(picture, heat_map((1.0, -1.0), (0.5, 0.0)), 1.0), np.int64)
    ground = np.array([128, 128, 128])
    np.testing.assert_allclose(laid[2, 2], ground + 0.8 * (np.array(POSITIVE) - ground), atol=1)
    np.testing.assert_allclose(laid[2, 37], ground + 0.8 * (np.array(NEGATIVE) - ground), atol=1)
    np.testing.assert_allclose(laid[37, 2], ground + 0.4 * (np.array(POSITIVE) - ground), atol=1)
    np.testing.assert_allclose(laid[37, 37], ground, atol=1)


@pytest.mark.parametrize("box", [(0.25, 0.0, 0.75, 1.0), (0.0, -0.5, 1.0, 1.5)])
def test_only_what_the_model_saw_is_coloured(box: tuple[float, float, float, float]) -> None:
    picture = Image.new("RGB", (80, 40), (200, 30, 30))
    laid = np.asarray(overlay(picture, heat_map((1.0,), box=box), 1.0), np.int64)
    grey = np.asarray(picture.convert("L"), np.int64)[0, 0]
    coloured_hw = (laid != grey).any(-1)
    columns = slice(round(box[0] * 80), round(box[2] * 80))
    assert laid.shape == (40, 80, 3)
    assert coloured_hw[:, columns].all()
    assert coloured_hw.sum() == coloured_hw[:, columns].sum()


def test_one_patch_in_a_hundred_does_not_set_the_scale_nor_does_what_is_no_number() -> None:
    usual = tuple((-1) ** i * i / 500 for i in range(400))
    found = find_full_colour([heat_map(usual), heat_map((9.0, float("nan")))])
    assert 0.78 < found < 0.8
    assert find_full_colour([]) == 0.0
