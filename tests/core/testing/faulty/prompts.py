"""Prompt templates, each with one fault."""

from itertools import count
from typing import Any

from bioclip_x.plugin import PromptTemplate

KIND = "prompts"
calls = count()


def make_right(*, text: str = "Which marks has a {name}, of {lineage}?") -> PromptTemplate:
    """a question"""
    return PromptTemplate(name="mine", source="these tests", text=text)


def make_text() -> Any:
    """a text in place of a template"""
    return "Which marks has a {name}?"


def make_other() -> PromptTemplate:
    """another question each time"""
    return make_right(text=f"Which {next(calls)} marks has a {{name}}?")


def make_name() -> PromptTemplate:
    """a name alone"""
    return make_right(text="{name}")


RIGHT = (make_right,)
FAULTY = {
    "it_is_a_prompt_template": make_text,
    "equal_options_give_equal_texts": make_other,
    "it_asks_about_the_taxon": make_name,
}
