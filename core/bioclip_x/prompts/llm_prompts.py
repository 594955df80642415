"""Prompt files: what to ask a language model of each taxon. Data only, in YAML.

    name: cbd
    source: who wrote it, and where
    text: |-
      Q: What are useful features for distinguishing a {name} in a photo?
      …

A file that asks for several lists has them under `lists`, each with its `kind` and its `text`. Placeholders are
lower-case words in braces; any other brace is text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bioclip_x.errors import DescriptorError
from bioclip_x.prompts import data_files

FOLDER: Final = "describe"
PLACEHOLDERS: Final = ("name", "scientific_name", "rank", "lineage", "exemplar", "exemplar_list")
SIBLINGS: Final = "siblings"

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class _Strict(BaseModel):
    """An unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Part(_Strict):
    """One list that is asked for. contrast: the same for a taxon whose siblings are named in it."""

    kind: Literal["descriptor", "background"] = Field(default="descriptor", description="what its answers tell of")
    text: str = Field(default="", description="one user message, with {name} in it")
    contrast: str = Field(default="", description="the same where siblings are told apart, with {siblings} in it")

    @field_validator("text", "contrast")
    @classmethod
    def _asks_of_a_taxon(cls, text: str, info: object) -> str:
        contrast = getattr(info, "field_name", "") == "contrast"
        used = find_placeholders(text)
        needed = ("name", SIBLINGS) if contrast else ("name",)
        for name in needed if text else ():
            if name not in used:
                alike = "every class is asked of alike" if name == "name" else "it tells them from nothing"
                raise ValueError(f"must have the placeholder {{{name}}}, or {alike}")
        known = (*PLACEHOLDERS, SIBLINGS) if contrast else PLACEHOLDERS
        if unknown := sorted(used - set(known)):
            raise ValueError(f"has unknown placeholders {_braced(unknown)}; known: {_braced(known)}")
        return text

    @property
    def needs_exemplar(self) -> bool:
        return bool({"exemplar", "exemplar_list"} & (find_placeholders(self.text) | find_placeholders(self.contrast)))


class PromptTemplate(Part):
    """A prompt file."""

    name: str = Field(min_length=1, description="what outputs call it")
    source: str = Field(min_length=1, description="who wrote it, and where")
    # A YAML list comes as a list, which a strict tuple refuses.
    lists: Annotated[tuple[Part, ...], Field(strict=False, description="instead of text: several lists")] = ()
    domain: str = Field(default="", description="whose exemplar it shows; by default the taxonomy tells")
    answers: Literal["list", "json"] = Field(
        default="list", description="json: by a JSON schema, where the server can; see `answers.parse_answer`"
    )
    temperature: float | None = Field(default=None, ge=0, le=2, description="none leaves it to the server")
    max_tokens: int | None = Field(default=None, ge=1, description="the longest answer; none leaves it to the server")

    @model_validator(mode="after")
    def _asks_something(self) -> PromptTemplate:
        if bool(self.text) == bool(self.lists):
            raise ValueError("expected either 'text' or 'lists'")
        kinds = [part.kind for part in self.parts]
        if len(set(kinds)) < len(kinds):
            raise ValueError("'lists' must be of different kinds (descriptor, background)")
        if self.lists and (self.contrast or not all(part.text for part in self.lists)):
            raise ValueError("each of 'lists' must have its own 'text', and its own 'contrast' if any")
        return self

    @property
    def parts(self) -> tuple[Part, ...]:
        """The lists that are asked for, one where the file has no `lists`."""
        return self.lists or (Part(kind=self.kind, text=self.text, contrast=self.contrast),)

    @property
    def sha256(self) -> str:
        """Of the prompt's texts, before names are filled in; 64 hex digits."""
        texts = [text for part in self.parts for text in (part.text, part.contrast) if text]
        return hashlib.sha256("\0".join(texts).encode()).hexdigest()

    @property
    def ends_in_a_bullet(self) -> bool:
        """Whether its text opens the list itself: see the function of this name."""
        return any(ends_in_a_bullet(part.text) for part in self.parts)


def ends_in_a_bullet(prompt: str) -> bool:
    """Whether a prompt opens the list itself, so that an answer may begin in the middle of its first item."""
    return prompt.rstrip().endswith(("\n-", "\n*"))


def load_template(name: str) -> PromptTemplate:
    """A built-in prompt by name, or a file by path (it ends in .yaml or .yml, or has a folder in it).

    Raises DescriptorError: no such prompt (the built-in ones are listed), or everything that is wrong in the file.
    """
    return data_files.load(PromptTemplate, "prompt", FOLDER, name)


def list_builtin_templates() -> tuple[str, ...]:
    """Names of the prompts that come with bioclip-x, sorted."""
    return data_files.list_builtin_names(FOLDER)


def find_placeholders(text: str) -> set[str]:
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
    missing = sorted(find_placeholders(text) - set(values))
    if missing:
        raise DescriptorError(f"the prompt needs {_braced(missing)}; given: {_braced(sorted(values)) or 'nothing'}")
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)


def _braced(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)
