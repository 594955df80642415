"""What curation found in descriptors, and what it did about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from bioclip_x.prompts.formats.collector import quote_value
from bioclip_x.records.descriptor import DescriptorSet

Done = Literal["mended", "dropped", "told"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong or doubtful.

    kind: in a word or two, by which findings are counted. name: of the class, "" for the file as a whole. phrase: as it was,
    "" for a class as a whole. done: "told" for what is uncertain and stays as it is. became: the phrase now, if mended.
    """

    kind: str
    name: str
    phrase: str
    done: Done
    message: str
    became: str = ""

    def __str__(self) -> str:
        what = ": ".join(quote_value(one) for one in (self.name, self.phrase) if one)
        end = f", now {quote_value(self.became)}" if self.became else ""
        return f"{what}: {self.message} ({self.done}{end})" if what else f"{self.message} ({self.done})"


@dataclass(frozen=True, slots=True)
class Curated:
    """Descriptors after curation, and all that was found in them."""

    descriptors: DescriptorSet
    findings: tuple[Finding, ...]

    @property
    def to_ask_again(self) -> tuple[str, ...]:
        """The classes of which nothing is left, or of which nothing ever was."""
        return self.descriptors.empty_classes


def summary(findings: Iterable[Finding]) -> list[str]:
    """A line for each kind: how often, what was done, and the first of it.

    >>> summary([Finding("list mark", "hen", "- a comb", "mended", "a bullet", "a comb")])
    ["list mark: 1 mended; first 'hen': '- a comb'"]
    """
    found = list(findings)
    lines = []
    for kind in dict.fromkeys(one.kind for one in found):
        of_kind = [one for one in found if one.kind == kind]
        done = Counter(one.done for one in of_kind)
        first = of_kind[0]
        where = ": ".join(quote_value(text) for text in (first.name, first.phrase) if text) or first.message
        lines.append(f"{kind}: {', '.join(f'{n:,} {what}' for what, n in done.items())}; first {where}")
    return lines
