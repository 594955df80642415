"""What a model's folder may say."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from safetensors.torch import load_file, save_file

from bioclip_x import Classifier
from bioclip_x.errors import ModelError
from bioclip_x_plugins.encoders.config import check_config, count_parameters
from bioclip_x_plugins.encoders.open_clip import OpenClip
from helpers import PREPROCESS, TINY, write_model


def change(folder: Path, part: str, **settings: Any) -> str:
    """Changes a part of a model's configuration; returns the model's name."""
    file = folder / "open_clip_config.json"
    document = json.loads(file.read_text())
    document["model_cfg"][part] |= settings
    file.write_text(json.dumps(document))
    return f"local-dir:{folder}"


def test_every_architecture_of_open_clip_passes() -> None:
    for name in open_clip.list_models():
        check_config({"model_cfg": open_clip.get_model_config(name), "preprocess_cfg": PREPROCESS}, name)


def test_code_in_the_folder_is_not_run(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    (folder / "tokenization.py").write_text("raise SystemExit('code ran')")
    model = change(folder, "text_cfg", hf_tokenizer_name="x", tokenizer_kwargs={"trust_remote_code": True})
    with pytest.raises(ModelError, match=r"model_cfg\.text_cfg\.tokenizer_kwargs\.trust_remote_code") as raised:
        OpenClip().load(model)
    assert raised.value.exit_code == 2
    with pytest.raises(ModelError, match="trust_remote_code"):
        OpenClip().trainable(model)


@pytest.mark.parametrize(
    ("part", "settings", "place"),
    [
        ("vision_cfg", {"timm_model_name": "local-dir:../other"}, "timm_model_name"),
        ("vision_cfg", {"timm_model_name": "hf-hub:evil/code"}, "timm_model_name"),
        ("text_cfg", {"hf_model_name": "../other"}, "hf_model_name"),
        ("text_cfg", {"hf_model_name": "/etc"}, "hf_model_name"),
        ("text_cfg", {"tokenizer_kwargs": {"bpe_path": "/etc/passwd"}}, "bpe_path"),
        ("text_cfg", {"act_kwargs": {"code": "x"}}, "act_kwargs"),
        ("text_cfg", {"layers": "2"}, "layers"),
        ("vision_cfg", {"unheard_of": 1}, "unheard_of"),
    ],
)
def test_other_files_and_unknown_settings_are_refused(
    part: str, settings: dict[str, Any], place: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=place):
        OpenClip().load(change(write_model(tmp_path / "m"), part, **settings))


def test_a_folder_of_this_machine_is_no_name_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tower").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="'tower' is a path here"):
        OpenClip().load(change(write_model(tmp_path / "m"), "text_cfg", hf_model_name="tower"))


@pytest.mark.parametrize("name", ["ViT-B-16-SigLIP/random", "roberta-ViT-B-32/random", "folder"])
def test_a_missing_library_is_one_clear_error(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name == "transformers" else real(name, *more)
    )
    model = change(write_model(tmp_path / "m"), "text_cfg", hf_tokenizer_name="org/x") if name == "folder" else name
    for use in (OpenClip().load, OpenClip().trainable):
        with pytest.raises(ModelError, match=r"pip install 'bioclip-x\[hf\]'"):
            use(model)


def test_a_pickle_is_refused_without_torchs_advice(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return print, ("code ran",)

    folder = write_model(tmp_path / "m")
    (folder / "open_clip_model.safetensors").unlink()
    torch.save({"a": Evil(), "b": torch.zeros(1 << 21)}, folder / "open_clip_pytorch_model.bin")
    for use in (OpenClip().load, OpenClip().trainable):
        with pytest.raises(ModelError, match="get them as safetensors, or convert them") as raised:
            use(f"local-dir:{folder}")
        assert "weights_only" not in str(raised.value)


@pytest.mark.parametrize("key", ["taxonomy", "descriptors", "gate"])
def test_a_card_names_nothing_outside_its_folder(key: str, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("species\nmy secret\n")
    folder = write_model(tmp_path / "m", TINY)
    value = {"file": "../secret.txt", "refusal": "no"} if key == "gate" else "../secret.txt"
    (folder / "bioclip_x.json").write_text(json.dumps({key: value}))
    with pytest.raises(ModelError, match=r"'\.\./secret\.txt' is outside of its folder"):
        Classifier(f"local-dir:{folder}", **({} if key == "taxonomy" else {"labels": "a,b"}))


def test_parameters_are_counted_from_below() -> None:
    """Of every architecture with towers of open_clip's own; the bound is near for transformers."""
    for name in ("ViT-B-32", "RN50", "ViT-L-14", "CLIPA-dummy"):
        if name not in open_clip.list_models():
            continue
        model_cfg = open_clip.get_model_config(name)
        with torch.device("meta"):
            model = open_clip.model.CLIP(**model_cfg)
        number = sum(parameter.numel() for parameter in model.parameters())
        counted = count_parameters(model_cfg["vision_cfg"], model_cfg["text_cfg"])
        assert counted <= number and (name == "RN50" or counted > 0.9 * number)


@pytest.mark.parametrize(
    ("part", "settings", "message"),
    [
        ("vision_cfg", {"layers": 10**9}, "layers"),
        ("vision_cfg", {"width": 60_000}, "a model of over .* parameters, but its weights, .* have"),
        ("vision_cfg", {"image_size": 8192, "patch_size": 1}, "patches an image"),
        ("text_cfg", {"context_length": 10**9}, "context_length"),
    ],
)
def test_absurd_sizes_are_refused_before_memory_is_taken(
    part: str, settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=message):
        OpenClip().load(change(write_model(tmp_path / "m"), part, **settings))


@pytest.mark.parametrize("key", ["visual.proj", "logit_scale", "token_embedding.weight"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(key: str, value: float, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    tensors = load_file(folder / "open_clip_model.safetensors")
    tensors[key].view(-1)[-1] = value
    save_file(tensors, folder / "open_clip_model.safetensors")
    for use in (OpenClip().load, OpenClip().trainable):
        with pytest.raises(ModelError, match=f"{key} in the weights of .* has NaN or infinity"):
            use(f"local-dir:{folder}", device="cpu")
