"""Why an image was named so: what each prompt contributed to the decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bioclip_x.errors import BioclipXError

if TYPE_CHECKING:
    import pandas

EXPLANATION_FORMAT: Final = "bioclip-x/explanation/2"
"""The format of an explanation in JSON; docs/explanations.md has its schema."""

MEAN_TEXT: Final = "the mean text of the list"
"""The label of what the baseline leaves in a margin, see `Explanation.baseline`."""


@dataclass(frozen=True, slots=True)
class PromptContribution:
    """What one prompt contributed.

    phrase: what the prompt says of its class beyond its name; "" for a prompt that only names it.
    similarity: cosine of image and prompt embeddings, in [-1, 1].
    contribution: its signed part of the logit margin of the winner over the runner-up, in logits, relative to what the mean
        text of the list scores on this image (see `Explanation.baseline`); negative where it is evidence against the winner.
        The prompts of both classes are listed.
    taxon, rank: of the taxon above the class whose descriptor it is, where it is inherited; else "".
    n_classes: how many of the listed classes have the phrase, this one included; 1 for a prompt without a phrase.
    net: where both compared classes have the phrase: the sum of all contributions with this phrase; else None.
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
    n_classes: int = 1
    net: float | None = None


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Where in the image a prompt's similarity comes from.

    values_hw: h rows of w numbers, left to right, top to bottom: each patch's part of the cosine. With `is_exact` they sum
        to the prompt's similarity; else the rest cannot be assigned to patches.
    box: left, top, right, bottom of what the model saw, as fractions of the image's width and height: within [0, 1] where
        the image was cropped, beyond where it was padded.
    method: how it was computed, and its source.
    """

    values_hw: tuple[tuple[float, ...], ...]
    box: tuple[float, float, float, float]
    method: str
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Remainder:
    """A part of the margin that no prompt made.

    label: what made it, for people ("other classes of Aves", "species-list:park.csv"). kind: "mean text" (see
    `Explanation.baseline`), "classes" (the other classes of a taxon above the classes), "adjustment", "head", "bias" or
    "scores" (a scorer without prompts).
    contribution: positive where it favours the winner. Infinite for what excludes one of the two.
    """

    label: str
    contribution: float
    kind: str = ""


def name_other_classes(taxon: str) -> str:
    """The label of what the other classes of a taxon above the classes add to a margin."""
    return f"other classes of {taxon}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why the winner and not the runner-up (Menon & Vondrick, ICLR 2023, with margins in place of raw similarities).

    winner, runner_up: the two taxa; runner_up is "" where there is no other.
    winner_class, runner_up_class: the classes whose prompts are listed: the taxa themselves, or the best class of each
        where the taxa are above the classes.
    margin: the log of the ratio of the two taxa's probabilities. For the softmax of class logits it is the difference of
        the two logits; a taxon above the classes has the logsumexp of its classes' logits. The winner's own logit where
        there is no runner-up. Infinite where the runner-up is excluded.
    contributions: of every prompt of the two classes, the winner's first, each class's strongest first.
    rest: the margin minus the sum of the contributions. remainders: the rest, by what made it; they sum to it.
    is_asked_for: whether the runner-up is the taxon asked about (`--why-not`) and not the second best.
    baseline: c, the cosine of the image with the mean text of the list (`TextBank.mean_D`, not re-normalised), which every
        contribution is relative to; None where no prompt takes part. In the margin c cancels, but for pooling
        `ensemble` and for a margin without a runner-up: a remainder of kind "mean text" then has the rest.
    """

    winner: str
    runner_up: str
    winner_class: str
    runner_up_class: str
    margin: float
    contributions: tuple[PromptContribution, ...]
    rest: float
    remainders: tuple[Remainder, ...] = ()
    is_asked_for: bool = False
    baseline: float | None = None

    def to_frame(self) -> pandas.DataFrame:
        """A row for each prompt and remainder, in this order; the column `contribution` sums to the margin.

        Columns: `class` ("" for a remainder), then the fields of `PromptContribution` but for the heat map; a remainder has its
        label as `phrase`, the kind "remainder: …", and no similarity. `frame.attrs` has winner, runner_up, margin and baseline.

        Raises BioclipXError where pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise BioclipXError("a data frame needs pandas, which is not installed: pip install pandas") from None
        rows = [_frame_row(self, one) for one in self.contributions] + [
            _frame_remainder(one) for one in self.remainders
        ]
        frame = pandas.DataFrame(rows, columns=["class", *_COLUMNS])
        frame.attrs.update(winner=self.winner, runner_up=self.runner_up, margin=self.margin, baseline=self.baseline)
        return frame


_COLUMNS: Final = (
    "phrase", "text", "kind", "source", "taxon", "rank", "similarity", "contribution", "n_classes", "net",
)  # fmt: skip


def _frame_row(explanation: Explanation, contribution: PromptContribution) -> dict[str, object]:
    is_winners = contribution.class_index == explanation.contributions[0].class_index
    name = explanation.winner_class if is_winners else explanation.runner_up_class
    return {"class": name, **{column: getattr(contribution, column) for column in _COLUMNS}}


def _frame_remainder(one: Remainder) -> dict[str, object]:
    return {
        "class": "",
        "phrase": one.label,
        "text": "",
        "kind": f"remainder: {one.kind}",
        "contribution": one.contribution,
    }
