"""How explanations are put in words, in every report."""

from __future__ import annotations

import math

from bioclip_x.plugin import Explanation, PromptContribution, Remainder
from bioclip_x_plugins.reports.result_text import REST_SHOWN, said, sides, signed


def amount(number: float) -> str:
    """A part of a margin; what is infinite excludes one of the two.

    >>> amount(1.204), amount(float("inf"))
    ('+1.20', 'excluded')
    """
    return "excluded" if math.isinf(number) else signed(number)


def margin_in_words(explanation: Explanation) -> str:
    """
    >>> margin_in_words(Explanation("a", "b", "a", "b", 2.5, (), 0.0))
    'margin +2.50'
    """
    if math.isinf(explanation.margin):
        return "it is excluded"
    return f"{'margin' if explanation.runner_up else 'score'} {signed(explanation.margin)}"


def whence(share: PromptContribution) -> str:
    """The taxon above the class that a descriptor was written for, "" where it is the class's own.

    >>> whence(PromptContribution("a fork", "", "descriptor", "", 0, 0.3, 1.0, "Milvus", "genus"))
    'genus Milvus'
    """
    return f"{share.rank} {share.taxon}".strip()


def own_sides(explanation: Explanation) -> tuple[tuple[PromptContribution, ...], tuple[PromptContribution, ...]]:
    """The winner's prompts and the runner-up's, the strongest first, without what is said of both."""
    winners, others = (tuple(share for share in side if share.net is None) for side in sides(explanation))
    return winners, others


def of_both(explanation: Explanation) -> tuple[tuple[str, float], ...]:
    """What is said of both classes, each once, with what it did for the margin altogether; the most telling first."""
    nets = {
        share.phrase.casefold(): (said(share), share.net)
        for share in explanation.contributions
        if share.net is not None
    }
    return tuple(sorted(nets.values(), key=lambda one: -abs(one[1])))


def shown_remainders(explanation: Explanation) -> tuple[Remainder, ...]:
    """Those that are worth a line; what is left of an explanation that does not name them is one."""
    named = explanation.remainders or (Remainder("elsewhere than these texts", explanation.rest),)
    return tuple(one for one in named if abs(one.contribution) >= REST_SHOWN)
