"""Prompt files: questions to a language model about each taxon. YAML data files:

    name: cbd
    source: who wrote it, and where
    text: |-
      Q: What are useful features for distinguishing a {name} in a photo?
      …

A file that asks for several lists has them under `lists`, each with its `kind` and `text`. Placeholders are lower-case
words in braces; other braces are literal.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bioclip_x.errors import DescriptorError
from bioclip_x.limits import ANSWER_TOKENS, PROMPT_CHARACTERS
from bioclip_x.prompts import data_files

FOLDER: Final = "describe"
PLACEHOLDERS: Final = ("name", "scientific_name", "rank", "lineage", "exemplar", "exemplar_list")
SIBLINGS: Final = "siblings"

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class _Strict(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Part(_Strict):
    """A prompt for one list. contrast: the prompt for a taxon with siblings, which names them."""

    kind: Literal["descriptor", "background"] = Field(default="descriptor", description="kind of descriptors asked for")
    text: str = Field(default="", max_length=PROMPT_CHARACTERS, description="the user message, with {name}")
    contrast: str = Field(
        default="",
        max_length=PROMPT_CHARACTERS,
        description="the same with {siblings}, to distinguish a taxon from its siblings",
    )

    @field_validator("text", "contrast")
    @classmethod
    def _check_placeholders(cls, text: str, info: object) -> str:
        contrast = getattr(info, "field_name", "") == "contrast"
        used = find_placeholders(text)
        required = ("name", SIBLINGS) if contrast else ("name",)
        for name in required if text else ():
            if name not in used:
                reason = "all classes get the same prompt" if name == "name" else "the prompt names no siblings"
                raise ValueError(f"must have the placeholder {{{name}}}; without it {reason}")
        known = (*PLACEHOLDERS, SIBLINGS) if contrast else PLACEHOLDERS
        if unknown := sorted(used - set(known)):
            raise ValueError(
                f"has unknown placeholders {_format_placeholders(unknown)}; known: {_format_placeholders(known)}"
            )
        return text

    @property
    def needs_exemplar(self) -> bool:
        return bool({"exemplar", "exemplar_list"} & (find_placeholders(self.text) | find_placeholders(self.contrast)))


class PromptTemplate(Part):
    """A prompt file."""

    name: str = Field(min_length=1, description="name in outputs")
    source: str = Field(min_length=1, description="who wrote it, and where")
    # Not strict: YAML gives a list, which a strict tuple rejects.
    lists: Annotated[tuple[Part, ...], Field(strict=False, description="several lists, instead of text")] = ()
    domain: str = Field(default="", description="domain of the exemplar shown; by default taken from the taxonomy")
    answers: Literal["list", "json"] = Field(
        default="list", description="form of an answer; json: by a JSON schema, if the server supports it"
    )
    temperature: float | None = Field(default=None, ge=0, le=2, description="the server's default if not given")
    max_tokens: int | None = Field(
        default=None, ge=1, le=ANSWER_TOKENS, description="limit of an answer; the server's default if not given"
    )

    @model_validator(mode="after")
    def _check_lists(self) -> PromptTemplate:
        if bool(self.text) == bool(self.lists):
            raise ValueError("expected either 'text' or 'lists'")
        kinds = [part.kind for part in self.parts]
        if len(set(kinds)) < len(kinds):
            raise ValueError("'lists' must be of different kinds (descriptor, background)")
        if self.lists and (self.contrast or not all(part.text for part in self.lists)):
            raise ValueError("each of 'lists' must have its own 'text' (and its own 'contrast', if any)")
        return self

    @property
    def parts(self) -> tuple[Part, ...]:
        """The prompts of all lists; one where the file has no `lists`."""
        return self.lists or (Part(kind=self.kind, text=self.text, contrast=self.contrast),)

    @property
    def sha256(self) -> str:
        """SHA-256 of the texts with their placeholders; 64 hex digits."""
        texts = [text for part in self.parts for text in (part.text, part.contrast) if text]
        return hashlib.sha256("\0".join(texts).encode()).hexdigest()

    @property
    def ends_in_a_bullet(self) -> bool:
        """Whether any of its texts does; see the function of this name."""
        return any(ends_in_a_bullet(part.text) for part in self.parts)


def ends_in_a_bullet(prompt: str) -> bool:
    """Whether a prompt ends in an open bullet, so that the answer may begin with the first item."""
    return prompt.rstrip().endswith(("\n-", "\n*"))


def load_template(name: str) -> PromptTemplate:
    """Loads a built-in prompt by name, or a file by path (ending in .yaml or .yml, or containing a folder).

    Raises DescriptorError where there is no such prompt (with a list of built-in ones), with all errors in an invalid file.
    """
    return data_files.load(PromptTemplate, "prompt", FOLDER, name)


def list_builtin_templates() -> tuple[str, ...]:
    """Returns the sorted names of the built-in prompts."""
    return data_files.list_builtin_names(FOLDER)


def find_placeholders(text: str) -> set[str]:
    """
    >>> sorted(find_placeholders('{name} of {lineage}, as {"json": 1}'))
    ['lineage', 'name']
    """
    return set(_PLACEHOLDER.findall(text))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Fills in the placeholders of a text. Braces in values are kept.

    Raises DescriptorError that names every placeholder without a value.

    >>> fill("a {name} in a photo", {"name": "great tit"})
    'a great tit in a photo'
    """
    missing = sorted(find_placeholders(text) - set(values))
    if missing:
        raise DescriptorError(
            f"the prompt needs {_format_placeholders(missing)}; given: {_format_placeholders(sorted(values)) or 'nothing'}"
        )
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def _format_placeholders(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)
