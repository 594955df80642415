"""Taxonomies in YAML or JSON, in any of three shapes.

A list of lineages, with the keys that tables have as columns; common names may be lists, or told by language:

    - {family: Paridae, genus: Parus, species: Parus major, common_name: great tit}
    - {family: Paridae, species: Periparus ater, common_names: {en: coal tit, de: [Tannenmeise]}}

Nodes with children:

    - rank: family
      name: Paridae
      children: [{rank: species, name: Parus major, common_names: {en: great tit, de: Kohlmeise}}]

Names nested in names, the ranks told once:

    ranks: [family, genus, species]
    tree: {Paridae: {Parus: [Parus major]}}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bioclip_x.plugin import (
    Details,
    Findings,
    Synonym,
    Taxonomy,
    TaxonomyBuilder,
    TaxonomyError,
    list_some,
    read_yaml,
    split_authorship,
)
from bioclip_x_plugins.readers.lines import is_json_or_yaml
from bioclip_x_plugins.readers.tables.lineages import (
    assign_column_role,
    assign_column_roles,
    from_records,
    normalise_language,
)

_NODE_KEYS = {"rank", "name", "authorship", "synonyms", "children", "common_names", "ids", "extra", "is_class"}
_SYNONYM_KEYS = {"name", "authorship", "rank"}


class YamlReader:
    """YAML and JSON: a list of lineages, nodes with children, or names nested in names."""

    def sniff(self, path: Path, head: bytes) -> bool:
        return is_json_or_yaml(path, head)

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with all that is wrong, each with its place in the tree."""
        document = read_yaml(path, TaxonomyError)
        builder, findings = TaxonomyBuilder(), Findings()  # places take the place of lines
        if isinstance(document, dict) and set(document) == {"ranks", "tree"}:
            _nested(builder, 0, document["tree"], _ranks(path, document["ranks"]), str(path), findings)
            return builder.build(str(path), findings=findings)
        entries = document if isinstance(document, list) else [document]
        if not document or not all(isinstance(entry, dict) for entry in entries):
            raise TaxonomyError(
                f"{path}: expected a list of lineages, nodes with 'name' and 'children', or 'ranks' and 'tree'; "
                "of another format, whatever the file is called, it needs --taxonomy-format"
            )
        if any("name" in entry for entry in entries):
            for entry in entries:
                with _gathered(findings):
                    _node(builder, 0, entry, str(path), findings)
            return builder.build(str(path), findings=findings)
        if not any(role in ("rank", "epithet") for role, _ in assign_column_roles(map(str, entries[0])).values()):
            raise TaxonomyError(
                f"{path}: no key of the first entry is a rank, such as family or species: {list_some(list(map(str, entries[0])))}"
            )
        records: list[dict[str, str]] = []
        for number, entry in enumerate(entries, start=1):
            with _gathered(findings):
                records.append(_record(entry, f"{path}, entry {number}"))
        findings.raise_errors()
        return from_records(records, Findings(str(path), unit="entry"), source=str(path))


@contextmanager
def _gathered(findings: Findings) -> Iterator[None]:
    """What is wrong with one entry does not hide what is wrong with the next."""
    try:
        yield
    except TaxonomyError as problem:
        findings.error("malformed", str(problem))


def _record(entry: Mapping[Any, Any], where: str) -> dict[str, str]:
    """A lineage as a row of a table: column → text."""
    row: dict[str, str] = {}
    for key, value in entry.items():
        if not isinstance(key, str):
            raise TaxonomyError(f"{where}: expected text as a key, got {key!r}; put it in quotes if it is one")
        role, language = assign_column_role(key)
        if role != "common":
            row[key] = _text(value, f"{where}, {key}", or_number=role in ("id", "extra"))
            continue
        by_language = isinstance(value, dict) and language == "en"
        for column, names in (_columns(value, f"{where}, {key}") if by_language else {key: value}).items():
            row[column] = "|".join(filter(None, (row.get(column), *_names(names, f"{where}, {key}"))))
    return row


def _columns(by_language: Mapping[Any, Any], where: str) -> dict[str, Any]:
    """{"de": names} → {"common_name_de": names}"""
    columns = {}
    for language, names in by_language.items():
        column = f"common_name_{language}"
        if not isinstance(language, str) or assign_column_role(column)[0] != "common":
            raise TaxonomyError(f'{where}: expected a language such as en, pt-br or "no" (in quotes), got {language!r}')
        columns[column] = names
    return columns


def _names(value: Any, where: str) -> tuple[str, ...]:
    """Names, of which there may be one, several or (null, blank) none."""
    names = (_text(name, where).strip() for name in _as_list(value))
    return tuple(name for name in names if name)


def _text(value: Any, where: str, *, or_number: bool = False) -> str:
    """Text as it is, null as "". What YAML takes for something else (no, 1.10, a date) is not turned back into text."""
    if value is None or isinstance(value, str):
        return value or ""
    if or_number and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise TaxonomyError(f"{where}: expected text, got {value!r}; put it in quotes if it is text")


def _ranks(path: Path, ranks: Any) -> Sequence[str]:
    if not isinstance(ranks, list) or not all(isinstance(rank, str) for rank in ranks):
        raise TaxonomyError(f"{path}: 'ranks' must be a list of ranks, from the top down")
    return ranks


def _nested(
    builder: TaxonomyBuilder, parent: int, tree: Any, ranks: Sequence[str], where: str, findings: Findings
) -> None:
    if tree is None:
        return
    if not ranks:
        findings.error("malformed", f"{where}: the tree is deeper than its list of ranks")
        return
    children = tree.items() if isinstance(tree, dict) else [(name, None) for name in _as_list(tree)]
    for name, below in children:
        if not isinstance(name, str):
            findings.error("malformed", f"{where}: expected a name, got {name!r}; put it in quotes if it is one")
        else:
            _nested(builder, builder.add(parent, ranks[0], name), below, ranks[1:], f"{where} > {name}", findings)


def _node(builder: TaxonomyBuilder, parent: int, entry: Any, where: str, findings: Findings) -> None:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise TaxonomyError(f"{where}: expected a node with a 'name', got {entry!r}")
    where = f"{where} > {entry['name']}"
    unknown = sorted(str(key) for key in entry.keys() - _NODE_KEYS)
    if unknown:
        raise TaxonomyError(f"{where}: unknown keys {', '.join(unknown)}; known: {', '.join(sorted(_NODE_KEYS))}")
    is_class = _given(entry, "is_class", bool, "true or false", where)
    children = _given(entry, "children", list, "a list of nodes", where)
    before = len(builder)
    node = builder.add(parent, _text(entry.get("rank"), f"{where}, rank"), entry["name"], _details(entry, where))
    if len(builder) == before:
        findings.warn("listed twice", f"{where} is listed again and taken once")
    if is_class:
        builder.mark_class(node)
    for child in children:
        with _gathered(findings):
            _node(builder, node, child, where, findings)


def _details(entry: Mapping[str, Any], where: str) -> Details:
    """Of a node: its common names by language, its identifiers and what else is known of it."""
    common: dict[str, tuple[str, ...]] = {}
    for language, names in _given(
        entry, "common_names", dict, "names by language, as in {en: great tit}", where
    ).items():
        if not isinstance(language, str):
            raise TaxonomyError(f"{where}, common_names: expected a language, got {language!r}; put it in quotes")
        code = normalise_language(language)
        common[code] = common.get(code, ()) + _names(names, f"{where}, common_names, {language}")
    texts: dict[str, dict[str, str]] = {"ids": {}, "extra": {}}
    for key, found in texts.items():
        for name, value in _given(entry, key, dict, "a mapping", where).items():
            if value is not None:
                place = f"{where}, {key}"
                found[_text(name, place, or_number=True)] = _text(value, f"{place}, {name}", or_number=True)
    authorship = _text(entry.get("authorship"), f"{where}, authorship")
    return Details(common, texts["ids"], texts["extra"], authorship, tuple(_synonyms(entry, where)))


def _synonyms(entry: Mapping[str, Any], where: str) -> Iterator[Synonym]:
    """From names with their authors, or mappings of `name`, `authorship` and `rank`."""
    for one in _given(entry, "synonyms", list, "a list of names", where):
        if isinstance(one, dict) and isinstance(one.get("name"), str) and one.keys() <= _SYNONYM_KEYS:
            yield Synonym(**{key: _text(value, f"{where}, synonyms, {key}") for key, value in one.items()})
        else:
            yield Synonym(*split_authorship(_text(one, f"{where}, synonyms")))


def _given(entry: Mapping[str, Any], key: str, kind: type, kind_name: str, where: str) -> Any:
    """What a node has under a key; null, or nothing, is the kind's empty value."""
    value = entry.get(key)
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise TaxonomyError(f"{where}: {key!r} must be {kind_name}, got {value!r}")
    return value


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
