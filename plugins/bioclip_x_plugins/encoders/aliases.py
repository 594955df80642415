"""Reads models.yaml: the models that have a short name, and their inputs. Strictly validated, and light to import."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bioclip_x.plugin import ModelError, find_first_error

Three = Annotated[tuple[float, float, float], Field(strict=False)]
Texts = Annotated[tuple[str, ...], Field(strict=False)]
Url = Annotated[str, Field(pattern=r"^https://\S+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, str_min_length=1)


class ImageFacts(_Strict):
    """Preprocessing of images, from the checkpoint's configuration, and that of the training images."""

    size: int = Field(gt=0)
    resize: Literal["shortest", "squash", "longest"]
    interpolation: Literal["bicubic", "bilinear"]
    mean: Three
    std: Three
    trained_with: str
    evidence: str


class TextFacts(_Strict):
    """Tokenisation of texts, and the forms of names used in training (as names of text builders)."""

    tokenizer: str
    context_length: int = Field(gt=0)
    forms: Texts
    caption: str = Field(pattern=r"\{name\}")
    evidence: str


class ClassesFacts(_Strict):
    """A published list of names and their embeddings. text, text_with_common: see `records.OwnClasses`."""

    dataset: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = Field(pattern="^[0-9a-f]{40}$")
    names: str = Field(pattern=r"\.json$")
    embeddings: str = Field(pattern=r"\.npy$")
    about: str
    rows: int | None = None
    licence: str
    text: str = Field(pattern=r"\{lineage\}")
    text_with_common: str = Field(pattern=r"\{lineage\}.*\{common\}")
    evidence: str
    caveats: Texts = ()


class Alias(_Strict):
    """One model. Fields that the folder of a `package:` model provides may be omitted."""

    source: str = Field(pattern=r"^(hf-hub:[\w.-]+/[\w.-]+|package:[\w.]+/\w+)$")
    summary: str
    architecture: str | None = None
    dim: int | None = None
    download: str | None = None
    licence: str
    starts_from: str | None = None
    trained_on: str
    paper: Url | None = None
    image: ImageFacts | None = None
    text: TextFacts | None = None
    classes: ClassesFacts | None = None
    caveats: Texts = ()
    sources: dict[str, Url] = {}

    @model_validator(mode="after")
    def _check_complete(self) -> Alias:
        required = ("architecture", "dim", "download", "image", "text", "sources")
        missing = [name for name in required if not getattr(self, name)]
        if self.source.startswith("hf-hub:") and missing:
            raise ValueError(f"lacks {', '.join(missing)}")
        return self


@cache
def read_aliases() -> dict[str, Alias]:
    """Returns alias → facts, in the file's order."""
    return check_aliases(yaml.safe_load(files(__package__).joinpath("models.yaml").read_text("utf-8")))


def check_aliases(document: dict[str, Any]) -> dict[str, Alias]:
    """Validates the file's content. Raises ModelError naming alias and field."""
    aliases = {}
    for name, facts in document.items():
        try:
            aliases[name] = Alias.model_validate(facts)
        except ValidationError as problem:
            raise ModelError(f"models.yaml, {name}: {find_first_error(problem, Alias)}") from None
    return aliases


def find_alias(model: str) -> Alias | None:
    """Returns the alias of a model's short name, with or without a revision, or of its full hf-hub: name."""
    name = model.partition("@")[0]
    return read_aliases().get(name) or next((one for one in read_aliases().values() if one.source == name), None)
