"""A table of a paper as a file: what is evaluated, with which texts, and the values that were published.

Built-in tables are the files of benchmarks/papers. An installed package has them as data of the package of prompts.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bioclip_x.errors import EvaluationError
from bioclip_x.io.files import read_yaml
from bioclip_x.validation import list_errors

PACKAGE: Final = "bioclip_x_prompts"
FOLDER: Final = "papers"

MeasureName = Literal["top-1", "top-5"]
Published = dict[MeasureName, float]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class DataRow(_Part):
    """A data set of the table. reader: a data set by name, with options; its option root is `folder` in the user's folder.

    recipe: fields for this data set. models: model → fields for this data set with that model.
    missing: why it cannot be run, "" if it can.
    """

    reader: str = ""
    folder: str = ""
    recipe: dict[str, Any] = {}
    models: dict[str, dict[str, Any]] = {}
    missing: str = ""


class ModelRow(_Part):
    """A model of the table. model: as for `--model`. missing: why there are no weights, "" if there are."""

    model: str = ""
    recipe: dict[str, Any] = {}
    missing: str = ""


class MethodRow(_Part):
    """What is done with a model on a data set. recipe: fields. shots, folds: of a few-shot evaluation; 0 for zero-shot.

    differs: how our texts or procedure differ from the paper's, "" if they do not.
    missing: why it cannot be run, "" if it can.
    """

    recipe: dict[str, Any] = {}
    shots: int = Field(0, ge=0)
    folds: int = Field(0, ge=0)
    differs: str = ""
    missing: str = ""


class PaperTable(_Part):
    """One table. paper: authors, title, venue. source: where the values were read, with the number of the table and the URL.

    recipe: fields of the classification recipe for all rows; those of a method, a model, a data set, and a data set with a
    model replace them, in this order. Files are relative to the user's folder. files: such a file → where to get it.
    seeds: number of seeds for random texts. mean: whether the table has the mean over its data sets.
    published: method → model → data set → percent, top-1 or by measure. "mean" is the published mean over the data sets.
    not_found: what the paper publishes but could not be read at a source, and is therefore left out here.
    """

    title: str
    paper: str
    source: str
    notes: tuple[str, ...] = ()
    not_found: tuple[str, ...] = ()
    recipe: dict[str, Any] = {}
    files: dict[str, str] = {}
    seeds: int | None = Field(None, ge=1)
    mean: bool = False
    data: dict[str, DataRow] = Field(min_length=1)
    models: dict[str, ModelRow] = Field(min_length=1)
    methods: dict[str, MethodRow] = Field(min_length=1)
    published: dict[str, dict[str, dict[str, Published]]] = {}

    @field_validator("published", mode="before")
    @classmethod
    def _name_measures(cls, value: Any) -> Any:
        """Replaces the number of a data set by the top-1 that it is."""
        return _map_leaves(value, depth=3)

    def list_unknown(self) -> Iterator[str]:
        """Yields the published rows and columns that the table does not define."""
        for method, of_model in self.published.items():
            if method not in self.methods:
                yield f"published: method {method!r}"
            for model, of_data in of_model.items():
                if model not in self.models:
                    yield f"published: model {model!r}"
                yield from (f"published: data {data!r}" for data in of_data if data not in {*self.data, "mean"})
        for name, row in self.data.items():
            yield from (f"data {name!r}: model {model!r}" for model in row.models if model not in self.models)


def load_table(name: str | Path) -> tuple[str, PaperTable]:
    """Loads a built-in table by name, or a file by path (ending in .yaml or .yml). Returns its name and the table.

    Raises EvaluationError where there is none of that name (with the built-in ones), and for an invalid file.
    """
    path = Path(name)
    if path.suffix.lower() not in (".yaml", ".yml"):
        if str(name) not in list_tables():
            raise EvaluationError(
                f"--paper {name}: no table is called that; there are {', '.join(list_tables()) or 'none'}, or give a "
                ".yaml file"
            )
        path = _find_folder() / f"{name}.yaml"
    return path.stem, _read(path)


def list_tables() -> list[str]:
    """Returns the names of the built-in tables."""
    return sorted(file.stem for file in _find_folder().glob("*.yaml"))


def _find_folder() -> Path:
    """Finds the built-in tables: in the installed package, else in the source tree that it was installed from."""
    package = Path(str(resources.files(PACKAGE)))
    return package / FOLDER if (package / FOLDER).is_dir() else package.parents[1] / "benchmarks" / FOLDER


def _read(path: Path) -> PaperTable:
    document = read_yaml(path, EvaluationError)
    if not isinstance(document, dict):
        raise EvaluationError(f"{path}: expected a mapping with {', '.join(PaperTable.model_fields)}")
    try:
        table = PaperTable.model_validate(document)
    except ValidationError as problem:
        errors = "; ".join(map(str, list_errors(problem, PaperTable, "key")))
        raise EvaluationError(f"{path}: {errors}") from None
    if unknown := list(table.list_unknown()):
        raise EvaluationError(f"{path}: {unknown[0]} is not defined in the table")
    return table


def _map_leaves(value: Any, depth: int) -> Any:
    """Replaces the numbers at `depth` mappings down by {"top-1": number}; others are left to the validation."""
    if depth:
        return {key: _map_leaves(one, depth - 1) for key, one in value.items()} if isinstance(value, dict) else value
    return {"top-1": value} if isinstance(value, int | float) else value
