"""Common names that a checklist keeps in a table of their own."""

from __future__ import annotations

from collections.abc import Mapping

from bioclip_x_plugins.readers.languages import find_language_code

Names = Mapping[str, Mapping[str, tuple[str, ...]]]
"""taxon → language → names, the preferred first."""

_TRUE = frozenset({"true", "t", "1", "yes", "y"})


class CommonNames:
    """Gathers (taxon, name, language) rows."""

    def __init__(self) -> None:
        self.names: dict[str, dict[str, tuple[str, ...]]] = {}

    def add(self, taxon: str, name: str, language: str | None, preferred: str = "") -> None:
        """language: a code or a name, "" where the row gives none, None for a table that has no such column: English."""
        if not (taxon and name):
            return
        code = "en" if language is None else find_language_code(language)
        of_taxon = self.names.setdefault(taxon, {})
        known = of_taxon.get(code, ())
        if preferred.lower() in _TRUE:
            of_taxon[code] = (name, *(other for other in known if other != name))
        elif name not in known:
            of_taxon[code] = (*known, name)
