"""Heat maps from the command line's side: what they sum to, where they lie, and who has none."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw
from tests.helpers import PREPROCESS, TINY, picture, write_model

from bioclip_x import Classifier
from bioclip_x.errors import ModelError, RecipeError
from bioclip_x.explain.heat_maps import compute_seen_box
from bioclip_x.records import PromptContribution


def model_with(folder: Path, **vision: Any) -> str:
    return f"local-dir:{write_model(folder, TINY | {'vision_cfg': TINY['vision_cfg'] | vision})}"


def explained(model: str, image: Any, **fields: Any) -> tuple[PromptContribution, ...]:
    found = next(Classifier(model, labels=("cat", "dog"), heat_maps=True, **fields).classify(image))
    assert found.explanation
    return found.explanation.contributions


def total(share: PromptContribution) -> float:
    assert share.heat_map
    return math.fsum(value for row in share.heat_map.values_hw for value in row)


@pytest.mark.parametrize("after", [False, True])
def test_maps_sum_to_the_similarity_where_the_tower_averages(tmp_path: Path, after: bool) -> None:
    shares = explained(model_with(tmp_path / "m", final_ln_after_pool=after), picture())
    assert len(shares) == 2
    for share in shares:
        assert share.heat_map
        assert share.heat_map.is_exact
        assert [len(row) for row in share.heat_map.values_hw] == [4] * 4
        assert total(share) == pytest.approx(share.similarity, abs=1e-5)


def test_maps_of_a_class_token_name_their_method(tmp_path: Path) -> None:
    for share in explained(model_with(tmp_path / "m", pool_type="tok"), picture()):
        assert share.heat_map
        assert not share.heat_map.is_exact
        assert "arXiv" in share.heat_map.method
        assert total(share) != pytest.approx(share.similarity, abs=1e-3)


def test_each_prompt_gets_its_own_map_in_a_class_of_many(tmp_path: Path) -> None:
    texts = tmp_path / "d.yaml"
    texts.write_text("cat: [whiskers, a long tail]\ndog: [a wet nose, floppy ears, whiskers]\n")
    shares = explained(model_with(tmp_path / "m"), picture(), descriptors=texts)
    assert len(shares) == 5
    for share in shares:
        assert total(share) == pytest.approx(share.similarity, abs=1e-5)


def test_a_batch_gives_the_maps_that_its_images_give_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bioclip_x.explain.heat_maps.IMAGES_AT_A_TIME", 2)
    classifier = Classifier(model_with(tmp_path / "m"), labels=("cat", "dog"), heat_maps=True)
    images = [picture(seed) for seed in range(5)]
    unreadable = tmp_path / "none.png"
    together = list(classifier.classify([*images[:3], unreadable, *images[3:]]))
    assert together.pop(3).error
    for result, image in zip(together, images, strict=True):
        alone = next(classifier.classify(image))
        assert result.explanation and alone.explanation
        maps, own = ([share.heat_map for share in one.explanation.contributions] for one in (result, alone))
        for one, other in zip(maps, own, strict=True):
            assert one and other
            torch.testing.assert_close(torch.tensor(one.values_hw), torch.tensor(other.values_hw), atol=1e-6, rtol=0)


def test_there_are_no_maps_unless_they_are_asked_for(tmp_path: Path) -> None:
    found = next(Classifier(model_with(tmp_path / "m"), labels=("cat", "dog")).classify(picture()))
    assert found.explanation
    assert all(share.heat_map is None for share in found.explanation.contributions)


def test_a_model_without_patch_tokens_says_so_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    write_model(folder, TINY | {"vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8}})
    with pytest.raises(ModelError, match="has no heat maps: its vision tower, a ModifiedResNet, has no patch tokens"):
        Classifier(f"local-dir:{folder}", labels=("cat", "dog"), heat_maps=True)


def test_maps_without_explanations_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="switched off"):
        Classifier(model_with(tmp_path / "m"), labels=("cat", "dog"), heat_maps=True, explain=False)


def seen(mode: str, size: tuple[int, int], folder: Path, side: int = 32) -> tuple[float, float, float, float]:
    """By trial: where, in an image of the given size, a white pixel must be for the model to see it at each of its edges."""
    import open_clip

    write_model(folder)
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["preprocess_cfg"] = PREPROCESS | {"resize_mode": mode, "interpolation": "bilinear"}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    _, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    edges = []
    for axis in (0, 1):
        # A ramp from edge to edge tells, at each end of what is seen, how far along the image it is.
        ramp = Image.linear_gradient("L").rotate(90 if axis == 0 else 0).resize((256, 256))
        drawn = Image.new("L", size)
        drawn.paste(ramp.resize(size, Image.Resampling.BILINEAR))
        row = preprocess(drawn.convert("RGB"))[0]
        line = (row[side // 2] if axis == 0 else row[:, side // 2]) * 0.5 + 0.5
        inside = [place for place, value in enumerate(line.tolist()) if 0.2 < value < 0.8]
        low, high = inside[0], inside[-1]
        slope = (line[high] - line[low]) / (high - low)
        edges.append((float(line[low] - slope * (low + 0.5)), float(line[low] + slope * (side - low - 0.5))))
    (left, right), (top, bottom) = edges
    return left, top, right, bottom


@pytest.mark.parametrize("mode", ["squash", "shortest", "longest"])
@pytest.mark.parametrize("size", [(256, 128), (96, 256), (128, 128)])
def test_the_box_is_what_the_preprocessing_lets_through(mode: str, size: tuple[int, int], tmp_path: Path) -> None:
    found = compute_seen_box({"size": [32, 32], "resize_mode": mode}, *size)
    assert found == pytest.approx(seen(mode, size, tmp_path / "m"), abs=0.03)
    assert (found == (0, 0, 1, 1)) == (mode == "squash" or size[0] == size[1])


def test_the_box_of_a_model_that_is_not_square_and_of_one_that_tells_nothing() -> None:
    assert compute_seen_box({"size": [100, 50], "resize_mode": "shortest"}, 100, 100) == (0.25, 0.0, 0.75, 1.0)
    assert compute_seen_box({"size": 32, "resize_mode": None}, 200, 100) == (0.25, 0.0, 0.75, 1.0)
    assert compute_seen_box({}, 200, 100) == (0.0, 0.0, 1.0, 1.0)


def test_a_map_follows_what_is_in_the_image(tmp_path: Path) -> None:
    """The patch that differs from a plain ground is the one whose part differs."""
    plain = Image.new("RGB", (32, 32), "grey")
    marked = plain.copy()
    ImageDraw.Draw(marked).rectangle((16, 8, 23, 15), fill="red")
    classifier = Classifier(model_with(tmp_path / "m"), labels=("cat", "dog"), heat_maps=True)
    maps = []
    for image in (plain, marked):
        found = next(classifier.classify(image)).explanation
        assert found and found.contributions[0].heat_map
        by_text = {share.text: share.heat_map for share in found.contributions}
        maps.append(torch.tensor([by_text[text].values_hw for text in sorted(by_text)]))  # type: ignore[union-attr]
    change_hw = (maps[1] - maps[0]).abs().sum(0)
    assert divmod(int(change_hw.argmax()), 4) == (1, 2)
