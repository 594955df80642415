"""Prompt files for captions of images: the question that a vision model is asked with an image. YAML data files:

name: visible
source: who wrote it, and where
text: the question
named: the question about an image whose taxon has a name, with {name}, {lineage}, …; `text` if there is none
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bioclip_x.limits import ANSWER_TOKENS, PROMPT_CHARACTERS
from bioclip_x.messages import escape_controls
from bioclip_x.prompts import data_files
from bioclip_x.prompts.llm_prompts import fill, find_placeholders
from bioclip_x.records.taxon import Taxon

FOLDER: Final = "captions"
PLACEHOLDERS: Final = ("name", "scientific_name", "common_name", "rank", "lineage")
LONGEST_NAME: Final = 300
"""Characters of a name or lineage in a question."""


class CaptionPrompt(BaseModel):
    """A prompt file for captions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(min_length=1, description="name in outputs")
    source: str = Field(min_length=1, description="who wrote it, and where")
    text: str = Field(min_length=1, max_length=PROMPT_CHARACTERS, description="the question, without the taxon's name")
    named: str = Field(
        default="", max_length=PROMPT_CHARACTERS, description="the question about a taxon with a name; text by default"
    )
    temperature: float | None = Field(default=None, ge=0, le=2, description="the server's default if not given")
    max_tokens: int | None = Field(
        default=None, ge=1, le=ANSWER_TOKENS, description="limit of a caption; the server's default if not given"
    )

    @field_validator("text")
    @classmethod
    def _check_text(cls, text: str) -> str:
        if used := find_placeholders(text) & set(PLACEHOLDERS):
            raise ValueError(f"has the placeholder {{{min(used)}}}; a question with names belongs under 'named'")
        return text

    @field_validator("named")
    @classmethod
    def _check_named(cls, named: str) -> str:
        if unknown := sorted(find_placeholders(named) - set(PLACEHOLDERS)):
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise ValueError(f"has the unknown placeholder {{{unknown[0]}}}; known: {known}")
        return named

    @property
    def sha256(self) -> str:
        """SHA-256 of both questions; 64 hex digits."""
        return hashlib.sha256(f"{self.text}\0{self.named}".encode()).hexdigest()

    def make_question(self, taxon: Taxon) -> str:
        """Returns the question about an image of a taxon; {name} is its common name, else the scientific one."""
        if not (self.named and taxon.name.strip()):
            return self.text
        lineage = ", ".join(name for _, name in taxon.lineage) or taxon.name
        values = {
            "name": taxon.common_name() or taxon.name,
            "scientific_name": taxon.name,
            "common_name": taxon.common_name() or taxon.name,
            "rank": taxon.rank or "taxon",
            "lineage": lineage,
        }
        return fill(self.named, {key: _to_line(value) for key, value in values.items()})


def load_caption_prompt(name: str | Path) -> CaptionPrompt:
    """Loads a built-in prompt by name, or a file by path (ending in .yaml or .yml, or containing a folder).

    A text with blanks that is no path is the question itself; without a name of the taxon it speaks of an "organism". Raises
    DescriptorError where there is no such prompt (with a list of built-in ones), with all errors in an invalid file.
    """
    if " " in str(name).strip() and Path(name).suffix.lower() not in (".yaml", ".yml"):
        text = fill(str(name), dict.fromkeys(PLACEHOLDERS, "organism"))
        return CaptionPrompt(name="question", source="a question of its own", text=text, named=str(name))
    return data_files.load(CaptionPrompt, "prompt for captions", FOLDER, name)


def _to_line(text: str) -> str:
    return escape_controls(" ".join(text.split()))[:LONGEST_NAME]
