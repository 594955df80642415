"""The configuration of a data set: one frozen record read from YAML."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, field_validator, model_validator

from bioclip_x.config_file import STRICT, Ref, WithComponent, find_place, make_record, read_document, set_field
from bioclip_x.dataset.licences import OTHER, normalise_licence
from bioclip_x.errors import DatasetError
from bioclip_x.hooks.options import ComponentRef
from bioclip_x.io.paths import expand_home
from bioclip_x.limits import WORKERS

_NAME = re.compile(r"[\w][\w .+-]*")


class Source(WithComponent):
    """A source of images: `{name: inat21, root: inat21/, as: iNat21}`."""

    label: str = Field("", alias="as", description="its name in the catalogue; none: the component's")
    licence: str = Field("", description="of images for which it gives none")
    rights_holder: str = Field("", description="of images for which it gives none")

    @model_validator(mode="before")
    @classmethod
    def _refuse_license(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "license" in value:
            raise ValueError("license: this field is spelt licence")
        return value

    @property
    def name(self) -> str:
        return self.label or self.component.name


class RankedTaxonomy(BaseModel):
    """A taxonomy by which names are resolved: a path, or `{path: itis/, as: ITIS}`."""

    model_config = STRICT

    path: Path
    label: str = Field("", alias="as", description="its name in the catalogue; none: the file's")
    format: str | None = Field(None, description="its reader; none: detected from the content")

    @model_validator(mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return value if isinstance(value, Mapping) else {"path": value}

    @property
    def name(self) -> str:
        return self.label or self.path.name


class Names(BaseModel):
    """How names are resolved."""

    model_config = STRICT

    corrections: Path | None = Field(None, description="a review table that a person filled in")
    least: Literal["full", "partial"] = Field(
        "partial", description="full: use only images with all seven ranks; partial: and those identified no further"
    )
    ambiguous: Literal["refuse", "use"] = Field(
        "refuse", description="use: with the lineage that all the taxa share that the name may mean"
    )


class Licences(BaseModel):
    """Which licences permit the use of an image."""

    model_config = STRICT

    allow: tuple[str, ...] | None = Field(
        None, description="CC0-1.0, CC-BY, CC-BY-4.0, public domain, …; none: all but `all rights reserved`"
    )
    unknown: Literal["use", "refuse"] = Field("use", description="images without a licence, or with another text")

    @field_validator("allow")
    @classmethod
    def _normalise(cls, allow: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for text in allow or ():
            if normalise_licence(text) == OTHER and text != OTHER:
                raise ValueError(
                    f"{text!r} is no licence that is recognised; expected CC0-1.0, CC-BY-4.0, public domain, …"
                )
        return allow and tuple(text if text == OTHER else normalise_licence(text) for text in allow)


class HeldOut(BaseModel):
    """What must not be trained on."""

    model_config = STRICT

    species: Path | None = Field(None, description="a list of species; their synonyms are held out, too")
    images: Path | None = Field(None, description="a list of images of the sources: identifiers or paths, one per line")
    sources: tuple[Source, ...] = Field((), description="test sets: images like theirs are held out")
    similarity: float | None = Field(
        None, gt=0, le=1, description="cosine from which an image counts as a held-out one"
    )


class Semantic(BaseModel):
    """Semantic duplicates (SemDeDup, Abbas et al. 2023)."""

    model_config = STRICT

    epsilon: float = Field(0.05, gt=0, lt=1, description="images with a cosine above 1 - epsilon are duplicates")
    clusters: int | None = Field(None, ge=1, description="of k-means; none: the square root of the number of images")
    keep: Literal["far", "near", "order"] = Field(
        "far", description="which is kept: by its distance to the cluster's centroid, or as of other duplicates"
    )


def _make_semantic(value: Any) -> Any:
    return {} if value is True else None if value is False else value


class Duplicates(BaseModel):
    """Which images count as the same, so that one of them is used."""

    model_config = STRICT

    exact: bool = Field(True, description="files with the same bytes")
    perceptual: int | None = Field(4, ge=0, le=8, description="most bits of 64 by which perceptual hashes differ")
    semantic: Annotated[Semantic | None, BeforeValidator(_make_semantic)] = Field(
        None, description="true, or its settings: images with nearly the same embedding; needs `model`"
    )
    pictures: int = Field(60, ge=0, description="pairs shown on the page of what was judged the same")


class Captions(WithComponent):
    """Captions written by a model."""

    concurrency: int = Field(8, ge=1, description="images that are described at the same time")
    spacing: Literal["uniform", "quantile"] = Field(
        "uniform", description="of the bins: equal widths, or equal numbers"
    )
    bins: int = Field(0, ge=0, le=100, description="quality bins by the similarity of image and caption; needs `model`")
    fraction: float = Field(1.0, gt=0, le=1, description="of the images that get a caption")


class Images(BaseModel):
    """What is written of the images."""

    model_config = STRICT

    size: int | None = Field(
        None, ge=16, description="side in pixels that larger images are reduced to; none: as they are"
    )
    resize: Literal["shortest", "squash"] = Field(
        "shortest", description="shortest: the shorter side gets this size; squash: both do, as in TreeOfLife-10M"
    )
    quality: int = Field(90, ge=1, le=100, description="of JPEGs that are written anew")
    truncated: Literal["read", "refuse"] = Field("refuse", description="image files that lack their end")


class Shards(BaseModel):
    """The tar files."""

    model_config = STRICT

    images: int = Field(10_000, ge=1, description="in each but the last of a split")


class BuildConfig(BaseModel):
    """The settings of a data set. Relative paths are relative to the configuration file's folder (`base`)."""

    model_config = STRICT

    title: str = Field("", description="of the data card")
    sources: tuple[Source, ...] = Field(min_length=1, description="of two equal images, the first one's is kept")
    taxonomies: tuple[RankedTaxonomy, ...] = Field(min_length=1, description="in the order in which they are trusted")
    names: Names = Names.model_validate({})
    licences: Licences = Licences.model_validate({})
    held_out: HeldOut = HeldOut.model_validate({})
    duplicates: Duplicates = Duplicates.model_validate({})
    splits: dict[str, float] = Field({"val": 0.05}, description="parts of the images that are not for training")
    texts: dict[str, Ref] = Field({}, description="member of the shards → text builder, besides BioCLIP's ten members")
    captions: Captions | None = None
    images: Images = Images.model_validate({})
    shards: Shards = Shards.model_validate({})
    model: str | None = Field(None, description="embeds images, for semantic duplicates and quality bins")
    device: str = Field("auto", description="of the model: auto, cpu, cuda")
    seed: int = Field(0, ge=0, lt=2**63, description="of splits and of the order of the images")
    output: Path = Field(Path("dataset"), description="the folder of the data set")
    workers: int | None = Field(
        None, ge=0, le=WORKERS, description="processes that read images; none: one per core, at most 16"
    )
    memory: str = Field(
        "4GB", pattern=r"^\d+(\.\d+)?(MB|GB|TB)$", description="of the tables that are joined and sorted"
    )
    plugins: tuple[str, ...] = Field((), description="plugins to load: names, modules, or files (.py)")
    base: Path = Field(Path(), exclude=True, description="the folder that relative paths are relative to")

    @field_validator("splits")
    @classmethod
    def _check_splits(cls, splits: dict[str, float]) -> dict[str, float]:
        for name, part in splits.items():
            if not _NAME.fullmatch(name) or name == "train":
                raise ValueError(f"{name!r} cannot be the name of a split besides train")
            if not 0 <= part < 1:
                raise ValueError(f"{name}: expected a part from 0 to 1, got {part}")
        if sum(splits.values()) >= 1:
            raise ValueError(f"the parts add up to {sum(splits.values()):g}; nothing is left for training")
        return splits

    @field_validator("texts")
    @classmethod
    def _check_members(cls, texts: dict[str, ComponentRef]) -> dict[str, ComponentRef]:
        for name in texts:
            if not re.fullmatch(r"\w+", name):
                raise ValueError(f"{name!r}: expected letters, digits and _, of which the member {name}.txt is named")
        return texts

    @model_validator(mode="after")
    def _check_names(self) -> BuildConfig:
        for field, names in (
            ("sources", [one.name for one in (*self.sources, *self.held_out.sources)]),
            ("taxonomies", [one.name for one in self.taxonomies]),
        ):
            for name in names:
                if not _NAME.fullmatch(name):
                    raise ValueError(f"{field}: {name!r} cannot be a name; give another with `as`")
            if twice := [name for name in names if names.count(name) > 1]:
                raise ValueError(f"{field}: two are named {twice[0]!r}; tell them apart with `as`")
        needs_model = {
            "duplicates.semantic": self.duplicates.semantic,
            "held_out.similarity": self.held_out.similarity,
            "captions.bins": self.captions and self.captions.bins,
        }
        if self.model is None and (asking := [name for name, value in needs_model.items() if value]):
            raise ValueError(f"{asking[0]}: needs embeddings; name a `model`")
        return self

    def path(self, path: Path) -> Path:
        """Resolves a path of the configuration file."""
        return self.base / expand_home(path, DatasetError)


def read_config(file: Path, changes: Mapping[str, Any] | None = None) -> BuildConfig:
    """Reads a configuration file (YAML), which may extend another; see `config_file.read_document`.

    changes: field → value, overriding the file; "images.size" sets a nested field. Raises DatasetError naming the file, the
    line and the field.
    """
    document, origins = read_document(file, DatasetError)
    for name, value in (changes or {}).items():
        set_field(document, name, value, DatasetError)
        origins.pop(name.split(".")[0], None)
    # Absolute, so that what the stages keep holds wherever the next run is started.
    return make_config(
        document | {"base": file.parent.resolve()}, partial(find_place, file, origins, error=DatasetError)
    )


def make_config(
    fields: Mapping[str, Any], locate: Callable[[Sequence[str | int]], str] = lambda _: "the data set's configuration"
) -> BuildConfig:
    """Makes a configuration from plain values. locate: names where a value comes from. Raises DatasetError naming the field."""
    return make_record(BuildConfig, fields, locate, DatasetError)
