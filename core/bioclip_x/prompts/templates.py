"""Prompt files: what to ask a language model of each class. Data only, in YAML.

    name: cbd
    source: who wrote it, and where
    text: |-
      Q: What are useful features for distinguishing a {name} in a photo?
      …

Placeholders are lower-case words in braces; any other brace is text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bioclip_x.errors import DescriptorError
from bioclip_x.prompts import builtin

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
    return builtin.load(PromptTemplate, "prompt", FOLDER, name)


def builtin_templates() -> tuple[str, ...]:
    """Names of the prompts that come with bioclip-x, sorted."""
    return builtin.builtin_names(FOLDER)


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


def _braced(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)
