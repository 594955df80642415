"""The size of the inputs by step: small for most of a run, full at its end (CLIPA: Li et al. 2023, arXiv 2305.07017)."""

from __future__ import annotations

from dataclasses import dataclass

from bioclip_x.training.config import Phase, TrainConfig


@dataclass(frozen=True, slots=True)
class InputSize:
    """image_size: (H, W). patch_dropout: fraction of patches left out. text_length: tokens; None for the whole context."""

    image_size: tuple[int, int]
    patch_dropout: float
    text_length: int | None


def find_input_size(config: TrainConfig, full: tuple[int, int], step: int, total: int) -> InputSize:
    """Returns the size of the inputs at a step: that of the phase it belongs to; after the last one, that of the run.

    full: the model's image size. step: completed steps. total: of the run.
    """
    for phase in config.phases:
        if step < find_end(phase, total):
            own = phase.image_size
            length = config.text_length if phase.text_length is None else phase.text_length
            return InputSize((own, own) if own else full, phase.patch_dropout, length)
    return InputSize(full, config.patch_dropout, config.text_length)


def find_end(phase: Phase, total: int) -> int:
    """Returns the number of steps after which a phase has ended."""
    return round(phase.until * total)
