"""A user's settings for a machine: defaults of the command line, from a configuration file or the environment.

They cover where and how to compute, and the default model. Recipe files, plugins and flags override them; `Classifier` and
the rest of the library ignore them, except for `cache` and `data`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bioclip_x.errors import SettingsError
from bioclip_x.io.files import read_yaml
from bioclip_x.io.paths import check_path, expand_home
from bioclip_x.limits import BATCH_SIZE, COUNT, WORKERS
from bioclip_x.validation import find_first_error, refuse_truth_value

PREFIX: Final = "BIOCLIP_X_"
FOLDERS: Final = {"cache", "data"}
"""The settings that are folders."""
DEFAULT_CACHE_SIZE: Final = 20.0
"""Gigabytes."""


def _expand(path: Path) -> Path:
    """Returns a path whose ~ is a user's home. Raises ValueError for an unknown user's, and for what is no path."""
    return expand_home(check_path(path), ValueError)


Folder = Annotated[Path, AfterValidator(_expand)]


def _refuse_blank(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise ValueError("expected a name, got a blank")
    return value


Whole = Annotated[int, BeforeValidator(refuse_truth_value)]
Real = Annotated[float, BeforeValidator(refuse_truth_value)]
Name = Annotated[str, BeforeValidator(_refuse_blank)]


class Schema(BaseModel):
    """The available settings. None means not set."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    model: Name | None = Field(None, description="the model if no other source names one")
    device: Name | None = Field(None, description="auto, cpu, cuda, cuda:1, mps")
    precision: Literal["auto", "fp32", "fp16", "bf16"] | None = Field(None, description="auto: fp16 on CUDA, else fp32")
    batch_size: Whole | None = Field(None, ge=1, le=BATCH_SIZE, description="images per batch")
    workers: Whole | None = Field(None, ge=1, le=WORKERS, description="threads that decode images")
    language: Name | None = Field(None, description="language of common names (en, de, …)")
    cache: Folder | None = Field(None, description="folder of files that can be regenerated")
    cache_size: Real | None = Field(None, gt=0, le=COUNT, description="gigabytes that the cache may take")
    data: Folder | None = Field(None, description="folder of files that cannot: calibrations")


@dataclass(frozen=True, slots=True)
class Settings:
    """values: setting → value. origins: setting → the variable or file that set it."""

    values: Mapping[str, Any]
    origins: Mapping[str, str]


def find_config_file() -> Path:
    """Returns $BIOCLIP_X_CONFIG, else config.yaml in the platform's configuration folder.

    On Linux that is ~/.config/bioclip-x.
    """
    import platformdirs

    chosen = os.environ.get(f"{PREFIX}CONFIG")
    if chosen:
        try:
            return _expand(Path(chosen))
        except ValueError as problem:
            raise SettingsError(f"{PREFIX}CONFIG: {problem}") from None
    return Path(platformdirs.user_config_dir("bioclip-x", appauthor=False)) / "config.yaml"


def name_variable(name: str) -> str:
    """Returns the environment variable of a setting.

    >>> name_variable("batch_size")
    'BIOCLIP_X_BATCH_SIZE'
    """
    return PREFIX + name.upper()


def load_settings() -> Settings:
    """Reads the configuration file and the environment, which takes precedence; empty variables are ignored.

    Raises SettingsError, naming the file or the variable, for an unknown setting or an invalid value.
    """
    file = find_config_file()
    in_file = _validate(_read(file), str(file))
    for name in FOLDERS & in_file.keys():
        in_file[name] = file.parent / in_file[name]
    values, origins = dict(in_file), dict.fromkeys(in_file, str(file))
    for name in Schema.model_fields:
        if text := os.environ.get(name_variable(name)):
            values |= _validate({name: text}, "", shown=name_variable(name))
            origins[name] = name_variable(name)
    return Settings(values, origins)


def _read(file: Path) -> dict[str, Any]:
    if not os.path.exists(file):  # noqa: PTH110 - unlike Path.exists, no error for a path that is too long
        if os.environ.get(f"{PREFIX}CONFIG"):
            raise SettingsError(f"{PREFIX}CONFIG names the configuration file {file}, which does not exist")
        return {}
    document = read_yaml(file, SettingsError)
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise SettingsError(f"{file}: expected settings such as `device: cpu`, got a {type(document).__name__}")
    return document


def _validate(values: Mapping[str, Any], where: str, shown: str = "") -> dict[str, Any]:
    """Returns the values that are set. shown: a setting's name in errors, if not its own."""
    try:
        return Schema.model_validate(values).model_dump(exclude_none=True)
    except ValidationError as problem:
        error = find_first_error(problem, Schema, "setting")
        raise SettingsError(f"{shown}: {error.message}" if shown else f"{where}: {error}") from None


def find_cache_folder() -> Path:
    """Returns $BIOCLIP_X_CACHE, else `cache` of the user's configuration file, else the platform's cache folder.

    On Linux that is ~/.cache/bioclip-x. Raises SettingsError for a configuration file that cannot be read.
    """
    return Path(load_settings().values.get("cache") or find_default_cache_folder())


def find_cache_limit() -> int:
    """Returns how many bytes the cache may take, from the user's settings. Raises SettingsError like `find_cache_folder`."""
    return int(load_settings().values.get("cache_size", DEFAULT_CACHE_SIZE) * 1e9)


def find_default_cache_folder() -> Path:
    """Returns the platform's cache folder."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("bioclip-x", appauthor=False))


def find_data_folder() -> Path:
    """Returns $BIOCLIP_X_DATA, else `data` of the user's configuration file, else the platform's data folder.

    On Linux that is ~/.local/share/bioclip-x. Raises SettingsError for a configuration file that cannot be read.
    """
    return Path(load_settings().values.get("data") or find_default_data_folder())


def find_default_data_folder() -> Path:
    """Returns the platform's data folder."""
    import platformdirs

    return Path(platformdirs.user_data_dir("bioclip-x", appauthor=False))
