"""open_clip models, each with the preprocessing it was trained with."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import open_clip
import torch
from PIL.Image import Image

from bioclip_x.errors import ModelError
from bioclip_x.records import ImageFeatures, ModelCard
from bioclip_x_plugins.encoders.activation import wants_quick_gelu
from bioclip_x_plugins.encoders.context import encode_text
from bioclip_x_plugins.encoders.gate import Gate, features
from bioclip_x_plugins.encoders.locate import CARD, CONFIG, Located, locate
from bioclip_x_plugins.encoders.tokens import count_tokens
from bioclip_x_plugins.encoders.trainable import TrainableOpenClip, trainable

TEXT_BATCH: Final = 256


class OpenClip:
    """Any open_clip model: an alias, NAME/PRETRAINED, hf-hub:ORG/NAME[@REVISION] or local-dir:PATH."""

    def load(
        self, model: str, *, device: str = "auto", precision: str = "auto", cache_dir: Path | None = None
    ) -> LoadedOpenClip:
        """Raises ModelError, with what to do about it, where the model is not to be had or cannot be loaded."""
        located = locate(model, cache_dir)
        chosen = _device(device)
        half = "fp16" if chosen.type == "cuda" else "fp32"
        return LoadedOpenClip(located, chosen, half if precision == "auto" else precision, cache_dir)

    def trainable(self, model: str | Mapping[str, Any], *, device: str = "auto", seed: int = 0) -> TrainableOpenClip:
        """A model with gradients; see `encoders.trainable`."""
        return trainable(model, _device(device), seed)


class LoadedOpenClip:
    """A model on its device. See `components.LoadedEncoder`."""

    def __init__(self, located: Located, device: torch.device, precision: str, cache_dir: Path | None = None) -> None:
        self.device = device
        self.model, self.preprocess_val = _create(located, device, precision, cache_dir)
        self.tokenizer = open_clip.get_tokenizer(_reference(located))
        self.input_dtype = open_clip.get_input_dtype(precision) or torch.float32
        about = _card(located.folder)
        self.gate = Gate.load(located.folder, about["gate"]) if located.folder and "gate" in about else None
        self.card = _model_card(self.model, located, precision, self.tokenizer, about)

    def preprocess(self, image: Image) -> torch.Tensor:
        """float32 [3, H, W]."""
        pixels: torch.Tensor = self.preprocess_val(image)
        return pixels

    @torch.inference_mode()
    def encode_images(self, pixels_B3HW: torch.Tensor) -> ImageFeatures:
        """float32 [B, D] on the CPU, unit rows."""
        raw_BD = self.model.encode_image(pixels_B3HW.to(self.device, self.input_dtype)).float().cpu()
        unit_BD = torch.nn.functional.normalize(raw_BD, dim=-1)
        if self.gate is None:
            return ImageFeatures(unit_BD, ("",) * len(unit_BD))
        mean, std = (torch.tensor(self.card.preprocessing[key])[:, None, None] for key in ("mean", "std"))
        distance_B = self.gate.distance(features((pixels_B3HW * std + mean).clamp(0, 1), raw_BD))
        return ImageFeatures(unit_BD, self.gate.refusals(distance_B), distance_B.numpy())

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """float32 [len(texts), D] on the CPU, unit rows. Encoded by length, so that a batch has little padding."""
        tokens_PL = self.tokenizer(list(texts))
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        embeddings_PD = torch.empty(len(texts), self.card.dim)
        for start in range(0, len(order), TEXT_BATCH):
            rows = order[start : start + TEXT_BATCH]
            encoded = encode_text(self.model, tokens_PL[rows].to(self.device))
            embeddings_PD[rows] = torch.nn.functional.normalize(encoded.float(), dim=-1).cpu()
        return embeddings_PD

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, start and end included, before cutting."""
        return count_tokens(self.tokenizer, texts)


def _device(device: str) -> torch.device:
    if device != "auto":
        try:
            chosen = torch.device(device)
            torch.empty(1, device=chosen).cpu()
            return chosen
        except Exception as problem:  # torch raises RuntimeError, AssertionError, NotImplementedError, …
            reason = str(problem).splitlines()[0]
            raise ModelError(f"--device {device}: not to be had here: {reason}") from None
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _reference(located: Located) -> str:
    return f"local-dir:{located.folder}" if located.folder else located.architecture


def _create(located: Located, device: torch.device, precision: str, cache_dir: Path | None) -> tuple[Any, Any]:
    """The model in evaluation mode, and its validation preprocessing."""
    if located.folder:
        _check_config(located.folder, located.name)
    pretrained = None if located.folder or located.tag == "random" else located.tag
    _check_names(located, pretrained)
    previous = logging.root.manager.disable
    logging.disable(logging.ERROR)  # open_clip logs to the root logger, and reports what it also raises
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # NAME/random: random weights, for trying things, the same in every run
            model, _, preprocess = open_clip.create_model_and_transforms(
                _reference(located), pretrained=pretrained, precision=precision, device=device,
                force_quick_gelu=wants_quick_gelu(located.architecture, pretrained or ""),
                cache_dir=str(cache_dir) if cache_dir else None,
            )  # fmt: skip
    except Exception as problem:
        hint = (
            ". Offline? Fetch it once on a machine with a network (run the same command there) and copy its cache "
            "(~/.cache/huggingface) here"
            if pretrained
            else ""
        )
        raise ModelError(f"the model {located.name} cannot be loaded: {problem}{hint}") from problem
    finally:
        logging.disable(previous)
    return model.eval(), preprocess


def _check_config(folder: Path, name: str) -> None:
    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
    except ValueError as problem:
        raise ModelError(f"{name}: {folder / CONFIG} is not valid JSON: {problem}") from None
    missing = [key for key in ("model_cfg", "preprocess_cfg") if key not in config]
    if missing:
        raise ModelError(f"{name}: {folder / CONFIG} lacks {', '.join(missing)}; the preprocessing would be a guess")


def _check_names(located: Located, pretrained: str | None) -> None:
    if located.folder:
        return
    if located.architecture not in open_clip.list_models():
        raise ModelError(
            f"open_clip knows no architecture {located.architecture!r}; `open_clip.list_models()` lists them"
        )
    tags = open_clip.list_pretrained_tags_by_model(located.architecture)
    if pretrained and pretrained not in tags:
        known = ", ".join([*tags, "random"])
        raise ModelError(f"{located.architecture} has no weights called {pretrained!r}; known: {known}")


def _card(folder: Path | None) -> dict[str, Any]:
    if folder is None or not (folder / CARD).is_file():
        return {}
    try:
        card = json.loads((folder / CARD).read_text("utf-8"))
    except ValueError as problem:
        raise ModelError(f"{folder / CARD} is not valid JSON: {problem}") from None
    gate = card.get("gate", {"file": "", "refusal": ""}) if isinstance(card, dict) else None
    if not isinstance(gate, dict) or not gate.keys() >= {"file", "refusal"}:
        raise ModelError(f"{folder / CARD}: expected a mapping, its 'gate' (if any) with 'file' and 'refusal'")
    return dict(card)


def _model_card(model: Any, located: Located, precision: str, tokenizer: Any, about: dict[str, Any]) -> ModelCard:
    with torch.no_grad():
        bias = getattr(model, "logit_bias", None)
        dim = model.encode_text(torch.as_tensor(tokenizer(["."])).to(model.logit_scale.device)).shape[-1]
    beside = {key: (located.folder or Path()) / about[key] for key in ("taxonomy", "descriptors") if key in about}
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
        taxonomy=beside["taxonomy"].resolve() if "taxonomy" in beside else None,
        descriptors=beside["descriptors"].resolve() if "descriptors" in beside else None,
        preprocessing=dict(open_clip.get_model_preprocess_cfg(model)),
    )
