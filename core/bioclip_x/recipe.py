"""What to do, in one frozen record: defaults < recipe file < `--plugin` patches in order < flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


class Recipe(BaseModel):
    """A classification, complete. Every output carries the recipe that it came from.

    model, encoder, text, scorer and head have no default here: the installed plugins declare them, and `resolve_recipe`
    fills them in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: str = Field(description="an alias, NAME/PRETRAINED, hf-hub:ORG/NAME[@REVISION] or local-dir:PATH")
    encoder: Ref = Field(description="the family of models that `model` belongs to")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps")
    precision: Literal["auto", "fp32", "fp16", "bf16"] = Field(
        "auto", description="auto: fp16 on a GPU, fp32 elsewhere"
    )
    bank_precision: Literal["fp32", "fp16"] = Field(
        "fp32", description="of the embedded texts in products with pictures; fp16 takes half the memory"
    )
    preprocess: Literal["model", "pybioclip"] = Field(
        "model", description="how pictures are resized: as the model's configuration says, or as pybioclip does"
    )
    taxonomy: Path | None = Field(None, description="a file; none takes the model's own")
    taxonomy_format: str | None = Field(None, description="a reader's name; none looks at the content")
    dag: Literal["refuse", "first", "all"] | None = Field(
        None, description="a node with several parents: an error, its first parent, or a copy under each"
    )
    labels: Labels | None = Field(None, description="plain labels instead of a taxonomy")
    subset: Terms = Field(
        (), description="a part of the classes: class=Insecta, family!=Apidae, a name, or a file of names"
    )
    text: Refs = Field(description="text builders; their prompts are pooled together")
    language: Annotated[str, BeforeValidator(parse_language)] = Field(
        "en", description="ISO 639-1 code of the common names"
    )
    descriptors: Path | None = Field(None, description="a descriptor file; none takes the model's own")
    missing: Literal["name", "error"] = Field(
        "name", description="a class without descriptors: use its name, or refuse"
    )
    scorer: Ref = Field(description="features to class scores")
    pooling: Literal["mean", "ensemble", "max"] = Field("mean", description="how a class's prompts are pooled")
    adjust: Adjustments = Field((), description="what is added to class scores: priors, a region's species list")
    head: Ref = Field(description="class scores to a decision on the tree")
    rank: str | None = Field(None, description="the rank to report; none takes the classes themselves")
    depth: Literal["auto"] | None = Field(
        None, description="auto: each name as deep down the tree as `accuracy` allows"
    )
    accuracy: float | None = Field(
        None, gt=0, lt=1, description="the part of the names that depth auto has right; none takes 0.95"
    )
    calibration: Literal["none", "auto"] | Path = Field(
        "none", description="a file that `bioclip-x calibrate` wrote; auto looks for the one kept for just this"
    )
    report_as: Path | None = Field(None, description="another taxonomy, under whose names is reported")
    k: int = Field(5, ge=1, description="predictions per picture")
    explain: bool = Field(True, description="whether each name is explained by the texts that made it")
    why_not: str | None = Field(
        None, description="a taxon that explanations compare with, by any of its names; none takes the second best"
    )
    heat_maps: bool = Field(False, description="where in the picture each prompt's similarity comes from")
    batch_size: int = Field(32, ge=1, description="pictures per batch")
    workers: int | None = Field(
        None, ge=1, description="threads that decode pictures; none takes one per core, at most 8"
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
