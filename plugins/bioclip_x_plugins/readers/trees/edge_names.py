"""Names of the identifiers in a parent-child list: lines `12 Parus major`, or a Keras index `{"0": ["n01440764", "tench"]}`.

Next to `cub_flat.parent-child.txt` the first existing file is used of `classes_flat-hierarchy.txt`, `classes_flat.txt`,
`flat_class_index.json`, `classes.txt`, `class_names.txt`; then any `…_class_index.json`, without its numeric identifiers, since
another data set may number its classes differently.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bioclip_x.plugin import Findings, TaxonomyError, name_content, read_yaml
from bioclip_x_plugins.readers.lines import read_text_lines

NAME_FILES: Final = ("classes*.txt", "class_names.txt", "*_class_index.json")
"""Patterns of the files that names may be taken from."""

_NAME_LINE = re.compile(r"([^\s,;]+)[\s,;]\s*(\S.*?)\s*")


def find_names(path: Path, ids: Collection[str], findings: Findings) -> dict[str, str]:
    """Reads names by identifier from a file next to the list, with a note naming the file; empty if there is none."""
    for file in _find_candidates(path):
        names = read_names(file)
        if not _is_own_file(path, file):
            names = {id: name for id, name in names.items() if not id.isdecimal()}
        n_named = sum(id in names for id in ids)
        if n_named:
            rest = f"; {len(ids) - n_named} have none and keep the identifier as name" if n_named < len(ids) else ""
            findings.warn("names", f"names of {n_named} of {len(ids)} identifiers are taken from {file.name}{rest}")
            return names
    return {}


def read_names(path: Path) -> dict[str, str]:
    """Reads names by identifier. Raises TaxonomyError with file and line."""
    if name_content(path).suffix.lower() == ".json":
        return dict(_read_index(path, read_yaml(path, TaxonomyError)))
    names: dict[str, str] = {}
    for line, text in read_text_lines(path):
        match = _NAME_LINE.fullmatch(text)
        if not match:
            raise TaxonomyError(f"{path}, line {line}: expected an identifier and a name, got {text.strip()[:60]!r}")
        names[match[1]] = match[2]
    return names


def _read_index(path: Path, document: Any) -> Iterator[tuple[str, str]]:
    for key, value in document.items() if isinstance(document, Mapping) else [("it", document)]:
        match value:
            case [str() | int() as id, str(name)]:
                yield str(id), name
            case str(name) if isinstance(document, Mapping):
                yield str(key), name
            case _:
                raise TaxonomyError(f"{path}: expected [identifier, name] or a name, got {value!r:.60} for {key!r}")


def _list_own_files(path: Path) -> list[str]:
    tag = path.name.split(".")[0].partition("_")[2]
    tagged = [f"classes_{tag}-hierarchy.txt", f"classes_{tag}.txt", f"{tag}_class_index.json"] if tag else []
    return [*tagged, "classes.txt", "class_names.txt"]


def _is_own_file(path: Path, file: Path) -> bool:
    return file.name in _list_own_files(path)


def _find_candidates(path: Path) -> Iterator[Path]:
    for name in _list_own_files(path):
        if (path.parent / name).is_file():
            yield path.parent / name
    yield from sorted(path.parent.glob("*_class_index.json"))
