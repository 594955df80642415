"""Why: each prompt's part in a decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bioclip_x.errors import BioclipXError

if TYPE_CHECKING:
    import pandas

FORMAT: Final = "bioclip-x/explanation/1"
"""Of an explanation in JSON; docs/explanations.md has its schema."""


@dataclass(frozen=True, slots=True)
class PromptShare:
    """One prompt's part.

    phrase: what the prompt says of its class beyond its name; "" for a prompt that only names it.
    similarity: cosine of image and prompt embeddings, in [-1, 1].
    contribution: its signed part of the logit margin of the winner over the runner-up, in logits; negative where it
        speaks for the runner-up. The winner's prompts and the runner-up's are both listed.
    taxon, rank: as the prompt's: whose descriptor it is where it is inherited.
    n_classes: how many of the listed classes the phrase is said of, this one among them; 1 for a prompt without a phrase.
    net: where the phrase is said of both classes compared: what it did for the margin altogether, the sum of all
        contributions with this phrase; else None.
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
    """Where in the picture a prompt's similarity comes from.

    values_hw: h rows of w numbers, left to right, top to bottom: each patch's part of the cosine. With `is_exact` they sum
        to the prompt's similarity; else what is missing comes from no patch alone.
    box: left, top, right, bottom of what the model saw, as shares of the picture's width and height: within [0, 1] where the
        rest was cropped away, beyond where the picture was padded.
    method: how it was made, and its source.
    """

    values_hw: tuple[tuple[float, ...], ...]
    box: tuple[float, float, float, float]
    method: str
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Remainder:
    """A part of the margin that belongs to no prompt.

    label: what made it, for people ("other classes of Aves", "species-list:park.csv"). kind: "classes" (the other classes of
    a taxon above the classes), "adjustment", "head", "bias" or "scores" (a scorer without texts).
    contribution: positive where it speaks for the winner. Infinite for what excludes one of the two.
    """

    label: str
    contribution: float
    kind: str = ""


def others_of(taxon: str) -> str:
    """The label of what the other classes of a taxon above the classes made of a margin."""
    return f"other classes of {taxon}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why the winner and not the runner-up (Menon & Vondrick, ICLR 2023, with margins in place of raw similarities).

    winner, runner_up: the two taxa; runner_up is "" where there is no other.
    winner_class, runner_up_class: the classes whose prompts are listed: the taxa themselves, or the best class within
        each where the taxa are above the classes.
    margin: the log of the ratio of the two taxa's shares. With the softmax of class logits it is the difference of the
        two logits; a taxon above the classes has the logsumexp of its classes' logits. The winner's own logit where there
        is no runner-up. Infinite where the runner-up is excluded.
    shares: every prompt of the two classes, the winner's first, each class's strongest first.
    rest: margin minus the sum of the contributions: 0 for two classes whose logits are linear in the similarities, else
        what the other classes of the two taxa, priors, or the head made of it.
    remainders: the rest, by what made it; they sum to it.
    is_asked_for: whether the runner-up is the taxon asked about (`--why-not`) and not the second best.
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

    def to_frame(self) -> pandas.DataFrame:
        """A row for each prompt and remainder, in this order; the column `contribution` sums to the margin.

        Columns: `class` ("" for a remainder), then the fields of `PromptShare` but for the heat map; a remainder has its
        label as `phrase`, the kind "remainder: …", and no similarity. `frame.attrs` has winner, runner_up and margin.

        Raises BioclipXError where pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise BioclipXError("a data frame needs pandas, which is not installed: pip install pandas") from None
        rows = [_frame_row(self, share) for share in self.shares] + [_frame_remainder(one) for one in self.remainders]
        frame = pandas.DataFrame(rows, columns=["class", *_COLUMNS])
        frame.attrs.update(winner=self.winner, runner_up=self.runner_up, margin=self.margin)
        return frame


_COLUMNS: Final = (
    "phrase", "text", "kind", "source", "taxon", "rank", "similarity", "contribution", "n_classes", "net",
)  # fmt: skip


def _frame_row(explanation: Explanation, share: PromptShare) -> dict[str, object]:
    is_winners = share.class_index == explanation.shares[0].class_index
    name = explanation.winner_class if is_winners else explanation.runner_up_class
    return {"class": name, **{column: getattr(share, column) for column in _COLUMNS}}


def _frame_remainder(one: Remainder) -> dict[str, object]:
    return {
        "class": "",
        "phrase": one.label,
        "text": "",
        "kind": f"remainder: {one.kind}",
        "contribution": one.contribution,
    }
