"""The built-in prompt templates: the three rows of Kawagoe's table, CBD, exemplar, exemplar + background."""

from __future__ import annotations

from bioclip_x.plugin import PromptTemplate, load_template


def make_cbd_prompt() -> PromptTemplate:
    """Loads the prompt as published by Menon & Vondrick (arXiv 2210.07183), with a lemur and a television as exemplars."""
    return load_template("cbd")


def make_exemplar_prompt(domain: str = "") -> PromptTemplate:
    """Loads the prompt with an exemplar.

    domain: of the exemplar (birds, plants, …), or a file of one; by default it follows from each taxon's lineage.
    """
    return load_template("exemplar").model_copy(update={"domain": domain})


def make_exemplar_background_prompt(domain: str = "") -> PromptTemplate:
    """Loads the prompt with an exemplar and a second list, of habitat and background.

    domain: as for `exemplar`.
    """
    return load_template("exemplar-background").model_copy(update={"domain": domain})
