"""What happens to the data in a run: images that cannot be read, and truncated texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from bioclip_x.messages import list_some, pluralise
from bioclip_x.training.data.batch import Batch

MOST_TRUNCATED: Final = 1 << 16
"""Maximum count of truncated texts; at this count, notes say "at least"."""
MOST_NAMED: Final = 5


@dataclass
class Incidents:
    """What happened to the data in a run; part of its state, so that a resumed run reports all.

    replaced: (data set, index) → why an image cannot be read. noted: the same → what to know of how it was read.
    truncated: ids of the texts that are longer than the model's context.
    """

    replaced: dict[tuple[int, int], str] = field(default_factory=dict)
    noted: dict[tuple[int, int], str] = field(default_factory=dict)
    truncated: set[int] = field(default_factory=set)

    def add(self, batch: Batch) -> None:
        self.replaced |= {(source, index): reason for source, index, reason in batch.replaced}
        self.noted |= {(source, index): note for source, index, note in batch.noted}
        if len(self.truncated) < MOST_TRUNCATED:
            self.truncated.update(batch.truncated)

    def merge(self, other: Incidents) -> None:
        """Adds those of another process."""
        self.replaced |= other.replaced
        self.noted |= other.noted
        self.truncated |= other.truncated

    def state_dict(self) -> dict[str, Any]:
        return {
            "replaced": list(self.replaced.items()),
            "noted": list(self.noted.items()),
            "truncated": sorted(self.truncated),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.replaced, self.noted = dict(state["replaced"]), dict(state["noted"])
        self.truncated = set(state["truncated"])


def describe_incidents(incidents: Incidents, context_length: int) -> tuple[str, ...]:
    """Returns notes for users."""
    notes = []
    if incidents.replaced:
        reasons = [reason for _, reason in sorted(incidents.replaced.items())]
        more = f" … ({len(reasons) - MOST_NAMED} more)" if len(reasons) > MOST_NAMED else ""
        named = "; ".join(reasons[:MOST_NAMED])
        notes.append(f"replaced {pluralise(len(reasons), 'image')} that cannot be read: {named}{more}")
    if incidents.noted:
        named = list_some([note for _, note in sorted(incidents.noted.items())])
        notes.append(f"read {pluralise(len(incidents.noted), 'image')} with a note: {named}")
    if incidents.truncated:
        least = "at least " if len(incidents.truncated) >= MOST_TRUNCATED else ""
        texts = pluralise(len(incidents.truncated), "text")
        notes.append(f"truncated {least}{texts} to the model's {context_length} tokens")
    return tuple(notes)
