"""Taxonomies in YAML or JSON, in any of three shapes.

A list of lineages, with the keys that tables have as columns:

    - {family: Paridae, genus: Parus, species: Parus major, common_name: great tit}

Nodes with children:

    - rank: family
      name: Paridae
      children: [{rank: species, name: Parus major, common_names: {en: great tit, de: Kohlmeise}}]

Names nested in names, the ranks told once:

    ranks: [family, genus, species]
    tree: {Paridae: {Parus: [Parus major]}}
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bioclip_x.errors import TaxonomyError
from bioclip_x.files import read_yaml
from bioclip_x.taxonomy import Details, Taxonomy, TaxonomyBuilder
from bioclip_x_plugins.readers.lineages import column_roles, from_records

_NODE_KEYS = {"rank", "name", "children", "common_names", "ids", "extra", "is_class"}


class YamlReader:
    """YAML and JSON: a list of lineages, nodes with children, or names nested in names."""

    def sniff(self, path: Path, head: bytes) -> bool:
        return path.suffix.lower() in (".yaml", ".yml", ".json")

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError naming the place."""
        document = read_yaml(path, TaxonomyError)
        if isinstance(document, dict) and set(document) == {"ranks", "tree"}:
            builder = TaxonomyBuilder()
            _nested(builder, 0, document["tree"], _ranks(path, document["ranks"]), str(path))
            return builder.build(str(path))
        entries = document if isinstance(document, list) else [document]
        if not document or not all(isinstance(entry, dict) for entry in entries):
            raise TaxonomyError(
                f"{path}: expected a list of lineages, nodes with 'name' and 'children', or 'ranks' and 'tree'"
            )
        if any("name" in entry for entry in entries):
            builder = TaxonomyBuilder()
            twice: list[str] = []
            for entry in entries:
                _node(builder, 0, entry, str(path), twice)
            notes = [f"{len(twice)} taxa are listed twice and taken once, first: {twice[0]}"] if twice else []
            return builder.build(str(path), notes)
        if not any(role in ("rank", "epithet") for role, _ in column_roles(map(str, entries[0])).values()):
            raise TaxonomyError(f"{path}: no key of the first entry is a rank: {', '.join(map(str, entries[0]))}")
        records = [
            (f"{path}, entry {i}", {str(k): "" if v is None else str(v) for k, v in entry.items()})
            for i, entry in enumerate(entries, start=1)
        ]
        return from_records(records, str(path))


def _ranks(path: Path, ranks: Any) -> Sequence[str]:
    if not isinstance(ranks, list) or not all(isinstance(rank, str) for rank in ranks):
        raise TaxonomyError(f"{path}: 'ranks' must be a list of ranks, from the top down")
    return ranks


def _nested(builder: TaxonomyBuilder, parent: int, tree: Any, ranks: Sequence[str], where: str) -> None:
    if tree is None:
        return
    if not ranks:
        raise TaxonomyError(f"{where}: the tree is deeper than its list of ranks")
    children = tree.items() if isinstance(tree, dict) else [(name, None) for name in _as_list(tree)]
    for name, below in children:
        if not isinstance(name, str):
            raise TaxonomyError(f"{where}: expected a name, got {name!r}; put it in quotes if it is one")
        _nested(builder, builder.add(parent, ranks[0], name), below, ranks[1:], f"{where} > {name}")


def _node(builder: TaxonomyBuilder, parent: int, entry: Any, where: str, twice: list[str]) -> None:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise TaxonomyError(f"{where}: expected a node with a 'name', got {entry!r}")
    where = f"{where} > {entry['name']}"
    unknown = sorted(str(key) for key in entry.keys() - _NODE_KEYS)
    if unknown:
        raise TaxonomyError(f"{where}: unknown keys {', '.join(unknown)}; known: {', '.join(sorted(_NODE_KEYS))}")
    names = entry.get("common_names") or {}
    details = Details(
        {language: tuple(_as_list(names[language])) for language in names},
        {str(k): str(v) for k, v in (entry.get("ids") or {}).items()},
        {str(k): str(v) for k, v in (entry.get("extra") or {}).items()},
    )
    before = len(builder)
    node = builder.add(parent, str(entry.get("rank") or ""), entry["name"], details)
    if len(builder) == before:
        twice.append(where)
    if entry.get("is_class"):
        builder.mark_class(node)
    for child in entry.get("children") or []:
        _node(builder, node, child, where, twice)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
