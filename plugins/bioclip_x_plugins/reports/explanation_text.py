"""How explanations are put in words, in every report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from bioclip_x.plugin import Explanation, PromptContribution, Remainder
from bioclip_x_plugins.reports.result_text import (
    REST_SHOWN,
    describe_contribution,
    format_cosine,
    format_signed,
    has_descriptors,
    is_descriptor,
    split_contributions,
)


def format_amount(number: float) -> str:
    """A part of a margin; what is infinite excludes one of the two.

    >>> format_amount(1.204), format_amount(float("inf"))
    ('+1.20', 'excluded')
    """
    return "excluded" if math.isinf(number) else format_signed(number)


def describe_margin(explanation: Explanation) -> str:
    """
    >>> describe_margin(Explanation("a", "b", "a", "b", 2.5, (), 0.0))
    'margin +2.50'
    """
    if math.isinf(explanation.margin):
        return "it is excluded"
    return f"{'margin' if explanation.runner_up else 'score'} {format_signed(explanation.margin)}"


def describe_baseline(explanation: Explanation, decimals: int = 3) -> str:
    """What the cosines shown are compared with; "" where none is shown, or nothing is known of it."""
    if explanation.baseline is None or not has_descriptors(explanation):
        return ""
    return f"the mean text of the list scores {format_cosine(explanation.baseline, decimals)} on this image"


def describe_source(contribution: PromptContribution) -> str:
    """The taxon above the class that a descriptor was written for, "" where it is the class's own.

    >>> describe_source(PromptContribution("a fork", "", "descriptor", "", 0, 0.3, 1.0, "Milvus", "genus"))
    'genus Milvus'
    """
    return f"{contribution.rank} {contribution.taxon}".strip()


def split_own_contributions(
    explanation: Explanation,
) -> tuple[tuple[PromptContribution, ...], tuple[PromptContribution, ...]]:
    """The winner's prompts and the runner-up's, the strongest first, without what is said of both."""
    winners, others = (tuple(one for one in side if one.net is None) for side in split_contributions(explanation))
    return winners, others


def split_strongest(
    contributions: Sequence[PromptContribution], number: int
) -> tuple[tuple[PromptContribution, ...], tuple[PromptContribution, ...]]:
    """The `number` largest contributions by absolute value, and the others; both in the order given.

    By absolute value, because evidence against a class must not be left out where it is strong.
    """
    by_size = sorted(range(len(contributions)), key=lambda place: -_size(contributions[place].contribution))
    shown = set(by_size[:number])
    return (
        tuple(one for place, one in enumerate(contributions) if place in shown),
        tuple(one for place, one in enumerate(contributions) if place not in shown),
    )


def _size(contribution: float) -> float:
    return abs(contribution) if math.isfinite(contribution) else math.inf


def find_strongest_in_favour(contributions: Iterable[PromptContribution]) -> str:
    """What the descriptor with the largest contribution says; "" where none is evidence for the winner."""
    found = [one for one in contributions if is_descriptor(one) and one.contribution > 0]
    return describe_contribution(max(found, key=lambda one: one.contribution)) if found else ""


def list_shared_contributions(explanation: Explanation) -> tuple[tuple[str, float], ...]:
    """What is said of both classes, each once, with what it did for the margin altogether; the most telling first."""
    nets = {
        one.phrase.casefold(): (describe_contribution(one), one.net)
        for one in explanation.contributions
        if one.net is not None
    }
    return tuple(sorted(nets.values(), key=lambda one: -abs(one[1])))


def list_nearest_images(explanation: Explanation) -> tuple[tuple[str, str, str], ...]:
    """Class, name and cosine of the examples that were compared with the image."""
    return tuple((one.class_name, one.name, format_cosine(one.cosine)) for one in explanation.examples)


def select_shown_remainders(explanation: Explanation) -> tuple[Remainder, ...]:
    """Those that are worth a line; what is left of an explanation that does not name them is one."""
    named = explanation.remainders or (Remainder("elsewhere than these texts", explanation.rest),)
    return tuple(one for one in named if abs(one.contribution) >= REST_SHOWN)
