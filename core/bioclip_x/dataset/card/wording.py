"""Sentences that both forms of the card have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from bioclip_x.dataset.card.facts import Facts
from bioclip_x.messages import pluralise

OUTCOME_MEANINGS: Final[Mapping[str, str]] = {
    "used": "in the shards",
    "duplicate": "the same as an image that is used",
    "held out": "of a species, an image or a test set that must not be trained on",
    "unreadable": "cannot be read, or not downloaded",
    "unlicensed": "its licence does not permit the use",
    "unnamed": "its taxon is not known, or not exactly enough",
    "repeated": "the source lists it twice",
    "incomplete": "the source lacks the image, or what it shows",
}

PLURALS: Final[Mapping[str, str]] = {
    "kingdom": "kingdoms", "phylum": "phyla", "class": "classes", "order": "orders", "family": "families", "genus": "genera",
    "species": "species",
}  # fmt: skip


def describe_pictures(facts: Facts) -> str:
    """Says in one line what the data set is."""
    names = [one for one in facts.sources if not one.is_test_set]
    return (
        f"{pluralise(facts.used, 'image')} of {pluralise(facts.species, 'species', 'species')}, with their names and lineages, "
        f"from {pluralise(len(names), 'source')}, for training models that name organisms in images. The images are in "
        f"{pluralise(sum(one[3] for one in facts.splits), 'tar file')} in webdataset's layout; a catalogue has a row for each "
        f"of the {pluralise(facts.images, 'image')} of the sources, those included that are not used, and says why."
    )


def describe_attribution(facts: Facts) -> str:
    """Says what the licences ask of those who use the images."""
    asking = [one for one in facts.licences if one.name.startswith("CC-BY")]
    text = "Each image keeps its own licence, which the catalogue and the shards' JSON members state with its rights holder."
    if images := sum(one.images for one in asking):
        text += f" The licences of {pluralise(images, 'image')} ask for naming the rights holder with them"
        missing = sum(one.unattributed for one in asking)
        text += f"; {pluralise(missing, 'image')} of these come without one: name their source." if missing else "."
    if images := sum(one.images for one in facts.licences if "-NC" in one.name):
        text += f" Those of {pluralise(images, 'image')} permit no commercial use."
    if images := sum(one.images for one in facts.licences if one.name in ("unknown", "other")):
        text += (
            f" Of {pluralise(images, 'image')} the licence is unknown, or not a common one: ask before publishing them."
        )
    return text


def list_parts(parts: Sequence[tuple[str, int]], most: int = 3) -> str:
    """Lists the largest parts with their numbers.

    >>> list_parts([("CC-BY", 1200), ("CC0-1.0", 3)])
    'CC-BY (1,200), CC0-1.0 (3)'
    """
    more = f", {len(parts) - most} more" if len(parts) > most else ""
    return ", ".join(f"{name} ({number:,})" for name, number in parts[:most]) + more


def name_range(power: int) -> str:
    """Names the numbers from 2**power to just below 2**(power + 1).

    >>> [name_range(power) for power in (0, 1, 12)]
    ['1', '2–3', '4,096–8,191']
    """
    least = 1 << power
    return f"{least:,}–{2 * least - 1:,}" if power else "1"
