"""The configuration of a training run: one frozen record read from YAML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from bioclip_x.errors import RecipeError, TrainingError
from bioclip_x.io.files import read_yaml
from bioclip_x.options import ComponentRef, parse_ref
from bioclip_x.training.precision import Precision
from bioclip_x.validation import find_first_error

_STRICT = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

CHANGEABLE = ("epochs", "device", "precision", "workers", "threads", "output", "checkpoint_every", "keep", "card")
"""Fields that a resumed run may change, since they do not affect the result. Exceptions: `epochs` may only increase, and
`precision` is compared after "auto" is resolved."""
COMPARED_BY_CONTENT = ("taxonomy", "taxonomy_format", "descriptors")
"""Fields of which the content is compared (see `components.make_fingerprints`), not the path."""


def _parse_ref(value: Any) -> Any:
    try:
        return parse_ref(value)
    except RecipeError as problem:
        raise ValueError(str(problem)) from None


Ref = Annotated[ComponentRef, BeforeValidator(_parse_ref)]


class _WithComponent(BaseModel):
    """A component with a further number among its options: `{name: descriptors, style: bare, weight: 2}`."""

    model_config = _STRICT

    component: Ref

    @model_validator(mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or "component" in value:
            return value if isinstance(value, Mapping) else {"component": value}
        fields = {key: one for key, one in value.items() if key in cls.model_fields}
        return {"component": {key: one for key, one in value.items() if key not in fields}, **fields}


class Text(_WithComponent):
    weight: float = Field(1.0, gt=0, description="how often this kind of text is drawn, relative to the others")


class Data(_WithComponent):
    share: float | None = Field(None, gt=0, description="this data set's share of every epoch; give all or none")


class Augment(BaseModel):
    """Random augmentation of the training images."""

    model_config = _STRICT

    crop_scale: tuple[float, float] | None = Field(None, description="smallest and largest fraction of the area kept")
    crop_ratio: tuple[float, float] = Field((3 / 4, 4 / 3), description="range of a crop's ratio of width to height")
    horizontal_flip: float = Field(0.0, ge=0, le=1, description="probability of mirroring left to right")
    colour_jitter: float = Field(0.0, ge=0, lt=1, description="brightness, contrast, saturation vary by up to ± this")
    greyscale: float = Field(0.0, ge=0, le=1, description="probability of removing all colour")

    @model_validator(mode="after")
    def _check_ranges(self) -> Augment:
        if self.crop_scale and not 0 < self.crop_scale[0] <= self.crop_scale[1] <= 1:
            raise ValueError(f"crop_scale: expected 0 < smallest <= largest <= 1, got {list(self.crop_scale)}")
        if not 0 < self.crop_ratio[0] <= self.crop_ratio[1]:
            raise ValueError(f"crop_ratio: expected 0 < narrowest <= widest, got {list(self.crop_ratio)}")
        return self


def _make_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


Texts = Annotated[tuple[Text, ...], BeforeValidator(_make_list)]
Datas = Annotated[tuple[Data, ...], BeforeValidator(_make_list)]
Beta = Annotated[float, Field(ge=0, lt=1)]


class TrainConfig(BaseModel):
    """The settings of a training run. Relative paths are relative to the configuration file's folder (`base`)."""

    model_config = _STRICT

    model: str | dict[str, Any] = Field(
        description="a model to start from (alias, NAME/PRETRAINED, hf-hub:, local-dir:), or the description of a new one "
        "in the encoder's terms (open_clip: its model_cfg, and `preprocess` beside it)"
    )
    encoder: Ref | None = Field(None, description="the family of models that `model` belongs to; none: the default")
    taxonomy: Path = Field(description="the classes")
    taxonomy_format: str | None = Field(None, description="the taxonomy's reader; none: detected from the content")
    truncated: Literal["read", "refuse"] = Field(
        "read",
        description="image files that lack their end: read if three quarters are there, with a note, or unreadable",
    )
    descriptors: Path | None = Field(None, description="for text builders that read them")
    language: str = Field("en", description="ISO 639-1 code of the common names")
    text: Texts = Field(min_length=1, description="text builders; one is drawn per image, by weight")
    texts_per_picture: int = Field(1, ge=1, description="texts drawn for each image; a text may apply to several")
    own_text: float = Field(1.0, ge=0, le=1, description="probability of drawing an image's own text, if it has any")
    data: Datas = Field(min_length=1, description="data sets; batches mix them")
    loss: Ref | None = Field(None, description="what to minimise; none: the default")
    augment: Augment = Augment.model_validate({})

    epochs: int = Field(gt=0)
    batch_size: int = Field(gt=1, description="images per step; an incomplete last batch is dropped")
    learning_rate: float = Field(1e-3, gt=0, description="the maximum, after warm-up; then half a cosine down to 0")
    warmup_steps: int = Field(0, ge=0)
    weight_decay: float = Field(0.1, ge=0, description="of matrices; gains, biases and the logit scale do not decay")
    betas: tuple[Beta, Beta] = Field((0.9, 0.98), description="AdamW's")
    grad_clip: float | None = Field(1.0, gt=0, description="maximum norm of the gradient; null for none")
    max_logit_scale: float = Field(100.0, gt=1, description="upper bound of the logit scale, as for CLIP")
    seed: int = Field(0, ge=0, lt=2**63)

    precision: Precision = Field("auto", description="auto: bf16 where the hardware has it, else fp16 (GPU) or fp32")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps")
    workers: int | None = Field(None, ge=0, description="threads that decode images; none: one per core, at most 16")
    threads: int | None = Field(None, ge=1, description="torch's threads on a CPU; none: unchanged")
    output: Path = Field(Path("run"), description="the run's folder: checkpoints, log.jsonl, and at the end model/")
    checkpoint_every: int | None = Field(None, ge=1, description="steps between checkpoints, besides one per epoch")
    keep: int = Field(2, ge=1, description="number of newest checkpoints kept")
    card: dict[str, Any] = Field(
        {}, description="content of the model's bioclip_x.json: demo, taxonomy, descriptors, …"
    )
    base: Path = Field(Path(), exclude=True, description="the folder that relative paths are relative to")

    @model_validator(mode="after")
    def _check_shares(self) -> TrainConfig:
        given = sum(one.share is not None for one in self.data)
        if given not in (0, len(self.data)):
            raise ValueError(f"data: {given} of {len(self.data)} data sets have a share; give all of them one, or none")
        return self

    @field_validator("card")
    @classmethod
    def _check_card(cls, card: dict[str, Any]) -> dict[str, Any]:
        try:
            json.dumps(card, allow_nan=False)
        except (TypeError, ValueError) as problem:  # such as a date; otherwise found only when the model is saved
            raise ValueError(f"it cannot be written as JSON: {problem}; put such a value in quotes") from None
        return card

    @property
    def shares(self) -> tuple[float, ...] | None:
        return tuple(one.share or 0.0 for one in self.data) if self.data[0].share is not None else None

    def path(self, path: Path) -> Path:
        """Resolves a path of the configuration file."""
        return self.base / path.expanduser()


def read_config(
    file: Path, changes: Mapping[str, Any] | None = None, defaults: Mapping[str, Any] | None = None
) -> TrainConfig:
    """Reads a configuration file (YAML).

    changes: field → value, overriding the file; "augment.crop_scale" sets a nested field.
    defaults: field → value, for fields that the file does not set.

    Raises TrainingError naming the file and the field.
    """
    document = read_yaml(file, TrainingError)
    if not isinstance(document, dict):
        raise TrainingError(f"{file}: expected a mapping of fields, got {type(document).__name__}")
    document = dict(defaults or {}) | document
    for name, value in (changes or {}).items():
        _set_field(document, name, value)
    return make_config(document | {"base": file.parent}, str(file))


def make_config(fields: Mapping[str, Any], where: str = "the training configuration") -> TrainConfig:
    """Makes a configuration from plain values. Raises TrainingError naming the field."""
    try:
        return TrainConfig.model_validate(dict(fields))
    except ValidationError as problem:
        raise TrainingError(f"{where}: {find_first_error(problem, TrainConfig)}") from None


def _set_field(document: dict[str, Any], name: str, value: Any) -> None:
    *above, last = name.split(".")
    for part in above:
        nested = document.setdefault(part, {})
        if not isinstance(nested, dict):
            raise TrainingError(f"{name}: {part} is not a mapping, so it has no fields to set")
        document = nested
    document[last] = value
