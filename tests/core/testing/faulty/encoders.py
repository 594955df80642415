"""Encoders, each with one fault: a model of four patches and single letters, and what is wrong with it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import normalize

from bioclip_x.plugin import (
    EncoderCapabilities,
    ImageFeatures,
    KnownModel,
    LoadedEncoderCapabilities,
    ModelCard,
    ModelError,
    PatchFeatures,
    TrainableEncoderCapabilities,
)

KIND = "encoders"
D, CONTEXT = 8, 16
calls = count()


class Module(nn.Module):
    """Embeds an image by the mean of its four patches, and a text by the mean of its letters."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Linear(48, 16)
        self.projection = nn.Linear(16, D, bias=False)
        self.second: nn.Linear | None = None
        self.words = nn.Embedding(300, D)
        self.logit_scale = nn.Parameter(torch.tensor(2.0))
        self.dropout, self.length = 0.0, CONTEXT

    def patches(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        """[B, 4, 16]"""
        return self.block(nn.functional.unfold(pixels_B3HW, 4, stride=4).transpose(1, 2))

    def embed_images(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        mean = self.patches(pixels_B3HW).mean(1)
        embedded = self.projection(mean)
        return embedded if self.second is None else torch.cat([embedded, self.second(mean)], 1)

    def embed_texts(self, tokens_PL: torch.Tensor) -> torch.Tensor:
        is_token = (tokens_PL > 0)[..., None]
        return (self.words(tokens_PL) * is_token).sum(1) / is_token.sum(1).clamp(min=1)


def tokenize(texts: Sequence[str]) -> torch.Tensor:
    rows = [[1, *(2 + byte for byte in text.encode())][:CONTEXT] for text in texts]
    return torch.tensor([row + [0] * (CONTEXT - len(row)) for row in rows], dtype=torch.int64).reshape(-1, CONTEXT)


def count_tokens(texts: Sequence[str]) -> list[int]:
    return [1 + len(text.encode()) for text in texts]


def preprocess(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.asarray(image.resize((8, 8)), np.float32) / 255).permute(2, 0, 1)


class Loaded:
    capabilities = LoadedEncoderCapabilities(no_patches="")

    def __init__(self, module: Module, name: str) -> None:
        self.module = module.eval()
        self.card = ModelCard(name, "1", "letters", "fp32", D, 10.0, 0.0, CONTEXT)

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        return preprocess(image)

    @torch.no_grad()
    def encode_images(self, pixels_B3HW: torch.Tensor, *, normalise: bool = True) -> ImageFeatures:
        embedded = self.module.embed_images(pixels_B3HW)
        return ImageFeatures(normalize(embedded, dim=1) if normalise else embedded, ("",) * len(embedded))

    @torch.no_grad()
    def encode_texts(self, texts: Sequence[str], *, normalise: bool = True) -> torch.Tensor:
        embedded = self.module.embed_texts(tokenize(texts))
        return normalize(embedded, dim=1) if normalise else embedded

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return count_tokens(texts)

    @torch.no_grad()
    def encode_patches(self, pixels_B3HW: torch.Tensor) -> PatchFeatures:
        parts = self.module.projection(self.module.patches(pixels_B3HW)) / 4
        parts = parts / parts.sum(1, keepdim=True).norm(dim=2, keepdim=True)
        return PatchFeatures(parts.unflatten(1, (2, 2)), "the mean is a sum of parts", True)


class Tokenizer:
    context_length = CONTEXT
    tokenize = staticmethod(tokenize)
    count_tokens = staticmethod(count_tokens)


class Trained:
    capabilities = TrainableEncoderCapabilities(True, True, True, True, True, True)
    device, embed_dim, image_size, context_length = torch.device("cpu"), D, (8, 8), CONTEXT
    mean, std, resize_mode, interpolation, logit_bias = (0.0,) * 3, (1.0,) * 3, "squash", "bicubic", None
    text_prefix = ""

    def __init__(self, module: Module) -> None:
        self.module = module

    @property
    def logit_scale(self) -> torch.Tensor:
        return self.module.logit_scale.exp()

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        return preprocess(image)

    def tokenize(self, texts: Sequence[str]) -> torch.Tensor:
        return tokenize(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return count_tokens(texts)

    def make_tokenizer(self) -> Any:
        return Tokenizer()

    def forward_image(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        return self.module.embed_images(pixels_B3HW)

    def forward_text(self, tokens_PL: torch.Tensor) -> torch.Tensor:
        return self.module.embed_texts(tokens_PL[:, : self.module.length])

    def clamp_logit_scale(self, largest: float) -> None:
        with torch.no_grad():
            self.module.logit_scale.clamp_(0, np.log(largest))

    def save(self, folder: Path, card: Mapping[str, Any]) -> None:
        folder.mkdir()
        torch.save(self.module.state_dict(), folder / "weights.pt")

    def blocks(self) -> Sequence[nn.Module]:
        return [self.module.block]

    def depth_groups(self) -> Mapping[str, Sequence[Sequence[str]]]:
        return {
            "image": [["block.weight", "block.bias"], ["projection.weight"]],
            "text": [["words.weight"]],
        }

    def set_gradient_checkpointing(self, enabled: bool) -> None:
        """Its activations are too few to be kept apart."""

    def add_projector(self) -> None:
        self.module.second = nn.Linear(16, D, bias=False)

    def check_image_size(self, size: tuple[int, int]) -> None:
        if size != self.image_size:
            raise ModelError(f"expected images of 8 x 8, got {size}")

    def set_patch_dropout(self, fraction: float) -> None:
        self.module.dropout = fraction

    def set_text_length(self, length: int | None) -> None:
        self.module.length = length or CONTEXT

    def rare_words(self, count: int) -> Sequence[str]:
        return ["q", "x", "z", "w"][:count]


class Right:
    """patches and letters"""

    capabilities = EncoderCapabilities(
        lists_models=True, brings_classes=True, brings_recipe=True, trains=True, raw_embeddings=True
    )
    of_loaded, of_trained = Loaded, Trained

    def load(self, model: str, *, name: str, device: str, precision: str, preprocess: str) -> Any:
        module = self.make(seed=0)
        if Path(model).is_dir():
            module.load_state_dict(torch.load(Path(model, "weights.pt")))
        elif model != "small":
            raise ModelError(f"there is no model {model}")
        return self.of_loaded(module, name)

    def make(self, seed: int) -> Module:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return Module()

    def known_models(self) -> Sequence[KnownModel]:
        return [
            KnownModel(name, name, "small", "a", D, 8, "squash", "MIT", "", True, None) for name in ("small", "other")
        ]

    def own_classes(self, model: str, *, name: str, embeddings: bool) -> Any:
        return None

    def own_recipe(self, model: str, *, name: str) -> Any:
        return None

    def trainable(self, model: Any, *, device: str, seed: int, image_size: int | None) -> Any:
        return self.of_trained(self.make(seed))


def with_loaded(**changes: Any) -> type:
    """Returns an encoder whose loaded model differs in some attributes."""
    return type("Faulty", (Right,), {"__doc__": "a fault", "of_loaded": type("FaultyModel", (Loaded,), changes)})


def with_trained(**changes: Any) -> type:
    return type("Faulty", (Right,), {"__doc__": "a fault", "of_trained": type("FaultyModel", (Trained,), changes)})


def encode_raw(self: Loaded, pixels_B3HW: torch.Tensor, *, normalise: bool = True) -> ImageFeatures:
    return Loaded.encode_images(self, pixels_B3HW, normalise=False)


def encode_unit(self: Loaded, pixels_B3HW: torch.Tensor, *, normalise: bool = True) -> ImageFeatures:
    return Loaded.encode_images(self, pixels_B3HW)


def encode_centred(self: Loaded, pixels_B3HW: torch.Tensor, *, normalise: bool = True) -> ImageFeatures:
    raw_BD = Loaded.encode_images(self, pixels_B3HW, normalise=False).embeddings_BD
    return ImageFeatures(normalize(raw_BD - raw_BD.mean(0) / 2, dim=1), ("",) * len(raw_BD))


def encode_with_dropout(self: Loaded, pixels_B3HW: torch.Tensor, *, normalise: bool = True) -> ImageFeatures:
    features = Loaded.encode_images(self, pixels_B3HW)
    return replace(features, embeddings_BD=normalize(nn.functional.dropout(features.embeddings_BD), dim=1))


def double_patches(self: Loaded, pixels_B3HW: torch.Tensor) -> PatchFeatures:
    patches = Loaded.encode_patches(self, pixels_B3HW)
    return replace(patches, parts_BhwD=patches.parts_BhwD * 2)


def preprocess_moodily(self: Loaded, image: Image.Image) -> torch.Tensor:
    return preprocess(image) + next(calls)


def count_truncated(self: Loaded, texts: Sequence[str]) -> list[int]:
    return [5 for _ in texts]


def encode_some_texts(self: Loaded, texts: Sequence[str], *, normalise: bool = True) -> torch.Tensor:
    return torch.cat([Loaded.encode_texts(self, [text]) for text in texts] or [torch.empty(0)])


class RefusesToSquash(Right):
    """declares a preprocessing that it does not have"""

    capabilities = EncoderCapabilities(preprocess=("model", "squash"))

    def load(self, model: str, *, name: str, device: str, precision: str, preprocess: str) -> Any:
        if preprocess != "model":
            raise ValueError(preprocess)
        return super().load(model, name=name, device=device, precision=precision, preprocess=preprocess)


class AnyModel(Right):
    """loads any model"""

    def load(self, model: str, *, name: str, device: str, precision: str, preprocess: str) -> Any:
        return Loaded(self.make(0), name)


class OneName(Right):
    """two models of one name"""

    def known_models(self) -> Sequence[KnownModel]:
        return [*super().known_models()][:1] * 2


class BringsText(Right):
    """a recipe as a text"""

    def own_recipe(self, model: str, *, name: str) -> Any:
        return "text: taxonomic"


class Unseeded(Right):
    """new weights that depend on the random state"""

    def trainable(self, model: Any, *, device: str, seed: int, image_size: int | None) -> Any:
        return Trained(Module())


def save_others(self: Trained, folder: Path, card: Mapping[str, Any]) -> None:
    folder.mkdir()
    torch.save(Module().state_dict(), folder / "weights.pt")


def embed_without_gradients(self: Trained, pixels_B3HW: torch.Tensor) -> torch.Tensor:
    return self.module.embed_images(pixels_B3HW).detach()


def embed_randomly(self: Trained, pixels_B3HW: torch.Tensor) -> torch.Tensor:
    return self.module.embed_images(pixels_B3HW) + torch.rand(D)


def embed_short_only(self: Trained, tokens_PL: torch.Tensor) -> torch.Tensor:
    return self.module.embed_texts(tokens_PL)[: self.module.length // 9]


RIGHT = (Right,)
FAULTY = {
    "the_card_describes_the_model": with_loaded(
        encode_texts=lambda self, texts, *, normalise=True: torch.eye(len(texts), D + 1)
    ),
    "embeddings_are_unit_rows": with_loaded(encode_images=encode_raw),
    "raw_embeddings_are_of_the_same_direction": with_loaded(encode_images=encode_unit),
    "patches_sum_to_the_image": with_loaded(encode_patches=double_patches),
    "images_do_not_affect_each_other": with_loaded(encode_images=encode_centred),
    "it_is_deterministic": with_loaded(encode_images=encode_with_dropout),
    "images_are_prepared_in_threads": with_loaded(preprocess=preprocess_moodily),
    "every_declared_preprocessing_works": RefusesToSquash,
    "unknown_models_are_told": AnyModel,
    "known_models_have_names": OneName,
    "what_models_bring_is_told": BringsText,
    "tokens_are_counted": with_loaded(count_tokens=count_truncated),
    "no_texts_give_no_rows": with_loaded(encode_texts=encode_some_texts),
    "trained_models_embed": with_trained(forward_image=embed_without_gradients),
    "pixels_are_of_the_declared_size": with_trained(image_size=(16, 16)),
    "its_tokenizer_can_be_sent": with_trained(make_tokenizer=lambda self: lambda texts: texts),
    "new_weights_depend_on_the_seed": Unseeded,
    "saved_models_load": with_trained(save=save_others),
    "the_logit_scale_is_clamped": with_trained(clamp_logit_scale=lambda self, largest: None),
    "depth_groups_hold_every_parameter": with_trained(depth_groups=lambda self: {"image": [["block.weight"]]}),
    "blocks_are_modules": with_trained(blocks=lambda self: [nn.Linear(1, 1)]),
    "checkpointing_changes_nothing": with_trained(forward_image=embed_randomly),
    "a_projector_doubles_the_embedding": with_trained(add_projector=lambda self: None),
    "inputs_can_be_changed": with_trained(forward_text=embed_short_only),
    "rare_words_are_of_one_token": with_trained(rare_words=lambda self, count: ["quagga", "zebu", "kiwi", "emu"]),
}


def make_given(folder: Path, target: type) -> dict[str, Any]:
    return {"examples": {"model": "small", "description": {"layers": 1}}}
