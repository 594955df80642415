"""The recipe: all settings of a classification in one frozen record.

Precedence: defaults < recipe file < `--plugin` patches in order < flags.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from bioclip_x.hooks.components import Kind
from bioclip_x.hooks.options import ComponentRef, parse_ref
from bioclip_x.io.paths import check_path
from bioclip_x.limits import BATCH_SIZE, PREDICTIONS, WORKERS
from bioclip_x.validation import refuse_truth_value

MOST_FRAMES_ASKED: Final = 10_000
LEAST_STEP: Final = 0.001
LONGEST_STEP: Final = 86_400
"""Bounds of `frames`: a number per video, and seconds."""
_FRAMES: Final = re.compile(r"(\d{1,9})|(\d{1,9}(?:\.\d{1,9})?)\s*/\s*(\d{1,9}(?:\.\d{1,9})?)?\s*s", re.ASCII)


def parse_refs(value: Any) -> Any:
    many = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return tuple(parse_ref(one) for one in many)


def parse_labels(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def parse_subset_terms(value: Any) -> Any:
    terms = (value,) if isinstance(value, str) else value
    if not terms:
        return terms
    from bioclip_x.taxonomy.editing.subset import parse_term  # imports numpy, which only recipes with a subset need

    for term in terms if isinstance(terms, Sequence) else ():
        if isinstance(term, str):
            parse_term(term)  # raises for an invalid term
    return terms


def parse_plugins(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def parse_event(value: Any) -> Any:
    if isinstance(value, str):
        from bioclip_x.events.grouping import parse_grouping  # recipes without events need none of it

        parse_grouping(value)  # raises for what is none
    return value


def parse_language(value: Any) -> Any:
    return value.strip().lower().replace("_", "-") if isinstance(value, str) else value


def split_frames(text: str) -> tuple[int, None] | tuple[None, float]:
    """Returns the number of frames of each video, or the seconds from one to the next. Raises ValueError for another form.

    >>> split_frames("8"), split_frames("2/s"), split_frames("1/5s")
    ((8, None), (None, 0.5), (None, 5.0))
    """
    match = _FRAMES.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"expected frames per second such as 1/s, 2/s or 1/5s, or a number per video such as 8, got {text!r}"
        )
    if match[1]:
        if not 1 <= (number := int(match[1])) <= MOST_FRAMES_ASKED:
            raise ValueError(f"expected 1 to {MOST_FRAMES_ASKED:,} frames per video, got {text}")
        return number, None
    step = float(match[3] or 1) / float(match[2]) if float(match[2]) else math.inf
    if not LEAST_STEP <= step <= LONGEST_STEP:
        raise ValueError(f"expected {LEAST_STEP} to {LONGEST_STEP:,} seconds from one frame to the next, got {text}")
    return None, step


def parse_frames(value: Any) -> Any:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str):
        split_frames(text)
        return text.strip()
    return text


Ref = Annotated[ComponentRef, BeforeValidator(parse_ref)]
OptionalRef = Annotated[ComponentRef | None, BeforeValidator(lambda value: None if value is None else parse_ref(value))]
Refs = Annotated[tuple[ComponentRef, ...], BeforeValidator(parse_refs), Field(min_length=1)]
Adjustments = Annotated[tuple[ComponentRef, ...], BeforeValidator(parse_refs)]
Terms = Annotated[tuple[str, ...], BeforeValidator(parse_subset_terms)]
Labels = Annotated[tuple[str, ...], BeforeValidator(parse_labels), Field(min_length=1)]

FilePath = Annotated[Path, AfterValidator(check_path)]
Whole = Annotated[int, BeforeValidator(refuse_truth_value)]
Real = Annotated[float, BeforeValidator(refuse_truth_value)]

COMPONENTS: Final[Mapping[str, Kind]] = {
    "detector": "detectors", "encoder": "encoders", "text": "text_builders", "scorer": "scorers", "adjust": "adjust_logits",
    "head": "heads",
}  # fmt: skip
"""Fields that name components → the kind of these."""
ONLY_SPEED: Final = ("device", "batch_size", "workers")
"""Fields that may change when an interrupted run is resumed: after a lack of memory, or on another machine."""
REQUIRED: Final = ("encoder", "text", "scorer", "head")
"""Component fields that must have a value."""
SEVERAL: Final = ("text", "adjust")
"""Component fields that take several values."""
MODEL_FIELDS: Final = ("text", "language", "pooling", "scorer")
"""Fields that a model may bring."""
FILES: Final = ("boxes", "taxonomy", "descriptors", "report_as")
"""Fields that are file paths."""


@dataclass(frozen=True, slots=True)
class Flag:
    """How the command line's help shows a field's flag, in addition to the description.

    metavar: placeholder of the value; None uses that of the type.
    default: the behaviour without the flag, if the field's default does not show it.
    listed: several values are separated by commas; otherwise a tuple's flag is repeatable.
    """

    metavar: str | None = None
    default: str | None = None
    listed: bool = False


class Recipe(BaseModel):
    """All settings of a classification. Every output contains its recipe. Immutable, and can be pickled.

    Each field is a flag of the command line (`bioclip_x.cli.flags`), and its description is the flag's help; `plugins` is that
    of --plugin. model, encoder,
    text, scorer and head have no default here: installed plugins declare their defaults, and `resolve_recipe` adds them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    model: Annotated[str, Flag("M")] = Field(
        description="An alias (field-guide, bioclip-2, …), NAME/PRETRAINED, hf-hub:ORG/NAME[@REVISION] or "
        "local-dir:PATH; or an image classifier, onnx:FILE, timm:NAME[@LABELS].",
    )
    encoder: Annotated[Ref, Flag("E")] = Field(description="The family of models that --model belongs to (open_clip).")
    device: Annotated[str, Flag("D")] = Field("auto", description="auto, cpu, cuda, cuda:1, mps.")
    precision: Literal["auto", "fp32", "fp16", "bf16"] = Field(
        "auto", description="auto: fp16 on a GPU, fp32 elsewhere."
    )
    bank_precision: Literal["fp32", "fp16"] = Field(
        "fp32",
        description="Precision of the text embeddings: fp16 takes half the memory; used with more than 131,072 texts.",
    )
    preprocess: Literal["model", "pybioclip"] = Field(
        "model", description="Resize images as in the model's configuration, or as pybioclip does."
    )
    truncated: Literal["read", "refuse"] = Field(
        "read",
        description="Image files that lack their end: read if three quarters are there, with a note, or an error.",
    )
    full_decoding: bool = Field(
        False,
        description="Decode every pixel of large JPEGs; else those of at least four times the model's size are decoded at "
        "1/2, 1/4 or 1/8, which takes less time.",
    )
    detector: Annotated[OptionalRef, Flag("D", default="images are named as a whole")] = Field(
        None, description="Finds the organisms of an image, which are named one by one (boxes:file=detections.json)."
    )
    boxes: Annotated[FilePath | None, Flag("FILE")] = Field(
        None, description="Name what is in these boxes: MegaDetector's JSON, COCO, Camtrap DP, or a CSV."
    )
    box_confidence: Real = Field(
        0.2, ge=0, le=1, description="Boxes below this confidence of the detector are left out."
    )
    box_classes: Annotated[
        Annotated[tuple[str, ...], BeforeValidator(parse_labels)],
        Flag("A,B,…", listed=True, default="all but person and vehicle"),
    ] = Field((), description="The detector's classes whose boxes are named; others are reported by their class.")
    box_padding: Real = Field(
        0.0, ge=0, le=2, description="Surroundings on each side of a box, as a fraction of its longer side."
    )
    box_crop: Literal["square", "stretch"] = Field(
        "square", description="A square around the box, with more of its surroundings, or the box made square."
    )
    mask: Literal["keep", "grey", "blur", "pool"] = Field(
        "keep",
        description="With masks: what is outside is kept, grey or blurred, or its patches are left out when the model pools "
        "them (models that average over patches).",
    )
    event_by: Annotated[str | None, BeforeValidator(parse_event), Flag("folder|column:NAME|60s")] = Field(
        None,
        description="One decision for the images of an event: those of a folder, with the same value in a column, or each "
        "taken at most so many seconds after the one before by the same camera.",
    )
    event_pooling: Literal["product", "mean"] = Field(
        "product", description="How the images of an event are pooled: log-probabilities averaged, or probabilities."
    )
    frames: Annotated[
        Annotated[str | None, BeforeValidator(parse_frames)], Flag("N/s|N", default="videos are errors")
    ] = Field(
        None,
        description="Frames of videos to classify: per second (1/s, 2/s, 1/5s), or a number of each video (8).",
    )
    taxonomy: Annotated[FilePath | None, Flag("FILE", default="the model's own")] = Field(
        None, description="The classes: CSV, TSV, YAML or JSON."
    )
    taxonomy_format: Annotated[str | None, Flag("NAME", default="detected from the content")] = Field(
        None, description="The taxonomy's reader."
    )
    dag: Annotated[Literal["refuse", "first", "all"] | None, Flag(default="refuse")] = Field(
        None, description="A node with several parents: an error, its first parent, or a copy under each."
    )
    labels: Annotated[Labels | None, Flag("A,B,…|FILE", listed=True)] = Field(
        None, description="Plain labels instead of a taxonomy; in a file, one per line."
    )
    subset: Annotated[Terms, Flag("PART")] = Field(
        (),
        description="Subset of the classes: class=Insecta, genus=Quercus,Fagus, family!=Apidae (exclude), a name, or a "
        "file of names.",
    )
    beside: Annotated[Annotated[tuple[str, ...], BeforeValidator(parse_labels)], Flag("A,B,…", listed=True)] = Field(
        (),
        description="Labels that stand beside the taxonomy, as alternatives to all of its taxa: blank,human,vehicle.",
    )
    text: Annotated[Refs, Flag("T")] = Field(
        description="Text builder (taxonomic, common, descriptors, …); the texts of several are pooled together.",
    )
    language: Annotated[str, BeforeValidator(parse_language), Flag("L")] = Field(
        "en", description="Language of common names, as an ISO 639-1 code (en, de, …)."
    )
    descriptors: Annotated[FilePath | None, Flag("FILE", default="the model's own")] = Field(
        None, description="Descriptors: bioclip-x YAML, or CBD's JSON."
    )
    missing: Literal["name", "error"] = Field(
        "name", description="A class without descriptors: use its name, or raise an error."
    )
    scorer: Annotated[Ref, Flag("S")] = Field(description="Computes class scores from image features (text).")
    pooling: Annotated[Literal["mean", "ensemble", "max"], Flag(default="as the texts were published, else mean")] = (
        Field("mean", description="How a class's texts are pooled.")
    )
    adjust: Annotated[Adjustments, Flag("A")] = Field(
        (), description="Priors added to class scores, such as a region's species list (species-list:park.csv)."
    )
    head: Annotated[Ref, Flag("H")] = Field(description="Decides on the tree from class scores (flat, rollup).")
    rank: Annotated[str | None, Flag("R", default="the classes themselves")] = Field(
        None, description="Report at this rank (family, …)."
    )
    depth: Literal["auto"] | None = Field(
        None,
        description="Name each image as deep in the tree as --accuracy allows; see `bioclip-x calibrate`.",
    )
    accuracy: Annotated[Real | None, Flag("A", default="0.95")] = Field(
        None, gt=0, lt=1, description="The fraction of names that --depth auto gets right."
    )
    calibration: Annotated[Literal["none", "auto"] | FilePath, Flag("FILE|auto|none")] = Field(
        "none",
        description="Output of `bioclip-x calibrate`; auto uses the one stored for this model, class list and texts.",
    )
    report_as: Annotated[FilePath | None, Flag("FILE")] = Field(
        None, description="Report under the names and lineages of another taxonomy."
    )
    k: Whole = Field(5, ge=1, le=PREDICTIONS, description="Predictions per image.")
    explain: bool = Field(True, description="Whether each name is explained by the texts that contributed to it.")
    why_not: Annotated[str | None, Flag("NAME")] = Field(
        None,
        description="Explain why not this taxon (any rank, any of its names) instead of the second best.",
    )
    heat_maps: bool = Field(
        False, description="Show where in the image each text's similarity comes from (vision transformers)."
    )
    batch_size: Whole = Field(32, ge=1, le=BATCH_SIZE, description="Images per batch.")
    workers: Annotated[Whole | None, Flag(default="one per core, at most 8")] = Field(
        None, ge=1, le=WORKERS, description="Threads that decode images."
    )

    plugins: Annotated[tuple[str, ...], BeforeValidator(parse_plugins)] = Field(
        (), description="Plugins that are switched on: installed names, modules, or files (.py)."
    )

    def list_components(self) -> list[tuple[str, Kind, ComponentRef]]:
        """Lists the components that the recipe names, with their fields and kinds."""
        values = {field: getattr(self, field) for field in COMPONENTS}
        refs = {field: value if field in SEVERAL else (value,) for field, value in values.items() if value is not None}
        return [(field, COMPONENTS[field], ref) for field, several in refs.items() for ref in several]

    def dump(self) -> dict[str, Any]:
        """Returns plain values for outputs; `Recipe.model_validate` restores an equal recipe from them."""
        dumped = self.model_dump(mode="json")
        for name in COMPONENTS:
            value = getattr(self, name)
            dumped[name] = [_dump_ref(ref) for ref in value] if name in SEVERAL else _dump_ref(value)
        return dumped


def _dump_ref(ref: ComponentRef | None) -> Any:
    if ref is None:
        return None
    if "name" in ref.options:  # an option called "name" must not hide the component's name
        return {"name": ref.name, "options": dict(ref.options)}
    return {"name": ref.name, **ref.options} if ref.options else ref.name
