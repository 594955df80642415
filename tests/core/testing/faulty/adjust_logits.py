"""Logit adjustments, each with one fault."""

from collections.abc import Sequence

import torch

from bioclip_x.plugin import LogitAdjustmentCapabilities, Source, Taxonomy

KIND = "adjust_logits"


class Right:
    """the first class, in winter"""

    capabilities = LogitAdjustmentCapabilities(image_notes=True)

    def offsets(self, taxonomy: Taxonomy, sources: Sequence[Source]) -> torch.Tensor:
        is_winter_B = torch.tensor([str(one.metadata.get("date", ""))[5:7] == "12" for one in sources])
        offsets_CB = torch.zeros(taxonomy.n_classes, len(sources))
        offsets_CB[0] = is_winter_B.float()
        return self.change(offsets_CB)

    def change(self, offsets_CB: torch.Tensor) -> torch.Tensor:
        return offsets_CB

    def notes(self, taxonomy: Taxonomy) -> Sequence[str]:
        return ["the first class is favoured in winter"]

    def image_notes(self, taxonomy: Taxonomy, sources: Sequence[Source]) -> Sequence[Sequence[str]]:
        return [() if "date" in one.metadata else ("no date",) for one in sources]


class Infinite(Right):
    """+inf in winter"""

    def change(self, offsets_CB: torch.Tensor) -> torch.Tensor:
        return offsets_CB * float("inf")


class Nothing(Right):
    """excludes all classes in winter"""

    def change(self, offsets_CB: torch.Tensor) -> torch.Tensor:
        return offsets_CB.masked_fill(offsets_CB[0] > 0, float("-inf"))


class OfBatches(Right):
    """a share of the batch"""

    def change(self, offsets_CB: torch.Tensor) -> torch.Tensor:
        return offsets_CB / offsets_CB.shape[1]


class Kept(Right):
    """offsets of the first tree that it is asked of"""

    def __init__(self) -> None:
        self.kept: torch.Tensor | None = None

    def offsets(self, taxonomy: Taxonomy, sources: Sequence[Source]) -> torch.Tensor:
        self.kept = super().offsets(taxonomy, sources) if self.kept is None else self.kept
        return self.kept


class FewNotes(Right):
    """notes of images that have some"""

    def image_notes(self, taxonomy: Taxonomy, sources: Sequence[Source]) -> Sequence[Sequence[str]]:
        return [notes for notes in super().image_notes(taxonomy, sources) if notes]


class OneNote(Right):
    """a note in place of a list"""

    def notes(self, taxonomy: Taxonomy) -> Sequence[str]:
        return "the first class is favoured in winter"


RIGHT = (Right,)
FAULTY = {
    "offsets_are_of_classes": Infinite,
    "a_class_is_left": Nothing,
    "images_do_not_affect_each_other": OfBatches,
    "another_tree_has_its_own_offsets": Kept,
    "images_have_notes": FewNotes,
    "notes_say_what_was_adjusted": OneNote,
}
