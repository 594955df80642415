"""Loads open_clip models with their preprocessing."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import open_clip
import torch
from PIL.Image import Image

from bioclip_x.plugin import (
    ImageFeatures,
    LoadedEncoderCapabilities,
    ModelCard,
    ModelError,
    PatchFeatures,
    open_tensors,
)
from bioclip_x_plugins.encoders.activation import wants_quick_gelu
from bioclip_x_plugins.encoders.config import check_library, explain_load_error, make_tokenizer_options, read_config
from bioclip_x_plugins.encoders.gate import Gate, compute_features
from bioclip_x_plugins.encoders.hub import SAFETENSORS
from bioclip_x_plugins.encoders.locate import Located, find_card_file, locate, read_card
from bioclip_x_plugins.encoders.patches import PatchTower
from bioclip_x_plugins.encoders.prefixes import encode_sharing
from bioclip_x_plugins.encoders.squash import SQUASHED, make_squash
from bioclip_x_plugins.encoders.tokens import PREFIX, add_prefix, count_tokens
from bioclip_x_plugins.encoders.towers import find_patch_tower

TEXT_BATCH: Final = 256


def load(model: str, name: str, device: str, precision: str, preprocess: str) -> LoadedOpenClip:
    """Implements `OpenClip.load`."""
    located = locate(model, name)
    chosen = pick_device(device)
    half = "fp16" if chosen.type == "cuda" else "fp32"
    return LoadedOpenClip(located, chosen, half if precision == "auto" else precision, preprocess)


class LoadedOpenClip:
    """A model on its device; see `components.PatchEncoder`."""

    def __init__(self, located: Located, device: torch.device, precision: str, preprocess: str) -> None:
        self.device = device
        model_cfg = _check_config(located)
        self.model, self.preprocess_val = _create_model(located, device, precision)
        self.tokenizer = make_tokenizer(_make_reference(located), model_cfg, located.name)
        self.input_dtype = open_clip.get_input_dtype(precision) or torch.float32
        about = read_card(located.folder)
        self.text_prefix: str = about.get(PREFIX, "")
        preprocessing = dict(open_clip.get_model_preprocess_cfg(self.model))
        if preprocess == "pybioclip":
            preprocessing |= SQUASHED
            self.preprocess_val = make_squash(preprocessing["size"], preprocessing["mean"], preprocessing["std"])
        self.card = _make_model_card(self.model, located, precision, self.tokenizer, about, preprocessing)
        has_gate = located.folder and "gate" in about
        self.gate = Gate.load(located.folder, about["gate"], self.card.dim) if located.folder and has_gate else None

    def preprocess(self, image: Image) -> torch.Tensor:
        """Converts an image to the model's input: float32 [3, H, W]."""
        pixels: torch.Tensor = self.preprocess_val(image)
        return pixels

    @torch.inference_mode()
    def encode_images(self, pixels_B3HW: torch.Tensor, *, normalise: bool = True) -> ImageFeatures:
        """Embeds images: float32 [B, D] on the CPU, unit rows if `normalise`."""
        raw_BD = self.model.encode_image(pixels_B3HW.to(self.device, self.input_dtype)).float().cpu()
        embeddings_BD = torch.nn.functional.normalize(raw_BD, dim=-1) if normalise else raw_BD
        if self.gate is None:
            return ImageFeatures(embeddings_BD, ("",) * len(embeddings_BD))
        mean, std = (torch.tensor(self.card.preprocessing[key])[:, None, None] for key in ("mean", "std"))
        distance_B = self.gate.compute_distance(compute_features((pixels_B3HW * std + mean).clamp(0, 1), raw_BD))
        return ImageFeatures(embeddings_BD, self.gate.find_refusals(distance_B))

    @cached_property
    def _patch_tower(self) -> PatchTower | str:
        return find_patch_tower(self.model.visual)

    @property
    def capabilities(self) -> LoadedEncoderCapabilities:
        """Includes the reason why embeddings cannot be decomposed by patch, if any."""
        no_patches = self._patch_tower if isinstance(self._patch_tower, str) else ""
        return LoadedEncoderCapabilities(no_patches, device=str(self.device))

    @torch.inference_mode()
    def encode_patches(self, pixels_B3HW: torch.Tensor) -> PatchFeatures:
        """Computes each patch's part of the unit embedding. Raises ModelError if `capabilities.no_patches`."""
        if isinstance(self._patch_tower, str):
            raise ModelError(f"{self.card.name}: {self._patch_tower}")
        return self._patch_tower.encode(pixels_B3HW.to(self.device, self.input_dtype))

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str], *, normalise: bool = True) -> torch.Tensor:
        """Embeds texts: float32 [len(texts), D] on the CPU, unit rows if `normalise`. The card's prefix precedes each.

        Common prefixes of texts are computed once if the text tower allows it.
        """
        if not texts:
            return torch.empty(0, self.card.dim)
        tokens_PL = torch.as_tensor(self.tokenizer(add_prefix(self.text_prefix, texts)))
        raw_PD = encode_sharing(self.model, tokens_PL)
        if raw_PD is None:
            batches = (tokens_PL[start : start + TEXT_BATCH] for start in range(0, len(tokens_PL), TEXT_BATCH))
            raw_PD = torch.cat([self.model.encode_text(batch.to(self.device)) for batch in batches])
        raw_PD = raw_PD.float().cpu()
        return torch.nn.functional.normalize(raw_PD, dim=-1) if normalise else raw_PD

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Counts the tokens of each text before truncation, including start and end tokens."""
        return count_tokens(self.tokenizer, add_prefix(self.text_prefix, texts))


def pick_device(device: str) -> torch.device:
    if device != "auto":
        try:
            chosen = torch.device(device)
            torch.empty(1, device=chosen).cpu()
            return chosen
        except Exception as problem:  # torch raises RuntimeError, AssertionError, NotImplementedError, …
            reason = str(problem).splitlines()[0]
            raise ModelError(f"--device {device}: not available on this machine: {reason}") from None
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def make_tokenizer(reference: str, model_cfg: Mapping[str, Any], name: str) -> Any:
    """Makes the tokenizer of a model. Raises ModelError if its files are missing or damaged."""
    try:
        return open_clip.get_tokenizer(reference, **make_tokenizer_options(model_cfg))
    except Exception as problem:  # tokenizers raises bare Exceptions
        raise ModelError(f"the tokenizer of {name} cannot be loaded: {explain_load_error(problem)}") from problem


@torch.no_grad()
def check_numbers(model: torch.nn.Module, folder: Path, name: str) -> None:
    """Raises ModelError for weights that are NaN, infinite, or of another type than floating point.

    folder: that the model has been loaded from.
    """
    for key, tensor in model.state_dict().items():
        if tensor.is_floating_point() and tensor.numel() and not all(one.isfinite() for one in tensor.aminmax()):
            raise ModelError(f"{name}: {key} in the weights of {folder} has NaN or infinity; get the model again")
    if not (folder / SAFETENSORS).exists():
        return
    floating = {key for key, tensor in model.named_parameters() if tensor.is_floating_point()}
    with open_tensors(folder / SAFETENSORS, ModelError) as file:
        for key in floating.intersection(file.keys()):
            if "F" not in (kind := file.get_slice(key).get_dtype()):
                raise ModelError(
                    f"{name}: {key} in {folder / SAFETENSORS} is of the type {kind}; expected floating point"
                )


def _make_reference(located: Located) -> str:
    return f"local-dir:{located.folder}" if located.folder else located.architecture


def _create_model(located: Located, device: torch.device, precision: str) -> tuple[Any, Any]:
    """Creates the model in evaluation mode, and its validation preprocessing."""
    pretrained = None if located.folder or located.tag == "random" else located.tag
    _check_names(located, pretrained)
    previous = logging.root.manager.disable
    logging.disable(logging.ERROR)  # open_clip logs errors to the root logger that it also raises
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # NAME/random has random weights, equal in every run
            model, _, preprocess = open_clip.create_model_and_transforms(
                _make_reference(located), pretrained=pretrained, precision=precision, device=device,
                force_quick_gelu=wants_quick_gelu(located.architecture, pretrained or ""),
            )  # fmt: skip
    except Exception as problem:
        hint = (
            ". Offline? Run the same command on a machine with network access and copy its cache "
            "(~/.cache/huggingface) here"
            if pretrained
            else ""
        )
        place = f" from {located.folder}" if located.folder else ""
        reason = explain_load_error(problem)
        raise ModelError(f"the model {located.name} cannot be loaded{place}: {reason}{hint}") from problem
    finally:
        logging.disable(previous)
    if located.folder:
        check_numbers(model, located.folder, located.name)
    return model.eval(), preprocess


def _check_config(located: Located) -> dict[str, Any]:
    """Returns the model's open_clip configuration. Raises ModelError if it is unsafe, or needs a missing library."""
    if located.folder:
        model_cfg: dict[str, Any] = read_config(located.folder, located.name)["model_cfg"]
    else:
        model_cfg = open_clip.get_model_config(located.architecture) or {}  # an unknown one is reported below
    check_library(model_cfg, located.name)
    return model_cfg


def _check_names(located: Located, pretrained: str | None) -> None:
    if located.folder:
        return
    if located.architecture not in open_clip.list_models():
        raise ModelError(
            f"open_clip has no architecture {located.architecture!r}; `open_clip.list_models()` lists them"
        )
    tags = open_clip.list_pretrained_tags_by_model(located.architecture)
    if pretrained and pretrained not in tags:
        known = ", ".join([*tags, "random"])
        raise ModelError(f"{located.architecture} has no weights called {pretrained!r}; known: {known}")


def _make_model_card(
    model: Any, located: Located, precision: str, tokenizer: Any, about: dict[str, Any], preprocessing: dict[str, Any]
) -> ModelCard:
    with torch.no_grad():
        bias = getattr(model, "logit_bias", None)
        dim = model.encode_text(torch.as_tensor(tokenizer(["."])).to(model.logit_scale.device)).shape[-1]
    return ModelCard(
        name=located.name,
        revision=located.revision,
        tokenizer=f"{type(tokenizer).__name__}/{getattr(tokenizer, 'context_length', '')}",
        precision=precision,
        dim=int(dim),
        logit_scale=float(model.logit_scale.detach().exp()),
        logit_bias=float(bias.detach()) if bias is not None else 0.0,
        context_length=int(getattr(tokenizer, "context_length", 77)),
        demo=about.get("demo", ""),
        descriptors=find_card_file(located.folder, about.get("descriptors"), located.root) if located.folder else None,
        preprocessing=preprocessing,
    )
