"""Template sets, which put a name into sentences, and word lists, from which control texts are drawn. YAML data files:

name: openai-80
source: who wrote it, and where
licence: MIT
templates:
- a bad photo of a {}.
- …
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bioclip_x.limits import DESCRIPTOR_CHARACTERS, TEMPLATES
from bioclip_x.messages import list_some
from bioclip_x.prompts import data_files

PLACEHOLDER: Final = "{}"
"""Placeholder for the name of the class."""


def _check_template(text: str) -> str:
    if PLACEHOLDER not in text:
        raise ValueError(f"{text!r} must have the placeholder {PLACEHOLDER} for the name of the class")
    if set("{}") & set(text.replace(PLACEHOLDER, "")):
        raise ValueError(f"{text!r} has a brace other than {PLACEHOLDER}; no other placeholders are supported")
    return text


def _check_word(text: str) -> str:
    if text.split() != [text]:
        raise ValueError(f"expected one word, got {text!r}")
    return text


def _check_distinct(texts: tuple[str, ...]) -> tuple[str, ...]:
    repeated = sorted(text for text, times in Counter(texts).items() if times > 1)
    if repeated:
        raise ValueError(f"given more than once: {list_some(repeated)}")
    return texts


class _File(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(min_length=1, description="name in outputs")
    source: str = Field(min_length=1, description="who wrote it, and where")
    licence: str = Field("", description="licence under which it may be distributed")


class TemplateSet(_File):
    """Sentences with one or more placeholders {} for the name of a class."""

    # Not strict: YAML gives a list, which a strict tuple rejects.
    templates: Annotated[
        tuple[Annotated[str, Field(max_length=DESCRIPTOR_CHARACTERS), AfterValidator(_check_template)], ...],
        Field(min_length=1, max_length=TEMPLATES, strict=False),
        AfterValidator(_check_distinct),
    ]

    def fill(self, name: str) -> tuple[str, ...]:
        """Returns every template with the name filled in. Braces in the name are kept."""
        return tuple(template.replace(PLACEHOLDER, name) for template in self.templates)


class WordList(_File):
    """Words unrelated to any class."""

    words: Annotated[
        tuple[Annotated[str, Field(max_length=DESCRIPTOR_CHARACTERS), AfterValidator(_check_word)], ...],
        Field(min_length=1, max_length=TEMPLATES, strict=False),
        AfterValidator(_check_distinct),
    ]


def load_template_set(name: str | Path) -> TemplateSet:
    """Loads a built-in set by name, or a file by path. Raises DescriptorError as `data_files.load` does."""
    return data_files.load(TemplateSet, "template set", "templates", name)


def load_words(name: str | Path) -> WordList:
    """Loads a built-in word list by name, or a file by path. Raises DescriptorError as `data_files.load` does."""
    return data_files.load(WordList, "word list", "words", name)
