"""Trainable open_clip models, new or existing, saved in the format that `local-dir:` loads."""

from __future__ import annotations

import json
import logging
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL.Image import Image
from safetensors.torch import save as to_safetensors

from bioclip_x.plugin import ModelError, TrainableEncoderCapabilities, open_replacement
from bioclip_x_plugins.encoders.activation import wants_quick_gelu
from bioclip_x_plugins.encoders.config import (
    check_config,
    check_library,
    check_size,
    explain_load_error,
    make_tokenizer_options,
    read_config,
)
from bioclip_x_plugins.encoders.context import encode_text
from bioclip_x_plugins.encoders.hub import CONFIG, SAFETENSORS
from bioclip_x_plugins.encoders.loaded import check_numbers
from bioclip_x_plugins.encoders.locate import CARD, Located, locate
from bioclip_x_plugins.encoders.tokens import PREFIX, TextTokenizer, find_rare_words
from bioclip_x_plugins.encoders.training.depth import group_by_depth, list_blocks, set_gradient_checkpointing
from bioclip_x_plugins.encoders.training.inputs import (
    check_image_size,
    check_text_length,
    encode_image,
    resize_image_tower,
    set_patch_dropout,
    shorten_tokens,
)
from bioclip_x_plugins.encoders.training.projection import narrow_projection, widen_projection


class TrainableOpenClip:
    """See `components.TrainableEncoder`.

    module: an open_clip model, float32. config: its open_clip_config.json (model_cfg and preprocess_cfg).
    text_prefix: put before every text, with a space; "" for none.
    """

    capabilities = TrainableEncoderCapabilities(
        blocks=True, depth_groups=True, gradient_checkpointing=True, projectors=True, inputs=True, text_prefix=True
    )

    def __init__(
        self, module: Any, tokenizer: Any, config: Mapping[str, Any], device: torch.device, seed: int = 0
    ) -> None:
        self.module = module.to(device)
        self.tokenizer = tokenizer
        self.config = dict(config)
        self.device = device
        self.embed_dim: int = self.config["model_cfg"]["embed_dim"]
        preprocess = self.config["preprocess_cfg"]
        size = preprocess["size"]
        self.image_size: tuple[int, int] = (size, size) if isinstance(size, int) else (size[0], size[1])
        self.mean: tuple[float, ...] = tuple(preprocess["mean"])
        self.std: tuple[float, ...] = tuple(preprocess["std"])
        self.resize_mode: str = preprocess["resize_mode"]
        self.interpolation: str = preprocess["interpolation"]
        self.context_length: int = tokenizer.context_length
        self.text_prefix = ""
        self._text_length: int | None = None
        self._seed = seed
        self._widened: dict[str, int] = {}
        self._transform = image_transform_v2(PreprocessCfg(**preprocess), is_train=False)

    def preprocess(self, image: Image) -> torch.Tensor:
        """Converts an image to the model's input as the saved model does."""
        pixels: torch.Tensor = self._transform(image)
        return pixels

    @property
    def logit_scale(self) -> torch.Tensor:
        scale: torch.Tensor = self.module.logit_scale.exp()
        return scale

    @property
    def logit_bias(self) -> torch.Tensor | None:
        return getattr(self.module, "logit_bias", None)

    def make_tokenizer(self) -> TextTokenizer:
        return TextTokenizer(self.tokenizer, self.text_prefix)

    def tokenize(self, texts: Sequence[str]) -> torch.Tensor:
        return self.make_tokenizer().tokenize(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self.make_tokenizer().count_tokens(texts)

    def forward_image(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        return encode_image(self.module, pixels_B3HW)

    def forward_text(self, tokens_PL: torch.Tensor) -> torch.Tensor:
        if self._text_length is not None and self.module.training:
            tokens_PL = shorten_tokens(self.module, tokens_PL, self._text_length)
        return encode_text(self.module, tokens_PL)

    def blocks(self) -> list[torch.nn.Module]:
        return list_blocks(self.module)

    def depth_groups(self) -> dict[str, list[list[str]]]:
        return group_by_depth(self.module)

    def set_gradient_checkpointing(self, enabled: bool) -> None:
        set_gradient_checkpointing(self.module, enabled)

    def check_image_size(self, size: tuple[int, int]) -> None:
        check_image_size(self.module, size)

    def set_patch_dropout(self, fraction: float) -> None:
        set_patch_dropout(self.module, fraction)

    def set_text_length(self, length: int | None) -> None:
        if length is not None and length < self.context_length:
            check_text_length(self.module)
        self._text_length = length

    def add_projector(self) -> None:
        self._widened = widen_projection(self.module, self._seed)

    def rare_words(self, count: int) -> list[str]:
        return find_rare_words(self.tokenizer, count)

    @torch.no_grad()
    def clamp_logit_scale(self, largest: float) -> None:
        self.module.logit_scale.clamp_(0, math.log(largest))

    def save(self, folder: Path, card: Mapping[str, Any]) -> None:
        """Saves the model, weights in half precision and without shared tensors; each file is replaced atomically."""
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: _convert(tensor) for name, tensor in self.module.state_dict().items()}
        weights = {name: tensor.contiguous() for name, tensor in narrow_projection(weights, self._widened).items()}
        with open_replacement(folder / SAFETENSORS, "wb") as handle:
            handle.write(to_safetensors(weights, metadata={"format": "pt"}))
        with open_replacement(folder / CONFIG) as handle:
            json.dump(self.config, handle, indent=2)
        card = {**card, PREFIX: self.text_prefix} if self.text_prefix else dict(card)
        if card:
            with open_replacement(folder / CARD) as handle:
                json.dump(card, handle, indent=2, ensure_ascii=False)
        if hasattr(getattr(self.tokenizer, "tokenizer", None), "save_pretrained"):  # Hugging Face tokenizers
            self.tokenizer.tokenizer.save_pretrained(folder)


def _convert(tensor: torch.Tensor) -> torch.Tensor:
    """Copies a tensor to the CPU in half precision; in its own, if half precision would overflow."""
    whole = tensor.detach().to("cpu", copy=True)
    half = whole.half() if whole.is_floating_point() else whole
    return half if bool(half.isfinite().all()) else whole


def make_trainable(
    model: str | Mapping[str, Any],
    device: torch.device,
    seed: int,
    *,
    image_size: int | None = None,
) -> TrainableOpenClip:
    """Makes a trainable model from the name of an existing one or from a description.

    A description is open_clip's model_cfg (embed_dim, vision_cfg, text_cfg, …), optionally with `preprocess` (size, mean, std,
    interpolation, resize_mode) beside it; the defaults are open_clip's.
    image_size: the side of the images, if it shall be another one than the model's; position embeddings are interpolated.

    Raises ModelError if the model cannot be loaded, or if open_clip rejects the description.
    """
    size = (image_size, image_size) if image_size else None
    return (
        _create_from_scratch(model, device, seed, size)
        if isinstance(model, Mapping)
        else _create_from_model(locate(model), device, seed, size)
    )


def _create_from_scratch(
    description: Mapping[str, Any], device: torch.device, seed: int, image_size: tuple[int, int] | None
) -> TrainableOpenClip:
    preprocess = description.get("preprocess") or {}
    if not isinstance(preprocess, Mapping):
        raise ModelError(f"model: preprocess: expected a mapping, got {preprocess!r:.80}")
    config: dict[str, Any] = {
        "model_cfg": {key: value for key, value in description.items() if key != "preprocess"},
        "preprocess_cfg": dict(preprocess),
    }
    check_config(config, "model")
    check_size(config["model_cfg"], "model")
    if image_size:
        config["model_cfg"] = _with_image_size(config["model_cfg"], image_size)
        config["preprocess_cfg"]["size"] = list(image_size)
    check_library(config["model_cfg"], "model")
    options = make_tokenizer_options(config["model_cfg"])
    with tempfile.TemporaryDirectory() as folder, _silence_open_clip(), torch.random.fork_rng(devices=[]):
        Path(folder, CONFIG).write_text(json.dumps(config), "utf-8")
        torch.manual_seed(seed)
        try:
            module = open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False)
            tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}", **options)
        except Exception as problem:  # open_clip passes descriptions to constructors, which raise anything
            reason = explain_load_error(problem)
            raise ModelError(f"model: open_clip cannot create it from this description: {reason}") from problem
    config["preprocess_cfg"] = _get_preprocessing(module)
    if image_size:
        check_image_size(module, image_size, saved=True)
    return TrainableOpenClip(module, tokenizer, config, device, seed)


def _with_image_size(model_cfg: Mapping[str, Any], image_size: tuple[int, int]) -> dict[str, Any]:
    height, width = image_size
    size = height if height == width else [height, width]
    return {**model_cfg, "vision_cfg": {**model_cfg["vision_cfg"], "image_size": size}}


def _create_from_model(
    located: Located, device: torch.device, seed: int, image_size: tuple[int, int] | None
) -> TrainableOpenClip:
    reference = f"local-dir:{located.folder}" if located.folder else located.architecture
    tag = None if located.folder or located.tag == "random" else located.tag or None
    quick_gelu = tag is not None and wants_quick_gelu(located.architecture, tag)
    if located.folder:
        model_cfg = read_config(located.folder, located.name)["model_cfg"]
    else:
        model_cfg = open_clip.get_model_config(located.architecture) or {}  # an unknown one is reported below
    check_library(model_cfg, located.name)
    with _silence_open_clip(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            module = open_clip.create_model(reference, pretrained=tag, force_quick_gelu=quick_gelu)
            tokenizer = open_clip.get_tokenizer(reference, **make_tokenizer_options(model_cfg))
        except Exception as problem:
            raise ModelError(f"the model {located.name} cannot be loaded: {explain_load_error(problem)}") from problem
    if located.folder:
        check_numbers(module, located.folder, located.name)
    model_cfg |= {"quick_gelu": True} if quick_gelu else {}
    config = {"model_cfg": model_cfg, "preprocess_cfg": _get_preprocessing(module)}
    if image_size:
        resize_image_tower(module, image_size)
        config["model_cfg"] = _with_image_size(model_cfg, image_size)
        config["preprocess_cfg"]["size"] = list(image_size)
    return TrainableOpenClip(module, tokenizer, config, device, seed)


def _get_preprocessing(module: Any) -> dict[str, Any]:
    configured = dict(open_clip.get_model_preprocess_cfg(module))
    defaults = {"interpolation": "bicubic", "resize_mode": "shortest", "fill_color": 0}
    mean, std = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
    return {
        "mean": mean,
        "std": std,
        **defaults,
        **{key: value for key, value in configured.items() if value is not None},
    }


@contextmanager
def _silence_open_clip() -> Iterator[None]:
    """Disables logging, since open_clip logs to the root logger and warns of the intended random weights."""
    previous = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(previous)
