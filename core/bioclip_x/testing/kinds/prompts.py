"""Checks of prompt templates for language models."""

from __future__ import annotations

from bioclip_x.prompts.llm_prompts import PLACEHOLDERS, SIBLINGS, PromptTemplate, fill
from bioclip_x.testing.checks import Subject


def make_template(subject: Subject) -> PromptTemplate:
    made = subject.make()
    assert isinstance(made, PromptTemplate), f"expected a PromptTemplate, got {type(made).__name__}"
    return made


def check_it_is_a_prompt_template(subject: Subject) -> None:
    """It is a PromptTemplate."""
    make_template(subject)


def check_equal_options_give_equal_texts(subject: Subject) -> None:
    """Made twice, it is the same: outputs name it by the hash of its texts."""
    first, second = make_template(subject), make_template(subject)
    assert first == second, f"expected the same template twice, got {first.sha256[:8]} and {second.sha256[:8]}"


def check_it_asks_about_the_taxon(subject: Subject) -> None:
    """Filled in, each of its texts asks something about the taxon, and has no braces left of a placeholder."""
    values = {name: f"some {name}" for name in (*PLACEHOLDERS, SIBLINGS)}
    for part in make_template(subject).parts:
        for text in filter(None, (part.text, part.contrast)):
            filled = fill(text, values)
            assert "some name" in filled, f"expected the taxon's name in the prompt, got {filled[:100]!r}"
            question = filled.replace("some name", "")
            assert len(question.split()) >= 3, f"expected a question about the taxon, got {filled[:100]!r}"
            left = [name for name in values if f"{{{name}" in filled]
            assert not left, f"expected all placeholders to be filled, got {filled[:100]!r}"
