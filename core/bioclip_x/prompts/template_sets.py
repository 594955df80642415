"""Template sets, which put a name into sentences, and word lists, which controls draw from. Data only, in YAML.

name: openai-80
source: who wrote it, and where
licence: MIT
templates:
- a bad photo of a {}.
- …
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bioclip_x.prompts import data_files

PLACE: Final = "{}"
"""Where a template takes the name."""


def _template(text: str) -> str:
    if PLACE not in text:
        raise ValueError(f"{text!r} must have {PLACE} in it, where the name of the class goes")
    if set("{}") & set(text.replace(PLACE, "")):
        raise ValueError(f"{text!r} has a brace that is no {PLACE}; the name of the class is all that is put in")
    return text


def _word(text: str) -> str:
    if text.split() != [text]:
        raise ValueError(f"expected one word, got {text!r}")
    return text


def _distinct(texts: tuple[str, ...]) -> tuple[str, ...]:
    repeated = sorted({text for text in texts if texts.count(text) > 1})
    if repeated:
        raise ValueError(f"given more than once: {', '.join(repeated)}")
    return texts


class _File(BaseModel):
    """An unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(min_length=1, description="what outputs call it")
    source: str = Field(min_length=1, description="who wrote it, and where")
    licence: str = Field("", description="under which it may be passed on")


class TemplateSet(_File):
    """Sentences with one place or more for the name of a class, written {}."""

    # A YAML list comes as a list, which a strict tuple refuses.
    templates: Annotated[
        tuple[Annotated[str, AfterValidator(_template)], ...],
        Field(min_length=1, strict=False),
        AfterValidator(_distinct),
    ]

    def fill(self, name: str) -> tuple[str, ...]:
        """Every template with the name put in; a brace in the name stays one."""
        return tuple(template.replace(PLACE, name) for template in self.templates)


class WordList(_File):
    """Words that say nothing of a class."""

    words: Annotated[
        tuple[Annotated[str, AfterValidator(_word)], ...], Field(min_length=1, strict=False), AfterValidator(_distinct)
    ]


def load_template_set(name: str | Path) -> TemplateSet:
    """A built-in set by name, or a file by path. Raises DescriptorError as `data_files.load` does."""
    return data_files.load(TemplateSet, "template set", "templates", name)


def load_words(name: str | Path) -> WordList:
    """A built-in word list by name, or a file by path. Raises DescriptorError as `data_files.load` does."""
    return data_files.load(WordList, "word list", "words", name)
