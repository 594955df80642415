from __future__ import annotations

import pytest
import torch
from torchvision.transforms import functional

from bioclip_x.errors import RecipeError
from bioclip_x.inference.classifier import Classifier
from bioclip_x_plugins.encoders.aliases import read_aliases
from bioclip_x_plugins.encoders.open_clip import OpenClip
from bioclip_x_plugins.encoders.squash import make_squash
from helpers import PREPROCESS, picture


@pytest.mark.parametrize("size", [(300, 200), (224, 224), (64, 500), (1, 1)])
def test_bit_for_bit_equal_to_pybioclip(size: tuple[int, int]) -> None:
    """pybioclip 2.1.6's preprocess_img, written out one function after the other."""
    image = picture(3, size)
    tensor = functional.to_tensor(image)
    resized = functional.resize(tensor, [224, 224], functional.InterpolationMode.BILINEAR, antialias=True)
    expected = functional.normalize(resized, [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
    facts = read_aliases()["bioclip-2"].image
    assert facts is not None
    fed = make_squash(facts.size, facts.mean, facts.std)(image)
    assert fed.dtype == torch.float32 and torch.equal(fed, expected)


def test_a_model_squashes_to_its_size_and_records_it(tiny_model: str) -> None:
    image = picture(1, (50, 20))
    own, asked = (OpenClip().load(tiny_model, device="cpu", preprocess=p) for p in ("model", "pybioclip"))
    tensor = functional.resize(functional.to_tensor(image), [32, 32], antialias=True)
    assert torch.equal(asked.preprocess(image), functional.normalize(tensor, [0.5] * 3, [0.5] * 3))
    assert not torch.equal(asked.preprocess(image), own.preprocess(image))
    assert own.card.preprocessing["interpolation"] == PREPROCESS["interpolation"] == "bicubic"
    assert asked.card.preprocessing["interpolation"] == "bilinear"
    assert asked.card.preprocessing["recipe"] == "pybioclip" and "recipe" not in own.card.preprocessing


def test_preprocess_is_in_the_recipe_of_outputs(tiny_model: str) -> None:
    classifier = Classifier(tiny_model, labels=("a", "b"), preprocess="pybioclip")
    assert classifier.provenance.recipe["preprocess"] == "pybioclip"
    assert Classifier(tiny_model, labels=("a", "b")).provenance.recipe["preprocess"] == "model"
    with pytest.raises(RecipeError, match="preprocess: expected 'model' or 'pybioclip'"):
        Classifier(tiny_model, labels=("a", "b"), preprocess="crop")
