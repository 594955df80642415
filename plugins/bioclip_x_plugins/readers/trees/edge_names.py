"""Names of the identifiers in a parent-child list: `12 Parus major` a line, or Keras' index `{"0": ["n01440764", "tench"]}`.

Beside `cub_flat.parent-child.txt` are looked for, the first that there is: `classes_flat-hierarchy.txt`, `classes_flat.txt`,
`flat_class_index.json`, `classes.txt`, `class_names.txt`; then any `…_class_index.json`, of which identifiers that are
numbers are not taken, since another list may number other classes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from bioclip_x.plugin import Findings, TaxonomyError, read_yaml
from bioclip_x_plugins.readers.lines import read_text_lines

_NAMED = re.compile(r"([^\s,;]+)[\s,;]\s*(\S.*?)\s*")


def find_names(path: Path, ids: Collection[str], findings: Findings) -> dict[str, str]:
    """Identifier → name, from a file beside the list, and a finding that tells which; empty where there is none."""
    for file in _beside(path):
        names = read_names(file)
        if not _is_own(path, file):
            names = {id: name for id, name in names.items() if not id.isdigit()}
        named = sum(id in names for id in ids)
        if named:
            rest = f"; {len(ids) - named} have none and go by their identifier" if named < len(ids) else ""
            findings.warn("names", f"the names of {named} of {len(ids)} identifiers are those of {file.name}{rest}")
            return names
    return {}


def read_names(path: Path) -> dict[str, str]:
    """Raises TaxonomyError with file and line."""
    if path.suffix.lower() == ".json":
        return dict(_index(path, read_yaml(path, TaxonomyError)))
    names: dict[str, str] = {}
    for line, text in read_text_lines(path):
        found = _NAMED.fullmatch(text)
        if not found:
            raise TaxonomyError(f"{path}, line {line}: expected an identifier and a name, got {text.strip()[:60]!r}")
        names[found[1]] = found[2]
    return names


def _index(path: Path, document: Any) -> Iterator[tuple[str, str]]:
    for key, value in document.items() if isinstance(document, Mapping) else [("it", document)]:
        match value:
            case [str() | int() as id, str(name)]:
                yield str(id), name
            case str(name) if isinstance(document, Mapping):
                yield str(key), name
            case _:
                raise TaxonomyError(f"{path}: expected [identifier, name] or a name, got {value!r:.60} for {key!r}")


def _own_names(path: Path) -> list[str]:
    tag = path.name.split(".")[0].partition("_")[2]
    tagged = [f"classes_{tag}-hierarchy.txt", f"classes_{tag}.txt", f"{tag}_class_index.json"] if tag else []
    return [*tagged, "classes.txt", "class_names.txt"]


def _is_own(path: Path, file: Path) -> bool:
    return file.name in _own_names(path)


def _beside(path: Path) -> Iterator[Path]:
    for name in _own_names(path):
        if (path.parent / name).is_file():
            yield path.parent / name
    yield from sorted(path.parent.glob("*_class_index.json"))
