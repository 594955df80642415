"""Explanations of a prediction: what each prompt contributed to the decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bioclip_x.errors import BioclipXError
from bioclip_x.records.notebook import show_explanation

if TYPE_CHECKING:
    import pandas

EXPLANATION_FORMAT: Final = "bioclip-x/explanation/2"
"""The format of an explanation in JSON; docs/explanations.md has its schema."""

MEAN_TEXT: Final = "the mean text of the list"
"""Label of the baseline's remainder in a margin, see `Explanation.baseline`."""


@dataclass(frozen=True, slots=True)
class PromptContribution:
    """The contribution of one prompt.

    phrase: what the prompt says about its class beyond its name; "" for a prompt that only names it.
    similarity: cosine of image and prompt embeddings, in [-1, 1].
    contribution: its signed part of the logit margin of the winner over the runner-up, in logits, relative to the score of
        the list's mean text on this image (see `Explanation.baseline`); negative if it is evidence against the winner.
        The prompts of both classes are listed.
    taxon, rank: for an inherited descriptor, of the taxon above the class that it is from; else "".
    n_classes: number of listed classes that have the phrase, this one included; 1 for a prompt without a phrase.
    net: the sum of all contributions with this phrase if both compared classes have it; else None.
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
    """The contribution of each image patch to a prompt's similarity.

    values_hw: h rows of w numbers, left to right, top to bottom: each patch's part of the cosine. With `is_exact` they sum
        to the prompt's similarity; else the remainder cannot be assigned to patches.
    box: left, top, right, bottom of the model input, as fractions of the image's width and height: within [0, 1] if the
        image was cropped, outside if it was padded.
    method: how it was computed, with a reference.
    """

    values_hw: tuple[tuple[float, ...], ...]
    box: tuple[float, float, float, float]
    method: str
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Remainder:
    """A part of the margin that does not come from a prompt.

    label: readable origin ("other classes of Aves", "species-list:park.csv"). kind: "mean text" (see
    `Explanation.baseline`), "classes" (the other classes of a taxon above the classes), "adjustment", "head", "bias" or
    "scores" (a scorer without prompts).
    contribution: positive if it favours the winner; infinite if it excludes one of the two.
    """

    label: str
    contribution: float
    kind: str = ""


def name_other_classes(taxon: str) -> str:
    """Returns the label of the remainder from the other classes of a taxon above the classes."""
    return f"other classes of {taxon}"


@dataclass(frozen=True, slots=True)
class NearestImage:
    """A support image near to a classified image. name: its path. class_index: its class. cosine: of the two embeddings."""

    name: str
    class_index: int
    cosine: float
    class_name: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why the winner and not the runner-up (Menon & Vondrick, ICLR 2023, with margins in place of raw similarities).

    winner, runner_up: the two taxa; runner_up is "" if there is no other.
    winner_class, runner_up_class: the classes whose prompts are listed: the taxa themselves, or the best class of each
        if the taxa are above the classes.
    margin: the log of the ratio of the two taxa's probabilities. For the softmax of class logits it is the difference of
        the two logits; a taxon above the classes has the logsumexp of its classes' logits. The winner's own logit if
        there is no runner-up. Infinite if the runner-up is excluded.
    contributions: of every prompt of the two classes, the winner's first, each class's strongest first.
    rest: the margin minus the sum of the contributions. remainders: the rest, by origin; they sum to it.
    is_asked_for: whether the runner-up was requested (`--why-not`) rather than being the second best.
    examples: of a scorer that classifies by labelled images, those of the two classes that are nearest to this image, the
        winner's first.
    baseline: c, the cosine of the image with the mean text of the list (`TextBank.mean_D`, not re-normalised), to which
        every contribution is relative; None if no prompt is involved. c cancels in the margin, except for pooling
        `ensemble` and without a runner-up; there a remainder of kind "mean text" makes up the difference.
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
    examples: tuple[NearestImage, ...] = ()

    def __repr__(self) -> str:
        over = f" over {self.runner_up}" if self.runner_up else ""
        return f"Explanation({self.winner}{over}: margin {self.margin:.3g}, {len(self.contributions)} texts)"

    def _repr_html_(self) -> str:
        """Shows the margin and the strongest texts of both classes in a notebook."""
        return show_explanation(self)

    def to_frame(self) -> pandas.DataFrame:
        """Converts to a data frame with a row per prompt, then per remainder; the column `contribution` sums to the margin.

        Columns: `class` ("" for a remainder), then the fields of `PromptContribution` except the heat map; a remainder has
        its label as `phrase`, the kind "remainder: …", and no similarity. `frame.attrs` has winner, runner_up, margin and
        baseline.

        Raises BioclipXError if pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise BioclipXError("a data frame needs pandas, which is not installed; pip install pandas") from None
        rows = [_make_contribution_row(self, one) for one in self.contributions]
        rows += [_make_remainder_row(one) for one in self.remainders]
        frame = pandas.DataFrame(rows, columns=["class", *_COLUMNS])
        frame.attrs.update(winner=self.winner, runner_up=self.runner_up, margin=self.margin, baseline=self.baseline)
        return frame


_COLUMNS: Final = (
    "phrase", "text", "kind", "source", "taxon", "rank", "similarity", "contribution", "n_classes", "net",
)  # fmt: skip


def _make_contribution_row(explanation: Explanation, contribution: PromptContribution) -> dict[str, object]:
    is_of_winner = contribution.class_index == explanation.contributions[0].class_index
    name = explanation.winner_class if is_of_winner else explanation.runner_up_class
    return {"class": name, **{column: getattr(contribution, column) for column in _COLUMNS}}


def _make_remainder_row(remainder: Remainder) -> dict[str, object]:
    return {
        "class": "",
        "phrase": remainder.label,
        "text": "",
        "kind": f"remainder: {remainder.kind}",
        "contribution": remainder.contribution,
    }
