"""One node of a JSON or YAML list → rows of a checklist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bioclip_x.plugin import NameUsage
from bioclip_x_plugins.readers.tables.lineages import normalise_language

_KEYS: Final = {
    "id": ("id", "tax_id", "taxid", "taxon_id", "taxonid", "node_id", "key"),
    "parent": ("parent_id", "parentid", "parent_tax_id", "parent", "parent_taxon_id", "parent_key"),
    "name": ("name", "scientific_name", "scientificname", "label", "canonicalname"),
    "rank": ("rank", "taxonrank", "taxon_rank"),
    "authorship": ("authorship", "scientificnameauthorship", "author"),
}
_READ: Final = frozenset(key for keys in _KEYS.values() for key in keys) | {
    "common_names", "common_name", "ids", "extra", "synonyms", "is_class", "children",
}  # fmt: skip


def key_of(node: Mapping[Any, Any], what: str) -> Any:
    """What a node has under the usual keys of something, in any case; None where it has none of them."""
    found = {str(key).lower(): value for key, value in node.items()}
    return next((found[key] for key in _KEYS[what] if found.get(key) is not None), None)


def convert_to_text(value: Any) -> str:
    """Numbers and texts as text, null as "". Raises ValueError for anything else."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"expected a text or a number, got {str(value)[:60]!r}")
    return " ".join(str(value).split())


def iterate_usages(node: Mapping[Any, Any], place: int, parents: Sequence[str] | None) -> Iterator[NameUsage]:
    """A node, once for each of its parents, and its synonyms. parents: a graph's; None for a node that names its own.

    Raises ValueError for what is no node, or has an entry of another kind than it should have.
    """
    id = convert_to_text(key_of(node, "id"))
    if not id:
        raise ValueError(f"expected a node with an 'id', got {str(dict(node))[:80]}")
    name = convert_to_text(key_of(node, "name")) or id
    if parents is None:
        own = key_of(node, "parent")
        parents = [convert_to_text(one) for one in (own if isinstance(own, list) else [own])]
    for parent in parents or [""]:
        yield NameUsage(
            id,
            name,
            convert_to_text(key_of(node, "rank")),
            parent,
            authorship=convert_to_text(key_of(node, "authorship")),
            line=place,
            is_class=_given(node, "is_class", bool),
            common_names=_common_names(node),
            ids=_texts(node, "ids"),
            extra=_texts(node, "extra") | _others(node),
        )
    for number, synonym in enumerate(_given(node, "synonyms", list)):
        about = synonym if isinstance(synonym, dict) else {"name": synonym}
        yield NameUsage(
            f"{id}, synonym {number}",
            convert_to_text(about.get("name")),
            convert_to_text(about.get("rank")),
            accepted=[id],
            authorship=convert_to_text(about.get("authorship")),
            line=place,
        )


def _given(node: Mapping[Any, Any], key: str, kind: type) -> Any:
    value = node.get(key)
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise ValueError(f"{key!r} must be a {kind.__name__}, got {str(value)[:60]!r}")
    return value


def _texts(node: Mapping[Any, Any], key: str) -> dict[str, str]:
    found = _given(node, key, dict)
    return {convert_to_text(name): convert_to_text(value) for name, value in found.items() if value is not None}


def _others(node: Mapping[Any, Any]) -> dict[str, str]:
    """What else is told of it in one word."""
    others = ((str(key), value) for key, value in node.items() if str(key).lower() not in _READ)
    return {key: str(value) for key, value in others if isinstance(value, (str, int, float)) and value != ""}


def _common_names(node: Mapping[Any, Any]) -> dict[str, tuple[str, ...]]:
    names = node.get("common_names")
    if not isinstance(names, dict):
        names = {"en": names if names is not None else node.get("common_name")}
    found: dict[str, tuple[str, ...]] = {}
    for language, value in names.items():
        several = tuple(filter(None, map(convert_to_text, value if isinstance(value, list) else [value])))
        if several:
            found[normalise_language(str(language))] = several
    return found
