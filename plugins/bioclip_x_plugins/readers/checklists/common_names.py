"""Common names listed in a separate table of a checklist."""

from __future__ import annotations

from collections.abc import Mapping

from bioclip_x_plugins.readers.vocabulary.languages import find_language_code

Names = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Taxon id → language → names, preferred ones first."""

_TRUE = frozenset({"true", "t", "1", "yes", "y"})


class CommonNames:
    """Collects (taxon, name, language) rows."""

    def __init__(self) -> None:
        self.names: dict[str, dict[str, tuple[str, ...]]] = {}

    def add(self, taxon: str, name: str, language: str | None, preferred: str = "") -> None:
        """language: a code or name, "" for a blank cell, None for a table without such a column (taken as English)."""
        if not (taxon and name):
            return
        code = "en" if language is None else find_language_code(language)
        names_by_language = self.names.setdefault(taxon, {})
        known = names_by_language.get(code, ())
        if preferred.lower() in _TRUE:
            names_by_language[code] = (name, *(other for other in known if other != name))
        elif name not in known:
            names_by_language[code] = (*known, name)
