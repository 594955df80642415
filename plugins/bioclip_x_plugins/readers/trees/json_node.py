"""Converts a node of a JSON or YAML list to name usages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bioclip_x.plugin import NameUsage
from bioclip_x_plugins.readers.vocabulary.languages import normalise_language

_KEYS: Final = {
    "id": ("id", "tax_id", "taxid", "taxon_id", "taxonid", "node_id", "key"),
    "parent": ("parent_id", "parentid", "parent_tax_id", "parent", "parent_taxon_id", "parent_key"),
    "name": ("name", "scientific_name", "scientificname", "label", "canonicalname"),
    "rank": ("rank", "taxonrank", "taxon_rank"),
    "authorship": ("authorship", "scientificnameauthorship", "author"),
}
_USED_KEYS: Final = frozenset(key for keys in _KEYS.values() for key in keys) | {
    "common_names", "common_name", "ids", "extra", "synonyms", "is_class", "beside", "children",
}  # fmt: skip


def get_value(node: Mapping[Any, Any], field: str) -> Any:
    """Returns the value of a field under any of its usual keys, ignoring case; None without one."""
    values = {str(key).lower(): value for key, value in node.items()}
    return next((values[key] for key in _KEYS[field] if values.get(key) is not None), None)


def convert_to_text(value: Any) -> str:
    """Converts text or a number to text, null to "". Raises ValueError for other types."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"expected a text or a number, got {str(value)[:60]!r}")
    return " ".join(str(value).split())


def make_usages(node: Mapping[Any, Any], number: int, parents: Sequence[str] | None) -> Iterator[NameUsage]:
    """Yields a usage per parent of a node, then its synonyms. parents: from the edges of a graph; None reads the node's own.

    Raises ValueError for an invalid node or a value of the wrong type.
    """
    id = convert_to_text(get_value(node, "id"))
    if not id:
        raise ValueError(f"expected a node with an 'id', got {str(dict(node))[:80]}")
    name = convert_to_text(get_value(node, "name")) or id
    if parents is None:
        parent_ids = get_value(node, "parent")
        parents = [convert_to_text(id) for id in (parent_ids if isinstance(parent_ids, list) else [parent_ids])]
    for parent in parents or [""]:
        yield NameUsage(
            id,
            name,
            convert_to_text(get_value(node, "rank")),
            parent,
            authorship=convert_to_text(get_value(node, "authorship")),
            line=number,
            is_beside=_get_checked(node, "beside", bool),
            is_class=None if node.get("is_class") is None else _get_checked(node, "is_class", bool),
            common_names=_get_common_names(node),
            ids=_get_texts(node, "ids"),
            extra=_get_texts(node, "extra") | _get_others(node),
        )
    for index, synonym in enumerate(_get_checked(node, "synonyms", list)):
        entry = synonym if isinstance(synonym, dict) else {"name": synonym}
        yield NameUsage(
            f"{id}, synonym {index}",
            convert_to_text(entry.get("name")),
            convert_to_text(entry.get("rank")),
            accepted=[id],
            authorship=convert_to_text(entry.get("authorship")),
            line=number,
        )


def _get_checked(node: Mapping[Any, Any], key: str, kind: type) -> Any:
    value = node.get(key)
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise ValueError(f"{key!r} must be a {kind.__name__}, got {str(value)[:60]!r}")
    return value


def _get_texts(node: Mapping[Any, Any], key: str) -> dict[str, str]:
    values = _get_checked(node, key, dict)
    return {convert_to_text(name): convert_to_text(value) for name, value in values.items() if value is not None}


def _get_others(node: Mapping[Any, Any]) -> dict[str, str]:
    """Returns all other entries with a scalar value."""
    others = ((str(key), value) for key, value in node.items() if str(key).lower() not in _USED_KEYS)
    return {key: str(value) for key, value in others if isinstance(value, (str, int, float)) and value != ""}


def _get_common_names(node: Mapping[Any, Any]) -> dict[str, tuple[str, ...]]:
    names = node.get("common_names")
    if not isinstance(names, dict):
        names = {"en": names if names is not None else node.get("common_name")}
    common_names: dict[str, tuple[str, ...]] = {}
    for language, value in names.items():
        texts = tuple(filter(None, map(convert_to_text, value if isinstance(value, list) else [value])))
        if texts:
            common_names[normalise_language(str(language))] = texts
    return common_names
