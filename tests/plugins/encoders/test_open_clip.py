from __future__ import annotations

import json
import shutil
from pathlib import Path

import open_clip
import pytest
import torch

from bioclip_x.errors import ModelError
from bioclip_x_plugins.encoders.locate import locate
from bioclip_x_plugins.encoders.open_clip import OpenClip
from helpers import COMMIT, PREPROCESS, lay_hub_cache, picture, write_model


def test_local_dir_equals_open_clip(tiny_model: str) -> None:
    encoder = OpenClip().load(tiny_model, device="cpu")
    reference, _, preprocess = open_clip.create_model_and_transforms(tiny_model)
    tokenizer = open_clip.get_tokenizer(tiny_model)
    reference.eval()
    image, texts = picture(1), ["a photo of a blue tit.", "oak", "a photo of a blue tit."]
    pixels = encoder.preprocess(image)
    torch.testing.assert_close(pixels, preprocess(image))
    with torch.no_grad():
        wanted_image = reference.encode_image(pixels[None], normalize=True)
        wanted_texts = reference.encode_text(tokenizer(texts), normalize=True)
    features = encoder.encode_images(pixels[None])
    torch.testing.assert_close(features.embeddings_BD, wanted_image, atol=1e-5, rtol=0)
    torch.testing.assert_close(encoder.encode_texts(texts), wanted_texts, atol=1e-5, rtol=0)
    assert features.refused_B == ("",)
    card = encoder.card
    assert (card.dim, card.context_length, card.precision, card.demo) == (32, 77, "fp32", "")
    assert card.logit_scale == pytest.approx(float(reference.logit_scale.detach().exp()))
    assert card.revision.startswith("sha256:")


def test_tokens_are_counted_before_truncation(tiny_model: str) -> None:
    encoder = OpenClip().load(tiny_model, device="cpu")
    assert encoder.count_tokens(["oak", "oak " * 100]) == [3, 102]


def test_half_precision(tiny_model: str) -> None:
    full, half = (OpenClip().load(tiny_model, device="cpu", precision=p) for p in ("fp32", "bf16"))
    pixels = full.preprocess(picture())[None]
    a, b = full.encode_images(pixels).embeddings_BD, half.encode_images(pixels).embeddings_BD
    assert b.dtype == torch.float32 and half.card.precision == "bf16"
    assert float((a * b).sum()) > 0.99


@pytest.mark.parametrize("asked", ["hf-hub:imageomics/bioclip-2", f"hf-hub:imageomics/bioclip-2@{COMMIT}", "bioclip-2"])
def test_a_hub_model_from_a_cache_laid_by_hand(asked: str, tiny_model: str, hub_home: Path) -> None:
    lay_hub_cache(hub_home, "imageomics/bioclip-2", Path(tiny_model.removeprefix("local-dir:")))
    encoder = OpenClip().load(asked, device="cpu")
    assert encoder.card.name == asked
    assert encoder.card.revision == f"imageomics/bioclip-2@{COMMIT}"


def test_a_revision_picks_its_own_weights(tmp_path: Path, hub_home: Path) -> None:
    for seed, (commit, branch) in enumerate([(COMMIT, "main"), ("f" * 40, "v2")]):
        lay_hub_cache(hub_home, "org/name", write_model(tmp_path / branch, seed=seed), commit, branch)
    one, two = (OpenClip().load(f"hf-hub:org/name{at}", device="cpu") for at in ("", "@v2"))
    assert two.card.revision == f"org/name@{'f' * 40}"
    assert not torch.allclose(one.encode_texts(["oak"]), two.encode_texts(["oak"]))


def test_the_error_for_an_uncached_model_offline_has_the_command(hub_home: Path) -> None:
    with pytest.raises(ModelError, match=r"run `hf download imageomics/bioclip-2 --revision abc` and copy its cache"):
        OpenClip().load("bioclip-2@abc")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            "unicorn",
            "no model is called 'unicorn'; expected one of bioclip, .* or another one listed by `bioclip-x models`",
        ),
        ("package:nope.x/model", "the package nope.x is not installed"),
        ("package:..x/model", "the package ..x is not installed"),
        ("unicorn/openai", "open_clip has no architecture 'unicorn'"),
        ("ViT-B-32/unicorn", "ViT-B-32 has no weights called 'unicorn'; known: openai, .*random"),
        ("local-dir:/no/such/folder", "the folder /no/such/folder does not exist"),
        ("hf-hub:no such name", "not a valid repository name"),
        ("package:no_such_package/model", "the package no_such_package is not installed"),
    ],
)
def test_unknown_models(model: str, message: str, hub_home: Path) -> None:
    with pytest.raises(ModelError, match=message):
        OpenClip().load(model)


def test_incomplete_folders_are_refused(tiny_model: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model.removeprefix("local-dir:"), tmp_path / "copy"))
    config = folder / "open_clip_config.json"
    whole = json.loads(config.read_text())
    config.write_text(json.dumps({"model_cfg": whole["model_cfg"]}))
    with pytest.raises(ModelError, match=r"lacks preprocess_cfg; the preprocessing would be a guess"):
        OpenClip().load(f"local-dir:{folder}")
    config.write_text("{")
    with pytest.raises(ModelError, match="not valid JSON"):
        OpenClip().load(f"local-dir:{folder}")
    config.unlink()
    with pytest.raises(ModelError, match=r"has no open_clip_config.json"):
        OpenClip().load(f"local-dir:{folder}")
    config.write_text(json.dumps({**whole, "preprocess_cfg": PREPROCESS}))
    (folder / "open_clip_model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="is not a file of tensors"):
        OpenClip().load(f"local-dir:{folder}")
    (folder / "open_clip_model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"has no open_clip_model.safetensors"):
        locate(f"local-dir:{folder}")


def test_folders_of_models_and_runs_are_recognised(tiny_model: str, tmp_path: Path) -> None:
    shutil.copytree(tiny_model.removeprefix("local-dir:"), tmp_path / "run" / "model")
    with pytest.raises(ModelError, match=r"is a folder; say local-dir:"):
        locate(str(tmp_path / "run" / "model"))
    with pytest.raises(ModelError, match=r"is the folder of a training run; its model is local-dir:.*run/model"):
        locate(f"local-dir:{tmp_path / 'run'}")


def test_an_unavailable_device(tiny_model: str) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has the device that this test asks for in vain")
    with pytest.raises(ModelError, match="--device cuda: not available on this machine"):
        OpenClip().load(tiny_model, device="cuda")
