"""Walks through nested mappings and sequences, as `state_dict()` returns them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any


def iterate_leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yields what is in nested containers, with its path.

    >>> dict(iterate_leaves({"model": {"w": 1.5}, "groups": [{"lr": 0.1}]}))
    {'model.w': 1.5, 'groups.0.lr': 0.1}
    """
    items = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list | tuple) else None
    )
    if items is None:
        yield path, value
        return
    for key, one in items:
        yield from iterate_leaves(one, f"{path}.{key}" if path else str(key))


def replace_leaves(value: Any, function: Callable[[str, Any], Any], path: str = "") -> Any:
    """Returns a copy of nested containers with function(path, leaf) in place of each leaf.

    >>> replace_leaves({"a": [1, 2]}, lambda path, leaf: f"{path}={leaf}")
    {'a': ['a.0=1', 'a.1=2']}
    """
    if isinstance(value, Mapping):
        return {key: replace_leaves(one, function, f"{path}.{key}" if path else str(key)) for key, one in value.items()}
    if isinstance(value, list | tuple):
        changed = (replace_leaves(one, function, f"{path}.{i}" if path else str(i)) for i, one in enumerate(value))
        return type(value)(changed)
    return function(path, value)
