"""Why: each prompt's part in a decision."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PromptShare:
    """One prompt's part.

    phrase: what the prompt says of its class beyond its name; "" for a prompt that only names it.
    similarity: cosine of image and prompt embeddings, in [-1, 1].
    contribution: its signed part of the logit margin of the winner over the runner-up, in logits; negative where it
        speaks for the runner-up. The winner's prompts and the runner-up's are both listed.
    taxon, rank: as the prompt's: whose descriptor it is where it is inherited.
    """

    phrase: str
    text: str
    kind: str
    source: str
    class_index: int
    similarity: float
    contribution: float
    taxon: str = ""
    rank: str = ""
    heat_map: HeatMap | None = None


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Where in the picture a prompt's similarity comes from.

    values_hw: h rows of w numbers, left to right, top to bottom: each patch's part of the cosine. With `is_exact` they sum
        to the prompt's similarity; else they are the cosines of the patches themselves, as `method` says.
    box: left, top, right, bottom of what the model saw of the picture, as shares of its width and height in [0, 1]; the
        rest was cropped away.
    method: how it was made, and its source.
    """

    values_hw: tuple[tuple[float, ...], ...]
    box: tuple[float, float, float, float]
    method: str
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Remainder:
    """A part of the margin that belongs to no prompt. label: what made it ("other classes of Aves", "species-list")."""

    label: str
    contribution: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why the winner and not the runner-up (Menon & Vondrick, ICLR 2023, with margins in place of raw similarities).

    winner, runner_up: the two taxa; runner_up is "" where there is no other.
    winner_class, runner_up_class: the classes whose prompts are listed: the taxa themselves, or the best class within
        each where the taxa are above the classes.
    margin: the winner's logit minus the runner-up's (logit scale applied); a taxon above the classes has the
        logsumexp of its classes' logits. With a softmax of the logits it is the log of the ratio of the two shares.
    shares: every prompt of the two classes, the winner's first, each class's strongest first.
    rest: margin minus the sum of the contributions: 0 up to rounding for two classes whose logits are linear in the
        similarities, else what the other classes of the two taxa, or priors, made of it.
    remainders: the rest, by what made it; they sum to it.
    is_asked_for: whether the runner-up is the class asked about (`--why-not`) and not the second best.
    """

    winner: str
    runner_up: str
    winner_class: str
    runner_up_class: str
    margin: float
    shares: tuple[PromptShare, ...]
    rest: float
    remainders: tuple[Remainder, ...] = ()
    is_asked_for: bool = False
