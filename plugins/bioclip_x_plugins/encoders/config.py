"""Checks open_clip_config.json before open_clip reads it: a model's folder may come from anybody.

open_clip passes what it finds there to constructors of its own, of timm and of transformers. Only the settings below pass,
and none of them can name code, or a file outside the folder.
"""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bioclip_x.plugin import (
    MODEL_DOCUMENT_BYTES,
    MODEL_IMAGE_SIDE,
    MODEL_LAYERS,
    MODEL_PARAMETERS,
    MODEL_PATCHES,
    MODEL_TOKENS,
    MODEL_VOCABULARY,
    MODEL_WIDTH,
    ModelError,
    find_first_error,
    read_yaml,
)
from bioclip_x_plugins.encoders.hub import CONFIG, PICKLE, SAFETENSORS

LONGEST: Final = 600
"""Characters of a library's reason in a message."""

Side = Annotated[int, Field(ge=1, le=MODEL_IMAGE_SIDE)]
Size = Side | Annotated[tuple[Side, Side], Field(strict=False)]
Colour = Annotated[float, Field(ge=-1000, le=1000)]
Deviation = Annotated[float, Field(ge=1e-6, le=1000)]
Layers = Annotated[int, Field(ge=1, le=MODEL_LAYERS)]
Stages = Layers | Annotated[tuple[Layers, Layers, Layers, Layers], Field(strict=False)]
Width = Annotated[int, Field(ge=1, le=MODEL_WIDTH)]
Fraction = Annotated[float, Field(ge=0, le=1)]
# timm and transformers would take a name with a scheme or a path for a folder or another repository's files.
TimmName = Annotated[str, Field(pattern=r"^\w[\w.]*$")]
RepositoryName = Annotated[str, Field(pattern=r"^(\w[\w.-]*(/\w[\w.-]*)?)?$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, protected_namespaces=(), allow_inf_nan=False)


class _Activation(_Strict):
    approximate: Literal["none", "tanh"] = "none"


class _Norm(_Strict):
    eps: float = Field(1e-5, gt=0, le=1)
    elementwise_affine: bool = True
    bias: bool = True


class _TokenizerOptions(_Strict):
    clean: Literal["canonicalize", "lower", "whitespace"] | None = None
    strip_sep_token: bool | None = None
    language: str | None = None
    reduction_mask: Literal["", "simple", "random", "shuffle", "syntax"] | None = None
    additional_special_tokens: list[str] | None = None
    use_fast: bool | None = None
    legacy: bool | None = None
    add_bos_token: bool | None = None
    add_eos_token: bool | None = None
    add_prefix_space: bool | None = None
    padding_side: Literal["left", "right"] | None = None
    model_max_length: int | None = None


class _Blocks(_Strict):
    """What vision and text transformers have in common."""

    width: Width | None = None
    layers: Stages | None = None
    mlp_ratio: float | None = Field(None, gt=0, le=100)
    ls_init_value: float | None = None
    final_ln_after_pool: bool | None = None
    pool_type: Literal["tok", "avg", "none", "first", "last", "argmax", "eos"] | None = None
    output_tokens: bool | None = None
    act_kwargs: _Activation | None = None
    norm_kwargs: _Norm | None = None
    block_type: Literal["default", "custom"] | None = None
    qk_norm: bool | None = None
    scaled_cosine_attn: bool | None = None
    scale_heads: bool | None = None
    scale_attn_inner: bool | None = None
    scale_attn: bool | None = None
    scale_fc: bool | None = None


class _Vision(_Blocks):
    head_width: Width | None = None
    patch_size: Side | None = None
    image_size: Size | None = None
    patch_dropout: float | None = Field(None, ge=0, lt=1)
    attentional_pool: bool | None = None
    attn_pooler_queries: int | None = Field(None, ge=1, le=MODEL_TOKENS)
    attn_pooler_heads: Width | None = None
    no_ln_pre: bool | None = None
    pos_embed_type: Literal["learnable", "sin_cos_2d"] | None = None
    timm_model_name: TimmName | None = None
    timm_model_pretrained: bool | None = None
    timm_pool: str | None = None
    timm_proj: str | None = None
    timm_proj_bias: bool | None = None
    timm_drop: Fraction | None = None
    timm_drop_path: Fraction | None = None


class _Text(_Blocks):
    context_length: int | None = Field(None, ge=3, le=MODEL_TOKENS)
    vocab_size: int | None = Field(None, ge=1, le=MODEL_VOCABULARY)
    hf_tokenizer_name: RepositoryName | None = None
    tokenizer_mode: Literal["", "clips"] | None = None
    tokenizer_kwargs: _TokenizerOptions | None = None
    heads: Width | None = None
    embed_cls: bool | None = None
    pad_id: int | None = Field(None, ge=-1, le=MODEL_VOCABULARY)
    eos_id: int | None = Field(None, ge=0, le=MODEL_VOCABULARY)
    no_causal_mask: bool | None = None
    proj_bias: bool | None = None
    proj_type: Literal["linear", "none"] | None = None
    hf_model_name: RepositoryName | None = None
    hf_model_pretrained: bool | None = None
    hf_proj_type: str | None = None
    hf_pooler_type: str | None = None


class _Multimodal(_Text):
    dim_head: Width | None = None
    n_queries: int | None = Field(None, ge=1, le=MODEL_TOKENS)
    attn_pooler_heads: Width | None = None


class _Model(_Strict):
    embed_dim: Width
    vision_cfg: _Vision
    text_cfg: _Text
    multimodal_cfg: _Multimodal | None = None
    quick_gelu: bool | None = None
    custom_text: bool | None = None
    init_logit_scale: float | None = None
    init_logit_bias: float | None = None
    nonscalar_logit_scale: bool | None = None
    output_dict: bool | None = None
    pad_id: int | None = None


class _Preprocessing(_Strict):
    size: Size | None = None
    mode: Literal["RGB"] | None = None
    mean: Annotated[tuple[Colour, Colour, Colour], Field(strict=False)] | None = None
    std: Annotated[tuple[Deviation, Deviation, Deviation], Field(strict=False)] | None = None
    interpolation: Literal["bicubic", "bilinear", "random"] | None = None
    resize_mode: Literal["shortest", "longest", "squash"] | None = None
    fill_color: int | None = Field(None, ge=0, le=255)


class Config(BaseModel):
    """open_clip_config.json. What stands beside the two mappings is not read by open_clip."""

    model_config = ConfigDict(strict=True, protected_namespaces=())

    model_cfg: _Model
    preprocess_cfg: _Preprocessing


NO_TRANSFORMERS: Final = (
    "its tokenizer comes from the library transformers, which is not installed; run: pip install 'bioclip-x[hf]'"
)


def read_config(folder: Path, name: str) -> dict[str, Any]:
    """Reads and checks the configuration in a model's folder. Raises ModelError as `check_config`."""
    file = folder / CONFIG
    config = check_config(read_yaml(file, ModelError, most=MODEL_DOCUMENT_BYTES), f"{name}: {file}")
    weights = next(one for one in (folder / SAFETENSORS, folder / PICKLE) if one.exists())
    check_size(config["model_cfg"], f"{name}: {file}", weights)
    return config


def check_size(model_cfg: Mapping[str, Any], where: str, weights: Path | None = None) -> None:
    """Raises ModelError for a model that cannot be: before open_clip makes it, which takes memory for each of its parameters.

    weights: its file of weights, which has at least a byte for each parameter; None for a model that is made anew.
    """
    vision, text = model_cfg["vision_cfg"], model_cfg["text_cfg"]
    size, patch = vision.get("image_size") or 224, vision.get("patch_size") or 16
    height, width = (size, size) if isinstance(size, int) else size
    if not vision.get("timm_model_name") and not isinstance(vision.get("layers"), list):
        if height < patch or width < patch:
            raise ModelError(
                f"{where}: vision_cfg: images of {height} x {width} pixels have no patch of {patch} pixels"
            )
        if (patches := (height // patch) * (width // patch)) > MODEL_PATCHES:
            raise ModelError(f"{where}: vision_cfg: {patches:,} patches an image; expected at most {MODEL_PATCHES:,}")
    number = count_parameters(vision, text)
    if weights is None and number > MODEL_PARAMETERS:
        raise ModelError(f"{where}: a model of over {number:,} parameters; expected at most {MODEL_PARAMETERS:,}")
    if weights is not None and number > weights.stat().st_size:
        raise ModelError(
            f"{where}: a model of over {number:,} parameters, but its weights, {weights}, have {weights.stat().st_size:,} bytes; "
            "the configuration is of another model, or one of the files is damaged"
        )


def count_parameters(vision: Mapping[str, Any], text: Mapping[str, Any]) -> int:
    """Returns a lower bound of the parameters of a model's open_clip towers: of timm's and transformers', 0.

    A transformer of width w has in each layer 4 w² parameters of attention and 2 m w² of its perceptron, m = mlp_ratio; a
    ResNet of width w in its last stage convolutions of 8 w channels, each 9 · (8 w)².
    """
    number = 0
    layers: Any
    if not vision.get("timm_model_name"):
        layers, width = vision.get("layers") or 12, vision.get("width") or 768
        is_resnet = isinstance(layers, list)
        number += (
            layers[-1] * 9 * (8 * width) ** 2 if is_resnet else _count_layers(layers, width, vision.get("mlp_ratio"))
        )
    if not text.get("hf_model_name"):
        layers, width = text.get("layers") or 12, text.get("width") or 512
        number += _count_layers(layers, width, text.get("mlp_ratio")) + (text.get("vocab_size") or 49408) * width
    return number


def _count_layers(layers: int, width: int, mlp_ratio: float | None) -> int:
    return layers * (4 * width**2 + 2 * width * int(width * (mlp_ratio or 4)))


def check_config(document: Any, where: str) -> dict[str, Any]:
    """Returns a configuration, unchanged. Raises ModelError for anything but known settings with values of their type."""
    missing = [key for key in ("model_cfg", "preprocess_cfg") if isinstance(document, dict) and key not in document]
    if missing:
        raise ModelError(f"{where} lacks {', '.join(missing)}; the preprocessing would be a guess")
    try:
        Config.model_validate(document)
    except ValidationError as problem:
        reason = "only known settings pass, since others could run code or read other files"
        raise ModelError(f"{where}: {find_first_error(problem, Config, 'setting')}; {reason}") from None
    named = document["model_cfg"]["text_cfg"].get("hf_model_name")
    if named and Path(named).exists():
        raise ModelError(
            f"{where}: model_cfg.text_cfg.hf_model_name: {named!r} is a path here; expected a name on the hub"
        )
    return dict(document)


def check_library(model_cfg: Mapping[str, Any], name: str) -> None:
    """Raises ModelError if a model's tokenizer or text tower needs the library transformers, and it is missing."""
    if uses_transformers(model_cfg) and importlib.util.find_spec("transformers") is None:
        raise ModelError(f"{name}: {NO_TRANSFORMERS}")


def uses_transformers(model_cfg: Mapping[str, Any]) -> bool:
    text = model_cfg.get("text_cfg") or {}
    return bool(text.get("hf_tokenizer_name") or text.get("hf_model_name"))


def make_tokenizer_options(model_cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Returns arguments of `open_clip.get_tokenizer`: transformers would otherwise offer to run a tokenizer's own code."""
    return {"trust_remote_code": False} if (model_cfg.get("text_cfg") or {}).get("hf_tokenizer_name") else {}


def explain_load_error(problem: Exception) -> str:
    """Returns the reason why a model cannot be loaded; torch's advice for pickles would be to run their code."""
    if isinstance(problem, pickle.UnpicklingError) or "weights_only" in str(problem):
        return (
            "its weights are a pickle that would have to run code, which is refused; get them as safetensors, or convert them "
            f"to {SAFETENSORS} on a machine where you trust them"
        )
    reason = " ".join(str(problem).split())  # torch lists every tensor in a line of its own
    return (f"{reason[:LONGEST]} …" if len(reason) > LONGEST else reason) or type(problem).__name__
