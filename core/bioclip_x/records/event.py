"""Images that show one event or individual: a burst, an observation, a video."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EventImage:
    """What one image, or one region of an image, had to say in the decision on its event.

    source: as in its own result. region: its number among the image's regions, counted from 0. probability: of the event's
    best taxon on this image alone; nan if it took no part. contribution: its part of the event's margin over the runner-up,
    in logits; those of all images sum to the margin if log-probabilities are averaged. None for events of mean
    probabilities, and without a runner-up. left_out: why it took no part: its error, or why it was not named; "" if it did.
    """

    source: str
    region: int
    probability: float
    contribution: float | None
    left_out: str = ""
