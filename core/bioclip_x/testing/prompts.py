"""Checks of prompt templates for language models."""

from __future__ import annotations

from bioclip_x.prompts.llm_prompts import PromptTemplate
from bioclip_x.testing.checks import Subject


def check_it_is_a_prompt_template(subject: Subject) -> None:
    """It is a PromptTemplate."""
    made = subject.make()
    assert isinstance(made, PromptTemplate), f"expected a PromptTemplate, got {type(made).__name__}"
