"""Prompt files: what to ask a language model of each class. Data only, in YAML.

    name: cbd
    source: who wrote it, and where
    text: |-
      Q: What are useful features for distinguishing a {name} in a photo?
      …

Placeholders are lower-case words in braces; any other brace is text. The built-in files are read by name as package
data, so that the core imports nothing of theirs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bioclip_x.errors import DescriptorError
from bioclip_x.files import read_yaml

PACKAGE: Final = "bioclip_x_prompts"
FOLDER: Final = "describe"
PLACEHOLDERS: Final = ("name", "scientific_name", "lineage")

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class PromptTemplate(BaseModel):
    """A prompt file. An unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(min_length=1, description="what outputs call it")
    source: str = Field(min_length=1, description="who wrote it, and where")
    text: str = Field(description="one user message, with {name} in it")
    kind: Literal["descriptor", "background"] = Field("descriptor", description="what its answers tell of")
    answers: Literal["list"] = Field("list", description="how answers are parsed; see `answers.parse_answer`")
    temperature: float | None = Field(None, ge=0, le=2, description="none leaves it to the server")
    max_tokens: int | None = Field(None, ge=1, description="the longest answer; none leaves it to the server")

    @field_validator("text")
    @classmethod
    def _asks_of_a_class(cls, text: str) -> str:
        used = placeholders(text)
        if "name" not in used:
            raise ValueError("must have the placeholder {name}, or every class is asked of alike")
        unknown = sorted(used - set(PLACEHOLDERS))
        if unknown:
            raise ValueError(f"has unknown placeholders {_braced(unknown)}; known: {_braced(PLACEHOLDERS)}")
        return text

    @property
    def sha256(self) -> str:
        """Of the prompt's text, before names are filled in; 64 hex digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def ends_in_a_bullet(self) -> bool:
        """Whether the text opens the list itself, so that an answer may begin in the middle of its first item."""
        return self.text.rstrip().endswith(("\n-", "\n*"))


def load_template(name: str) -> PromptTemplate:
    """A built-in prompt by name, or a file by path (it ends in .yaml or .yml, or has a folder in it).

    Raises DescriptorError: no such prompt (the built-in ones are listed), or everything that is wrong in the file.
    """
    if Path(name).suffix.lower() in (".yaml", ".yml") or Path(name).name != name:
        return _read(Path(name))
    if name not in builtin_templates():
        raise DescriptorError(
            f"no prompt is called {name!r}; built in: {', '.join(builtin_templates()) or 'none'}; or give a .yaml file"
        )
    with resources.as_file(resources.files(PACKAGE) / FOLDER / f"{name}.yaml") as path:
        return _read(path)


def builtin_templates() -> tuple[str, ...]:
    """Names of the prompts that come with bioclip-x, sorted."""
    folder = resources.files(PACKAGE) / FOLDER
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


def placeholders(text: str) -> set[str]:
    """
    >>> sorted(placeholders('{name} of {lineage}, as {"json": 1}'))
    ['lineage', 'name']
    """
    return set(_PLACEHOLDER.findall(text))


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders filled in, once: a brace in a value stays one.

    Raises DescriptorError naming every placeholder without a value.

    >>> fill("a {name} in a photo", {"name": "great tit"})
    'a great tit in a photo'
    """
    missing = sorted(placeholders(text) - set(values))
    if missing:
        raise DescriptorError(f"the prompt needs {_braced(missing)}; given: {_braced(sorted(values)) or 'nothing'}")
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)


def _read(path: Path) -> PromptTemplate:
    document = read_yaml(path, DescriptorError)
    if not isinstance(document, dict):
        raise DescriptorError(f"{path}: expected a prompt: a mapping with {', '.join(PromptTemplate.model_fields)}")
    try:
        return PromptTemplate.model_validate({str(key): value for key, value in document.items()})
    except ValidationError as problem:
        wrong = "; ".join(_told(error["loc"], error["type"], error["msg"]) for error in problem.errors())
        raise DescriptorError(f"{path}: {wrong}") from None


def _told(place: tuple[int | str, ...], kind: str, message: str) -> str:
    key = ".".join(map(str, place))
    if kind == "extra_forbidden":
        return f"unknown key {key!r} (known: {', '.join(PromptTemplate.model_fields)})"
    return f"{key!r}: {message.removeprefix('Value error, ')}"


def _braced(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)
