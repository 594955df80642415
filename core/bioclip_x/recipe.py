"""What to do, in one frozen record: defaults < recipe file < `--plugin` patches in order < flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bioclip_x.components import Kind
from bioclip_x.options import ComponentRef, parse_ref


def parse_refs(value: Any) -> Any:
    many = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return tuple(parse_ref(one) for one in many)


def parse_labels(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def parse_subset_terms(value: Any) -> Any:
    terms = (value,) if isinstance(value, str) else value
    if not terms:
        return terms
    from bioclip_x.taxonomy.editing.subset import parse_term  # numpy, which a recipe without a subset need not wait for

    for term in terms if isinstance(terms, Sequence) else ():
        if isinstance(term, str):
            parse_term(term)  # says at once what is wrong with it
    return terms


def parse_language(value: Any) -> Any:
    return value.strip().lower().replace("_", "-") if isinstance(value, str) else value


Ref = Annotated[ComponentRef, BeforeValidator(parse_ref)]
Refs = Annotated[tuple[ComponentRef, ...], BeforeValidator(parse_refs), Field(min_length=1)]
Adjustments = Annotated[tuple[ComponentRef, ...], BeforeValidator(parse_refs)]
Terms = Annotated[tuple[str, ...], BeforeValidator(parse_subset_terms)]
Labels = Annotated[tuple[str, ...], BeforeValidator(parse_labels), Field(min_length=1)]

COMPONENTS: Final[Mapping[str, Kind]] = {
    "encoder": "encoders", "text": "text_builders", "scorer": "scorers", "adjust": "adjust_logits", "head": "heads",
}  # fmt: skip
"""The fields that name components, and of which kind these are."""
REQUIRED: Final = ("encoder", "text", "scorer", "head")
"""Those of which a recipe has one at least."""
SEVERAL: Final = ("text", "adjust")
"""Those that name several."""
FILES: Final = ("taxonomy", "descriptors", "report_as")
"""The fields that are files."""


@dataclass(frozen=True, slots=True)
class Flag:
    """What the help of the command line shows of a field's flag, beside the description.

    metavar: what stands for the value; None takes the type's own word.
    default: what happens where nothing is given, if the field's default does not say it.
    listed: several values come as one, separated by commas; else the flag of a tuple is repeatable.
    """

    metavar: str | None = None
    default: str | None = None
    listed: bool = False


class Recipe(BaseModel):
    """A classification, complete. Every output carries the recipe that it came from.

    Each field is a flag of the command line (`bioclip_x.cli.flags`), and its description is the flag's help. model, encoder,
    text, scorer and head have no default here: the installed plugins declare them, and `resolve_recipe` fills them in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: Annotated[str, Flag("M")] = Field(
        description="An alias (field-guide, bioclip-2, …), NAME/PRETRAINED, hf-hub:ORG/NAME[@REVISION] or "
        "local-dir:PATH.",
    )
    encoder: Annotated[Ref, Flag("E")] = Field(description="The family of models that --model belongs to (open_clip).")
    device: Annotated[str, Flag("D")] = Field("auto", description="auto, cpu, cuda, cuda:1, mps.")
    precision: Literal["auto", "fp32", "fp16", "bf16"] = Field(
        "auto", description="auto: fp16 on a GPU, fp32 elsewhere."
    )
    bank_precision: Literal["fp32", "fp16"] = Field(
        "fp32", description="Of the embedded texts in products with images: fp16 takes half the memory."
    )
    preprocess: Literal["model", "pybioclip"] = Field(
        "model", description="Resize images as the model's configuration says, or as pybioclip does."
    )
    taxonomy: Annotated[Path | None, Flag("FILE", default="the model's own")] = Field(
        None, description="The classes: CSV, TSV, YAML or JSON."
    )
    taxonomy_format: Annotated[str | None, Flag("NAME", default="seen from the content")] = Field(
        None, description="The taxonomy's reader."
    )
    dag: Annotated[Literal["refuse", "first", "all"] | None, Flag(default="refuse")] = Field(
        None, description="A node with several parents: an error, its first parent, or a copy under each."
    )
    labels: Annotated[Labels | None, Flag("A,B,…|FILE", listed=True)] = Field(
        None, description="Plain labels instead of a taxonomy; in a file one a line."
    )
    subset: Annotated[Terms, Flag("PART")] = Field(
        (),
        description="A part of the classes: class=Insecta, genus=Quercus,Fagus, family!=Apidae (without), a name, or a "
        "file of names.",
    )
    text: Annotated[Refs, Flag("T")] = Field(
        description="Text builder (taxonomic, common, descriptors, …); the texts of several are pooled together.",
    )
    language: Annotated[str, BeforeValidator(parse_language), Flag("L")] = Field(
        "en", description="Language of common names, as an ISO 639-1 code (en, de, …)."
    )
    descriptors: Annotated[Path | None, Flag("FILE", default="the model's own")] = Field(
        None, description="Descriptors: our YAML, or CBD's JSON."
    )
    missing: Literal["name", "error"] = Field(
        "name", description="A class without descriptors: use its name, or refuse."
    )
    scorer: Annotated[Ref, Flag("S")] = Field(description="Features to class scores (text).")
    pooling: Annotated[Literal["mean", "ensemble", "max"], Flag(default="as the texts were published, else mean")] = (
        Field("mean", description="How a class's texts are pooled.")
    )
    adjust: Annotated[Adjustments, Flag("A")] = Field(
        (), description="What is added to class scores: priors, a region's species list (species-list:park.csv)."
    )
    head: Annotated[Ref, Flag("H")] = Field(description="Class scores to a decision on the tree (flat, rollup).")
    rank: Annotated[str | None, Flag("R", default="the classes themselves")] = Field(
        None, description="Report at this rank (family, …)."
    )
    depth: Literal["auto"] | None = Field(
        None,
        description="Name each image as deep down the tree as --accuracy allows; see `bioclip-x calibrate`.",
    )
    accuracy: Annotated[float | None, Flag("A", default="0.95")] = Field(
        None, gt=0, lt=1, description="The part of the names that --depth auto has right."
    )
    calibration: Annotated[Literal["none", "auto"] | Path, Flag("FILE|auto|none")] = Field(
        "none",
        description="What `bioclip-x calibrate` wrote; auto takes the one it kept for just this model, list and texts.",
    )
    report_as: Annotated[Path | None, Flag("FILE")] = Field(
        None, description="Report under the names and lineages of another taxonomy."
    )
    k: int = Field(5, ge=1, description="Predictions per image.")
    explain: bool = Field(True, description="Whether each name is explained, by the texts that made it.")
    why_not: Annotated[str | None, Flag("NAME")] = Field(
        None,
        description="Explain why not this taxon, of any rank and by any of its names, in place of the second best.",
    )
    heat_maps: bool = Field(
        False, description="Show where in the image each text's similarity comes from (vision transformers)."
    )
    batch_size: int = Field(32, ge=1, description="Images per batch.")
    workers: Annotated[int | None, Flag(default="one per core, at most 8")] = Field(
        None, ge=1, description="Threads that decode images."
    )

    def dump(self) -> dict[str, Any]:
        """Plain values, for outputs; `Recipe.model_validate` of it gives an equal recipe."""
        dumped = self.model_dump(mode="json")
        for name in COMPONENTS:
            value = getattr(self, name)
            dumped[name] = [_plain(ref) for ref in value] if name in SEVERAL else _plain(value)
        return dumped


def _plain(ref: ComponentRef) -> Any:
    if "name" in ref.options:  # an option of that name must not hide the component's
        return {"name": ref.name, "options": dict(ref.options)}
    return {"name": ref.name, **ref.options} if ref.options else ref.name
