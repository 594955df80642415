"""docs/reference/json.md: JSON schemas of the outputs, from the types that the outputs are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from bioclip_x.cli.render import documents
from bioclip_x.evaluation.papers.comparison import PaperComparison
from bioclip_x.records import Calibration, Evaluation, FewShotEvaluation, KnownModel, WordOrderProbe
from bioclip_x.records.evaluation.descriptor_usefulness import Usefulness
from bioclip_x_plugins.reports.tables.json_types import ResultDocument, ResultsDocument
from docs.writers.markdown import NOTICE

INTRODUCTION: Final = """
Schemas (JSON Schema 2020-12) of what commands write for programs. Numbers that are not finite are null. A document that has the
key `format` has its version there; [outputs](../outputs.md) and [evaluating](../evaluating.md) say what the values mean.
"""
WIDTH: Final = 100
DOCUMENTS: Final[Mapping[str, tuple[str, Any]]] = {
    "Results": ("`bioclip-x classify --format json`: a file of results.", ResultsDocument),
    "Lines of results": (
        '`bioclip-x classify --format jsonl`: the first line is `{"provenance": …}` as above, each further line a result.',
        ResultDocument,
    ),
    "Evaluation": ("`bioclip-x evaluate --format json`, beside the key `format`.", Evaluation),
    "Few-shot evaluation": (
        "`bioclip-x evaluate --few-shot K --format json`, beside the key `format`.",
        FewShotEvaluation,
    ),
    "Word order": ("`bioclip-x evaluate --probe word-order --format json`, beside the key `format`.", WordOrderProbe),
    "A paper's table": (
        "`bioclip-x evaluate --paper NAME --format json`, beside the key `format`, and `difference` of each cell.",
        PaperComparison,
    ),
    "Calibration": ("The file that `bioclip-x calibrate` writes.", Calibration),
    "Descriptors of a data set": (
        "`bioclip-x explain --format json`, beside the keys `format`, `intervals`, and `is_same_everywhere` of each descriptor.",
        Usefulness,
    ),
    "Embeddings": ("`bioclip-x embed --format json`.", documents.EmbeddingsDocument),
    "Checked descriptors": ("`bioclip-x describe --check FILE --format json`.", documents.CurationDocument),
    "Classes of a taxonomy": ("`bioclip-x taxonomy list --format json`.", documents.ClassesDocument),
    "Checked taxonomies": ("`bioclip-x taxonomy validate --format json`.", list[documents.ValidationDocument]),
    "Compared taxonomies": ("`bioclip-x taxonomy diff --format json`.", documents.ChangesDocument),
    "Models": ("`bioclip-x models --format json`; with a NAME, one entry of the list.", list[KnownModel]),
    "Plugins": ("`bioclip-x plugins list --json`.", documents.PluginsDocument),
    "Checked plugins": ("`bioclip-x plugins check --json`.", documents.ChecksDocument),
    "Settings": ("`bioclip-x config --format json`.", documents.SettingsDocument),
    "Cache": ("`bioclip-x cache info --format json`.", documents.CacheDocument),
}


def make_schema(document: Any) -> dict[str, Any]:
    """Makes the JSON schema of a type of documents."""
    schema = TypeAdapter(document).json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_simplify(schema)}


def _simplify(schema: Any) -> Any:
    """Drops titles, which repeat names, and writes alternatives of plain types as JSON Schema's list of types."""
    if isinstance(schema, list):
        return [_simplify(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    simple = {
        key: {name: _simplify(one) for name, one in value.items()}
        if key in ("properties", "$defs")
        else _simplify(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str))
    }
    alternatives = simple.get("anyOf", [])
    if alternatives and all(set(one) == {"type"} for one in alternatives):
        del simple["anyOf"]
        simple["type"] = [one["type"] for one in alternatives]
    return simple


def format_schema(value: Any, indent: int = 0) -> str:
    """Formats JSON with what fits on a line on one line.

    >>> print(format_schema({"type": "number"}))
    {"type": "number"}
    """
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return line
    pad = " " * (indent + 2)
    if isinstance(value, list):
        parts, ends = [format_schema(one, indent + 2) for one in value], "[]"
    else:
        parts, ends = [f"{json.dumps(key)}: {format_schema(one, indent + 2)}" for key, one in value.items()], "{}"
    return f"{ends[0]}\n" + ",\n".join(pad + part for part in parts) + f"\n{' ' * indent}{ends[1]}"


def write_json_schemas() -> str:
    """Returns the page."""
    parts = ["# JSON outputs", "", NOTICE.format(source="the records"), INTRODUCTION.rstrip()]
    for title, (about, document) in DOCUMENTS.items():
        schema = format_schema(make_schema(document))
        parts += ["", f"## {title}", "", about, "", "```json", schema, "```"]
    return "\n".join(parts) + "\n"
