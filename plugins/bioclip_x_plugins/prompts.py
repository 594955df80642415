"""The prompts that come with bioclip-x. Kawagoe's three rows are the three of them: CBD, exemplar, exemplar + background."""

from __future__ import annotations

from bioclip_x.plugin import PromptTemplate, load_template


def make_cbd_prompt() -> PromptTemplate:
    """As Menon & Vondrick published it (arXiv 2210.07183): a lemur and a television are its exemplars."""
    return load_template("cbd")


def make_exemplar_prompt(domain: str = "") -> PromptTemplate:
    """domain: whose exemplar to show (birds, plants, …), or a file of one; by default the taxonomy tells for each taxon."""
    return load_template("exemplar").model_copy(update={"domain": domain})


def make_exemplar_background_prompt(domain: str = "") -> PromptTemplate:
    """The same, and a second list, of habitat and background."""
    return load_template("exemplar-background").model_copy(update={"domain": domain})
