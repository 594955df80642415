"""The tables of docs/security.md: the limits of `bioclip_x.limits`, and the last results of the corpus of hostile inputs."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bioclip_x import limits
from docs.writers.markdown import make_table

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "security.md"
RESULTS: Final = ROOT / "tests" / "hostile" / "results.json"
BEGIN: Final = "<!-- Written by `python -m docs.writers`: the {name}. -->"
END: Final = "<!-- End of the {name}. -->"
UNITS: Final = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


@dataclass(frozen=True, slots=True)
class Limit:
    """A constant of `bioclip_x.limits`. section: the comment that it stands below."""

    section: str
    name: str
    value: Any
    meaning: str


def list_limits() -> Iterator[Limit]:
    """Yields the limits in their order. Raises ValueError for one without a docstring."""
    source = Path(str(limits.__file__)).read_text("utf-8")
    sections = {i: line[2:] for i, line in enumerate(source.splitlines(), 1) if line.startswith("# ")}
    body = ast.parse(source).body
    for node, following in zip(body, [*body[1:], None]):
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id.isupper()):
            continue
        if not (isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)):
            raise ValueError(f"limits.py: {node.target.id} has no docstring")
        section = next((text for i, text in reversed(sections.items()) if i < node.lineno), "")
        yield Limit(
            section, node.target.id, getattr(limits, node.target.id), " ".join(str(following.value.value).split())
        )


def format_value(name: str, value: Any) -> str:
    """Formats a limit as it is read: bytes in binary units, seconds, other numbers with commas.

    >>> format_value("DOCUMENT_BYTES", 1 << 30), format_value("TREE_NODES", 20_000_000), format_value("READ_SECONDS", 30)
    ('1 GiB', '20,000,000', '30 s')
    """
    if isinstance(value, (tuple, list)):
        return ", ".join(format_value(name, one) for one in value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if name.endswith("SECONDS"):
        return f"{value:,g} s"
    is_bytes = name.endswith("BYTES") or name == "UNPACKED_FREE"
    unit = next(((size, unit) for size, unit in UNITS if is_bytes and value >= size and value % size == 0), None)
    return f"{value // unit[0]:,} {unit[1]}" if unit else f"{value:,}"


def write_limits() -> str:
    """Makes the table of limits."""
    rows = [(one.section, one.meaning, format_value(one.name, one.value), f"`{one.name}`") for one in list_limits()]
    return "\n".join(make_table(("", "limit", "value", "`bioclip_x.limits`"), _blank_repeated(rows)))


def _blank_repeated(rows: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    before = ""
    for first, *rest in rows:
        yield ("" if first == before else first, *rest)
        before = first


def write_corpus(results: Mapping[str, Any]) -> str:
    """Makes the table of what the last run of the corpus found. results: of `tests/hostile/run.py --results`."""
    areas: Mapping[str, Mapping[str, int]] = results["areas"]
    columns = list(next(iter(areas.values())))
    total = {column: sum(row[column] for row in areas.values()) for column in columns}
    heads = ["cases", *(_pluralise_fault(column) for column in columns[1:])]
    rows = [
        (area, *(f"{row[column]:,}" for column in columns))
        for area, row in [*sorted(areas.items()), ("**all**", total)]
    ]
    how = "each as a process of its own" if results["processes"] else "in one process"
    table = "\n".join(make_table(("area", *heads), rows))
    version = results["machine"]["versions"]["bioclip-x"]
    return f"{total['cases']:,} cases, {how}, bioclip-x {version}, Python {results['machine']['python']}:\n\n{table}"


def _pluralise_fault(fault: str) -> str:
    """The name of a column.

    >>> _pluralise_fault("hang"), _pluralise_fault("wrong status"), _pluralise_fault("memory")
    ('hangs', 'wrong statuses', 'too much memory')
    """
    special = {"memory": "too much memory", "wrong status": "wrong statuses", "many lines": "errors of many lines"}
    return special.get(fault, f"{fault}s")


def fill_page(page: str) -> str:
    """Returns the page with new tables."""
    tables = {"limits": write_limits(), "corpus": write_corpus(json.loads(RESULTS.read_text("utf-8")))}
    for name, table in tables.items():
        begin, end = BEGIN.format(name=name), END.format(name=name)
        before, found, rest = page.partition(begin)
        if not found or end not in rest:
            raise ValueError(f"docs/security.md lacks {begin} … {end}")
        page = f"{before}{begin}\n\n{table}\n\n{end}{rest.partition(end)[2]}"
    return page
