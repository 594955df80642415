"""The configuration of a training run: one frozen record read from YAML."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, field_validator, model_validator

from bioclip_x.config_file import STRICT, Ref, WithComponent, find_place, make_record, read_document, set_field
from bioclip_x.errors import TrainingError
from bioclip_x.io.paths import expand_home
from bioclip_x.limits import (
    BATCH_IMAGES,
    EPOCHS,
    LARGEST_RATE,
    MODEL_IMAGE_SIDE,
    STEPS,
    TEXTS_PER_IMAGE,
    TRAINING_PROCESSES,
)
from bioclip_x.renamed_names import rename_keys
from bioclip_x.training.compute.precision import Precision

CHANGEABLE = (
    "epochs", "device", "precision", "workers", "threads", "output", "checkpoint_every", "keep", "card", "validation",
    "callbacks", "plugins", "accumulate", "compile", "gradient_checkpointing", "shard",
)  # fmt: skip
"""Fields that a resumed run may change, since they do not affect the result, or its rounding only. Exceptions: `epochs` may
only increase, and `precision` is compared after "auto" is resolved."""
COMPARED_BY_CONTENT = ("taxonomy", "taxonomy_format", "descriptors")
"""Fields of which the content is compared (see `components.make_fingerprints`), not the path."""


class Text(WithComponent):
    weight: float = Field(
        1.0, gt=0, le=LARGEST_RATE, description="how often this kind of text is drawn, relative to the others"
    )


class Data(WithComponent):
    share: float | None = Field(
        None, gt=0, le=LARGEST_RATE, description="this data set's share of every epoch; give all or none"
    )
    balance: float = Field(0.0, ge=0, le=1, description="0: classes as frequent as they are; 1: all equally frequent")
    prefix: str = Field("", description="put before every text of this data set (Saito et al. 2023)")
    source: str = Field("", description="a name by which a loss can be bound to this data set")


def _make_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


Texts = Annotated[tuple[Text, ...], BeforeValidator(_make_list), Field(min_length=1)]
Datas = Annotated[tuple[Data, ...], BeforeValidator(_make_list), Field(min_length=1)]


class LossTerm(WithComponent):
    """One loss of a weighted sum."""

    weight: float = Field(1.0, gt=0, le=LARGEST_RATE)
    learning_rate: float | None = Field(
        None, gt=0, le=LARGEST_RATE, description="of the loss's own parameters; none: the run's"
    )
    source: str | None = Field(None, description="only images of the data sets with this `source`; none: all")
    projector: bool = Field(False, description="embed its images by a projector of their own (BioCLIP 2's replay)")
    label: str = Field("", description="the loss's name in logs; none: the component's")


class Lock(BaseModel):
    """How many of a tower's last groups of layers are trained: 0 locks it (LiT), none trains all."""

    model_config = STRICT

    image_groups: int | None = Field(None, ge=0)
    text_groups: int | None = Field(None, ge=0)


class Phase(BaseModel):
    """A part of the run with smaller inputs (CLIPA). What follows the last phase has those of the run."""

    model_config = STRICT

    until: float = Field(gt=0, lt=1, description="fraction of the run's steps at which the phase ends")
    image_size: int | None = Field(
        None, ge=1, le=MODEL_IMAGE_SIDE, description="side of the images in pixels; none: the run's"
    )
    patch_dropout: float = Field(0.0, ge=0, lt=1, description="fraction of each image's patches left out")
    text_length: int | None = Field(None, ge=2, description="tokens that texts are cut to; none: the run's")


class Validation(BaseModel):
    """Zero-shot evaluation during training."""

    model_config = STRICT

    data: Datas
    every_epochs: int | None = Field(1, ge=1, description="null: only `every_steps`, and at the end of the run")
    every_steps: int | None = Field(None, ge=1, description="besides that at the ends of epochs")
    text: Texts | None = Field(None, description="text builders; none: those of the training, pooled per class")
    metric: str | None = Field(
        None, description="by which the best checkpoint is chosen; none: the accuracy of the classes (`species_top1`)"
    )


class Augment(BaseModel):
    """Random augmentation of the training images."""

    model_config = STRICT

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


Losses = Annotated[tuple[LossTerm, ...], BeforeValidator(_make_list)]
Refs = Annotated[tuple[Ref, ...], BeforeValidator(_make_list)]
Beta = Annotated[float, Field(ge=0, lt=1)]


class TrainConfig(BaseModel):
    """The settings of a training run. Relative paths are relative to the configuration file's folder (`base`)."""

    model_config = STRICT

    model: str | dict[str, Any] = Field(
        description="a model to start from (alias, NAME/PRETRAINED, hf-hub:, local-dir:), or the description of a new one "
        "in the encoder's terms (open_clip: its model_cfg, and `preprocess` beside it)"
    )
    encoder: Ref | None = Field(None, description="the family of models that `model` belongs to; none: the default")
    image_size: int | None = Field(
        None, ge=1, le=MODEL_IMAGE_SIDE, description="side of the images in pixels, if other than the model's"
    )
    patch_dropout: float = Field(0.0, ge=0, lt=1, description="fraction of each image's patches left out (CLIPA)")
    text_length: int | None = Field(None, ge=2, description="tokens that texts are cut to (CLIPA); none: the context")
    phases: tuple[Phase, ...] = Field((), description="parts of the run with smaller inputs, in order")
    lock: Lock = Lock.model_validate({})
    adapter: Ref | None = Field(None, description="trains few parameters in place of all, such as `lora`")
    taxonomy: Path = Field(description="the classes")
    taxonomy_format: str | None = Field(None, description="the taxonomy's reader; none: detected from the content")
    truncated: Literal["read", "refuse"] = Field(
        "read",
        description="image files that lack their end: read if three quarters are there, with a note, or unreadable",
    )
    shrink_jpegs: bool = Field(
        False,
        description="decode JPEGs much larger than needed at 1/2, 1/4 or 1/8 of their size: faster, and nearly equal",
    )
    descriptors: Path | None = Field(None, description="for text builders that read them")
    language: str = Field("en", description="ISO 639-1 code of the common names")
    text: Texts = Field(description="text builders; one is drawn per image, by weight")
    text_per: Literal["image", "batch"] = Field("image", description="whether the builder is drawn per image or batch")
    text_ranks: tuple[str, ...] = Field(
        (), description="draw for each image a text of its taxon at each of these ranks, for losses that contrast ranks"
    )
    texts_per_picture: int = Field(
        1, ge=1, le=TEXTS_PER_IMAGE, description="texts drawn for each image; a text may apply to several"
    )
    own_text: float = Field(1.0, ge=0, le=1, description="probability of drawing an image's own text, if it has any")
    data: Datas = Field(description="data sets; batches mix them")
    shuffle_shards: int = Field(
        16, ge=1, le=STEPS, description="shards of which the images are mixed, for data sets in shards"
    )
    loss: Losses = Field((), description="what to minimise: losses, whose weighted sum it is; none: the default")
    bank_precision: Literal["fp16", "fp32"] = Field("fp16", description="precision in which the class bank is kept")
    bank_every: int = Field(
        100, ge=1, le=STEPS, description="steps between refreshes of the class bank, for losses that need it"
    )
    augment: Augment = Augment.model_validate({})
    views: Augment | None = Field(None, description="augmentation of further views, for losses that contrast views")

    epochs: int = Field(gt=0, le=EPOCHS)
    batch_size: int = Field(
        gt=1, le=BATCH_IMAGES, description="images per step, over all processes; an incomplete last batch is dropped"
    )
    accumulate: int = Field(
        1, ge=1, le=BATCH_IMAGES, description="parts that a process's batch is computed in, to save memory"
    )
    learning_rate: float = Field(1e-3, gt=0, le=LARGEST_RATE, description="the maximum, after warm-up")
    warmup_steps: int = Field(0, ge=0, le=STEPS)
    schedule: Literal["cosine", "constant", "cooldown"] = Field(
        "cosine", description="after warm-up: half a cosine down to 0; constant; constant, then down to 0 at the end"
    )
    cooldown_steps: int = Field(0, ge=0, le=STEPS, description="the last steps of the schedule `cooldown`")
    cooldown_shape: Literal["linear", "sqrt"] = Field(
        "linear", description="falls as 1 - p or 1 - √p of its progress p"
    )
    layer_decay: float = Field(1.0, gt=0, le=1, description="factor on the learning rate per layer below the last")
    ema: float | None = Field(None, gt=0, lt=1, description="decay of an average of the weights, which is exported")
    probe_steps: int = Field(
        0,
        ge=0,
        le=STEPS,
        description="first steps, in which only the losses' own parameters, or the projections, are trained",
    )
    probe_learning_rate: float | None = Field(
        None, gt=0, le=LARGEST_RATE, description="of these steps; none: the run's"
    )
    weight_decay: float = Field(
        0.1, ge=0, le=LARGEST_RATE, description="of matrices; gains, biases and the logit scale do not decay"
    )
    betas: tuple[Beta, Beta] = Field((0.9, 0.98), description="AdamW's")
    grad_clip: float | None = Field(1.0, gt=0, description="maximum norm of the gradient; null for none")
    max_logit_scale: float = Field(
        100.0, gt=1, le=LARGEST_RATE, description="upper bound of the logit scale, as for CLIP"
    )
    seed: int = Field(0, ge=0, lt=2**63)

    validation: Validation | None = None
    callbacks: Refs = Field((), description="components that follow the run, such as `tensorboard`")

    compile: bool = Field(False, description="compile the towers by torch.compile")
    gradient_checkpointing: bool = Field(False, description="recompute activations instead of keeping them")
    shard: Literal["none", "fsdp"] = Field("none", description="fsdp: spread parameters over the processes (FSDP2)")
    precision: Precision = Field("auto", description="auto: bf16 where the hardware has it, else fp16 (GPU) or fp32")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps")
    workers: int | None = Field(
        None, ge=0, le=TRAINING_PROCESSES, description="processes that make batches; none: one per core, at most 16"
    )
    threads: int | None = Field(
        None, ge=1, le=TRAINING_PROCESSES, description="torch's threads on a CPU; none: unchanged"
    )
    output: Path = Field(Path("run"), description="the run's folder: checkpoints, log.jsonl, and at the end model/")
    checkpoint_every: int | None = Field(
        None, ge=1, le=STEPS, description="steps between checkpoints, besides one per epoch"
    )
    keep: int = Field(2, ge=1, le=STEPS, description="number of newest checkpoints kept")
    card: dict[str, Any] = Field(
        {}, description="content of the model's bioclip_x.json: demo, taxonomy, descriptors, …"
    )
    plugins: tuple[str, ...] = Field((), description="plugins to load: names, modules, or files (.py)")
    base: Path = Field(Path(), exclude=True, description="the folder that relative paths are relative to")

    @model_validator(mode="after")
    def _check_shares(self) -> TrainConfig:
        given = sum(one.share is not None for one in self.data)
        if given not in (0, len(self.data)):
            raise ValueError(f"data: {given} of {len(self.data)} data sets have a share; give all of them one, or none")
        return self

    @model_validator(mode="after")
    def _check_ways(self) -> TrainConfig:
        if self.schedule == "cooldown" and not self.cooldown_steps:
            raise ValueError("cooldown_steps: the schedule `cooldown` needs the number of its last steps")
        if self.probe_steps and self.shard != "none":
            raise ValueError("probe_steps: parameters that are sharded cannot be unlocked later; set shard: none")
        if self.ema and self.shard != "none":
            raise ValueError("ema: the average is of whole weights; set shard: none")
        ends = [phase.until for phase in self.phases]
        if ends != sorted(set(ends)):
            raise ValueError(f"phases: each must end later than the one before, got until: {ends}")
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
        return self.base / expand_home(path, TrainingError)


def read_config(
    file: Path, changes: Mapping[str, Any] | None = None, defaults: Mapping[str, Any] | None = None
) -> TrainConfig:
    """Reads a configuration file (YAML).

    `extends: other.yaml` in it names a file, relative to it, whose fields apply where it does not set them itself. Relative
    paths in both are relative to the folder of `file`.

    changes: field → value, overriding the file; "augment.crop_scale" sets a nested field.
    defaults: field → value, for fields that the file does not set.

    Raises TrainingError naming the file, the line and the field.
    """
    document, origins = read_document(file, TrainingError, _rename_fields)
    if "base" in document or "base" in (changes or {}):
        raise TrainingError(f"{file}: no field is called 'base': paths are relative to the folder of the configuration")
    document = dict(defaults or {}) | document
    for name, value in _rename_fields(changes or {}).items():
        set_field(document, name, value, TrainingError)
        origins.pop(name.split(".")[0], None)
    locate = partial(find_place, file, origins, error=TrainingError)
    return make_config(document | {"base": file.parent}, locate=locate)


def make_config(
    fields: Mapping[str, Any], locate: Callable[[Sequence[str | int]], str] = lambda _: "the training configuration"
) -> TrainConfig:
    """Makes a configuration from plain values.

    locate: names where a value comes from, which keys and indices lead to.

    Raises TrainingError naming the field.
    """
    return make_record(TrainConfig, _rename_fields(fields), locate, TrainingError)


def _rename_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Returns fields under their present names. Raises TrainingError for a name that is no longer accepted."""
    return rename_keys("train", fields, error=TrainingError)
