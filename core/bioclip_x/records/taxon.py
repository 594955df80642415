"""A taxon and its synonyms, as used by text builders, readers and reports."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Synonym:
    """A scientific name of a taxon other than its accepted name in the tree.

    name: without author. authorship: author and year as written ("(Linnaeus, 1758)"). rank: at which it was published.
    """

    name: str
    authorship: str = ""
    rank: str = ""


@dataclass(frozen=True, slots=True)
class Taxon:
    """A named group of organisms in one taxonomy. Within a tree its identity is its path, not its name.

    rank: lower-case rank ("species", "genus", …), or "" for an unranked clade or a plain label.
    name: the scientific name without its author, at species rank the full binomial ("Cyanistes caeruleus"), or the label.
    lineage: (rank, name) from the top of the tree down to and including this taxon, without ranks that it lacks.
    common_names: language code (ISO 639-1) → names, the preferred one first. Many-to-many across taxa.
    ids: external identifiers ({"gbif": "2487879"}).
    extra: other columns of the taxonomy file.
    authorship: author and year of the name, as written ("(Linnaeus, 1758)").
    synonyms: its other scientific names.
    """

    rank: str
    name: str
    lineage: tuple[tuple[str, str], ...]
    common_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    authorship: str = ""
    synonyms: tuple[Synonym, ...] = ()

    def at(self, rank: str) -> str:
        """Returns the name of the ancestor-or-self at `rank`, "" if the lineage lacks it."""
        return next((name for r, name in self.lineage if r == rank), "")

    def common_name(self, language: str = "en") -> str:
        """Returns the preferred common name in `language`, "" if none is known."""
        names = self.common_names.get(language, ())
        return names[0] if names else ""
