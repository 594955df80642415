"""Checks open_clip_config.json before open_clip reads it: a model's folder may come from anybody.

open_clip passes what it finds there to constructors of its own, of timm and of transformers. Only the settings below pass,
and none of them can name code, or a file outside the folder.
"""

from __future__ import annotations

import importlib.util
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bioclip_x.plugin import ModelError, find_first_error
from bioclip_x_plugins.encoders.hub import CONFIG, SAFETENSORS

Size = int | Annotated[tuple[int, int], Field(strict=False)]
Floats = Annotated[tuple[float, ...], Field(strict=False)]
Stages = int | Annotated[tuple[int, int, int, int], Field(strict=False)]
# timm and transformers would take a name with a scheme or a path for a folder or another repository's files.
TimmName = Annotated[str, Field(pattern=r"^\w[\w.]*$")]
RepositoryName = Annotated[str, Field(pattern=r"^(\w[\w.-]*(/\w[\w.-]*)?)?$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, protected_namespaces=())


class _Activation(_Strict):
    approximate: Literal["none", "tanh"] = "none"


class _Norm(_Strict):
    eps: float = 1e-5
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

    width: int | None = None
    layers: Stages | None = None
    mlp_ratio: float | None = None
    ls_init_value: float | None = None
    final_ln_after_pool: bool | None = None
    pool_type: str | None = None
    output_tokens: bool | None = None
    act_kwargs: _Activation | None = None
    norm_kwargs: _Norm | None = None
    block_type: str | None = None
    qk_norm: bool | None = None
    scaled_cosine_attn: bool | None = None
    scale_heads: bool | None = None
    scale_attn_inner: bool | None = None
    scale_attn: bool | None = None
    scale_fc: bool | None = None


class _Vision(_Blocks):
    head_width: int | None = None
    patch_size: int | None = None
    image_size: Size | None = None
    patch_dropout: float | None = None
    attentional_pool: bool | None = None
    attn_pooler_queries: int | None = None
    attn_pooler_heads: int | None = None
    no_ln_pre: bool | None = None
    pos_embed_type: str | None = None
    timm_model_name: TimmName | None = None
    timm_model_pretrained: bool | None = None
    timm_pool: str | None = None
    timm_proj: str | None = None
    timm_proj_bias: bool | None = None
    timm_drop: float | None = None
    timm_drop_path: float | None = None


class _Text(_Blocks):
    context_length: int | None = None
    vocab_size: int | None = None
    hf_tokenizer_name: RepositoryName | None = None
    tokenizer_mode: Literal["", "clips"] | None = None
    tokenizer_kwargs: _TokenizerOptions | None = None
    heads: int | None = None
    embed_cls: bool | None = None
    pad_id: int | None = None
    eos_id: int | None = None
    no_causal_mask: bool | None = None
    proj_bias: bool | None = None
    proj_type: str | None = None
    hf_model_name: RepositoryName | None = None
    hf_model_pretrained: bool | None = None
    hf_proj_type: str | None = None
    hf_pooler_type: str | None = None


class _Multimodal(_Text):
    dim_head: int | None = None
    n_queries: int | None = None
    attn_pooler_heads: int | None = None


class _Model(_Strict):
    embed_dim: int
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
    mean: Floats | None = None
    std: Floats | None = None
    interpolation: str | None = None
    resize_mode: str | None = None
    fill_color: int | None = None


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
    try:
        document = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as problem:
        raise ModelError(f"{name}: {file} is not valid JSON: {problem}") from None
    return check_config(document, f"{name}: {file}")


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
    return str(problem)
