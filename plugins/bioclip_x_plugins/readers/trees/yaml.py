"""Taxonomies in YAML or JSON, in one of three layouts.

A list of lineages, with the columns of tables as keys; common names may be lists, or mappings by language:

    - {family: Paridae, genus: Parus, species: Parus major, common_name: great tit}
    - {family: Paridae, species: Periparus ater, common_names: {en: coal tit, de: [Tannenmeise]}}

Nodes with children:

    - rank: family
      name: Paridae
      children: [{rank: species, name: Parus major, common_names: {en: great tit, de: Kohlmeise}}]

Names nested in names, with one list of ranks:

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
    FormatExample,
    Synonym,
    Taxonomy,
    TaxonomyBuilder,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    drop_placeholder,
    is_placeholder,
    list_some,
    read_yaml,
    split_authorship,
)
from bioclip_x_plugins.readers.lines import is_json_or_yaml
from bioclip_x_plugins.readers.tables.build import from_records
from bioclip_x_plugins.readers.tables.roles import holds_names
from bioclip_x_plugins.readers.vocabulary.columns import WEAK_NAMES, find_meaning, find_meanings
from bioclip_x_plugins.readers.vocabulary.languages import normalise_language

_NODE_KEYS = {
    "rank",
    "name",
    "authorship",
    "synonyms",
    "children",
    "common_names",
    "ids",
    "extra",
    "is_class",
    "beside",
}
_SYNONYM_KEYS = {"name", "authorship", "rank"}


class YamlReader:
    """Reads a list of lineages, nodes with children, or nested names from YAML or JSON."""

    capabilities = TaxonomyReaderCapabilities(
        example=FormatExample(
            "species.yaml",
            {
                "species.yaml": "- {kingdom: Animalia, family: Paridae, species: Parus major, common_name: great tit}\n"
                "- {kingdom: Plantae, genus: Quercus, common_name: oak, common_name_de: Eiche}\n",
            },
        ),
    )

    def sniff(self, path: Path, head: bytes) -> bool:
        return is_json_or_yaml(path, head)

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with all errors, each with its path in the tree."""
        builder, findings = (
            TaxonomyBuilder(),
            Findings(unit="entry"),
        )  # messages have paths in the tree instead of lines
        document = read_yaml(path, TaxonomyError, findings.warn_encoding)
        if isinstance(document, dict) and set(document) == {"ranks", "tree"}:
            _add_nested(builder, 0, document["tree"], _check_ranks(path, document["ranks"]), str(path), findings)
            return builder.build(str(path), findings=findings)
        entries = document if isinstance(document, list) else [document]
        if not document or not all(isinstance(entry, dict) for entry in entries):
            raise TaxonomyError(
                f"{path}: expected a list of lineages, nodes with 'name' and 'children', or 'ranks' and 'tree'; "
                "if it is in another format, name that with --taxonomy-format"
            )
        if any("name" in entry for entry in entries):
            for entry in entries:
                with _collect_errors(findings):
                    _add_node(builder, 0, entry, str(path), findings)
            return builder.build(str(path), findings=findings)
        keys = list(map(str, entries[0]))
        if not holds_names(find_meanings(keys)) and WEAK_NAMES.isdisjoint(keys):
            raise TaxonomyError(
                f"{path}: no key of the first entry is a rank, such as family or species, or scientific_name: {list_some(keys)}"
            )
        records: list[dict[str, str]] = []
        for number, entry in enumerate(entries, start=1):
            with _collect_errors(findings):
                records.append(_make_record(entry, f"{path}, entry {number}"))
        findings.raise_errors()
        findings.file = str(path)
        return from_records(records, findings, source=str(path))


@contextmanager
def _collect_errors(findings: Findings) -> Iterator[None]:
    """Adds a TaxonomyError to `findings`, so that later entries are checked too."""
    try:
        yield
    except TaxonomyError as problem:
        findings.error("malformed", str(problem))


def _make_record(entry: Mapping[Any, Any], where: str) -> dict[str, str]:
    """Converts a lineage to a table row: column → text."""
    row: dict[str, str] = {}
    for key, value in entry.items():
        if not isinstance(key, str):
            raise TaxonomyError(f"{where}: expected text as a key, got {key!r}; put it in quotes if it is one")
        role, language = find_meaning(key)
        if role != "common":
            row[key] = _read_text(value, f"{where}, {key}", or_number=role in ("id", "extra"))
            continue
        by_language = isinstance(value, dict) and language == "en"
        for column, names in (_make_columns(value, f"{where}, {key}") if by_language else {key: value}).items():
            row[column] = "|".join(filter(None, (row.get(column), *_read_names(names, f"{where}, {key}"))))
    return row


def _make_columns(by_language: Mapping[Any, Any], where: str) -> dict[str, Any]:
    """Renames keys: {"de": names} → {"common_name_de": names}."""
    columns = {}
    for language, names in by_language.items():
        column = f"common_name_{language}"
        if not isinstance(language, str) or find_meaning(column)[0] != "common":
            raise TaxonomyError(f'{where}: expected a language such as en, pt-br or "no" (in quotes), got {language!r}')
        columns[column] = names
    return columns


def _read_names(value: Any, where: str) -> tuple[str, ...]:
    """Reads one name, a list of names, or none (null or blank)."""
    names = (drop_placeholder(_read_text(name, where)) for name in _as_list(value))
    return tuple(name for name in names if name)


def _read_text(value: Any, where: str, *, or_number: bool = False) -> str:
    """Returns text, "" for null. Refuses values that YAML parses as another type (no, 1.10, a date): their text is lost."""
    if value is None or isinstance(value, str):
        return value or ""
    if or_number and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise TaxonomyError(f"{where}: expected text, got {value!r}; put it in quotes if it is text")


def _check_ranks(path: Path, ranks: Any) -> Sequence[str]:
    if not isinstance(ranks, list) or not all(isinstance(rank, str) for rank in ranks):
        raise TaxonomyError(f"{path}: 'ranks' must be a list of ranks, highest first")
    return ranks


def _add_nested(
    builder: TaxonomyBuilder, parent: int, tree: Any, ranks: Sequence[str], where: str, findings: Findings
) -> None:
    if tree is None:
        return
    if not ranks:
        findings.error("malformed", f"{where}: the tree is deeper than its list of ranks")
        return
    children = tree.items() if isinstance(tree, dict) else [(name, None) for name in _as_list(tree)]
    for name, subtree in children:
        if not isinstance(name, str):
            findings.error("malformed", f"{where}: expected a name, got {name!r}; put it in quotes if it is one")
        else:
            node = parent if is_placeholder(name) else builder.add(parent, ranks[0], name)
            _add_nested(builder, node, subtree, ranks[1:], f"{where} > {name}", findings)


def _add_node(builder: TaxonomyBuilder, parent: int, entry: Any, where: str, findings: Findings) -> None:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise TaxonomyError(f"{where}: expected a node with a 'name', got {entry!r}")
    where = f"{where} > {entry['name']}"
    unknown = sorted(str(key) for key in entry.keys() - _NODE_KEYS)
    if unknown:
        raise TaxonomyError(f"{where}: unknown keys {', '.join(unknown)}; known: {', '.join(sorted(_NODE_KEYS))}")
    is_class = _get_checked(entry, "is_class", bool, "true or false", where) if "is_class" in entry else None
    children = _get_checked(entry, "children", list, "a list of nodes", where)
    if _get_checked(entry, "beside", bool, "true or false", where):
        builder.add_beside(entry["name"])
        return
    n_before = len(builder)
    if is_placeholder(entry["name"]):
        findings.warn(
            "no taxon", f"{where} is the name of no taxon; left out, and its children are put below its parent"
        )
        node, is_class = parent, None
    else:
        rank = _read_text(entry.get("rank"), f"{where}, rank")
        node = builder.add(parent, rank, entry["name"], _read_details(entry, where))
        if len(builder) == n_before:
            findings.warn("listed twice", f"{where} is listed again and taken once")
    if is_class is not None:
        builder.mark_class(node, is_class)
    for child in children:
        with _collect_errors(findings):
            _add_node(builder, node, child, where, findings)


def _read_details(entry: Mapping[str, Any], where: str) -> Details:
    """Reads common names by language, identifiers, extras, authorship and synonyms of a node."""
    common: dict[str, tuple[str, ...]] = {}
    for language, names in _get_checked(
        entry, "common_names", dict, "names by language, as in {en: great tit}", where
    ).items():
        if not isinstance(language, str):
            raise TaxonomyError(f"{where}, common_names: expected a language, got {language!r}; put it in quotes")
        code = normalise_language(language)
        if texts_of_language := _read_names(names, f"{where}, common_names, {language}"):
            common[code] = common.get(code, ()) + texts_of_language
    texts: dict[str, dict[str, str]] = {"ids": {}, "extra": {}}
    for key, values in texts.items():
        for name, value in _get_checked(entry, key, dict, "a mapping", where).items():
            if value is not None:
                path = f"{where}, {key}"
                values[_read_text(name, path, or_number=True)] = _read_text(value, f"{path}, {name}", or_number=True)
    authorship = _read_text(entry.get("authorship"), f"{where}, authorship")
    return Details(common, texts["ids"], texts["extra"], authorship, tuple(_read_synonyms(entry, where)))


def _read_synonyms(entry: Mapping[str, Any], where: str) -> Iterator[Synonym]:
    """Reads synonyms given as names with authors, or as mappings of `name`, `authorship` and `rank`."""
    for synonym in _get_checked(entry, "synonyms", list, "a list of names", where):
        if isinstance(synonym, dict) and isinstance(synonym.get("name"), str) and synonym.keys() <= _SYNONYM_KEYS:
            yield Synonym(**{key: _read_text(value, f"{where}, synonyms, {key}") for key, value in synonym.items()})
        else:
            yield Synonym(*split_authorship(_read_text(synonym, f"{where}, synonyms")))


def _get_checked(entry: Mapping[str, Any], key: str, kind: type, kind_name: str, where: str) -> Any:
    """Returns the value of a key after a type check; the type's empty value if it is null or missing."""
    value = entry.get(key)
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise TaxonomyError(f"{where}: {key!r} must be {kind_name}, got {value!r}")
    return value


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
