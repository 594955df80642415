"""Findings of curation, and what was done about them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from bioclip_x.prompts.formats.collector import quote_value
from bioclip_x.records.texts.descriptor import DescriptorSet

Done = Literal["mended", "dropped", "told"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault or doubt.

    kind: a word or two, by which findings are counted. name: of the class, "" for the whole file. phrase: before curation, ""
    for a whole class. done: "told" (only reported) for doubts, where nothing is changed. became: the phrase if mended.
    """

    kind: str
    name: str
    phrase: str
    done: Done
    message: str
    became: str = ""

    def __str__(self) -> str:
        subject = ": ".join(quote_value(text) for text in (self.name, self.phrase) if text)
        end = f", now {quote_value(self.became)}" if self.became else ""
        return f"{subject}: {self.message} ({self.done}{end})" if subject else f"{self.message} ({self.done})"


@dataclass(frozen=True, slots=True)
class Curated:
    """Descriptors after curation, and all findings."""

    descriptors: DescriptorSet
    findings: tuple[Finding, ...]

    @property
    def to_ask_again(self) -> tuple[str, ...]:
        """The classes without descriptors, whether curation dropped them or there were none."""
        return self.descriptors.empty_classes


def summarise_findings(findings: Iterable[Finding]) -> list[str]:
    """Makes a line for each kind of finding: how many were mended, dropped or told, and the first of them.

    >>> summarise_findings([Finding("list mark", "hen", "- a comb", "mended", "a bullet", "a comb")])
    ["list mark: 1 mended; first 'hen': '- a comb'"]
    """
    by_kind: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_kind[finding.kind].append(finding)
    lines = []
    for kind, group in by_kind.items():
        counts = Counter(finding.done for finding in group)
        subject = ": ".join(quote_value(text) for text in (group[0].name, group[0].phrase) if text) or group[0].message
        lines.append(f"{kind}: {', '.join(f'{n:,} {done}' for done, n in counts.items())}; first {subject}")
    return lines
