"""The types of the smaller JSON documents: keys, in order, and values. The documentation's JSON schemas are made of them."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from bioclip_x.records import PluginInUse

SettingDocument = TypedDict(
    "SettingDocument",
    {
        "value": bool | int | float | str | None,
        "from": Literal["default", "file", "environment"],
        "where": str | None,
        "variable": str,
        "about": str | None,
    },
)
"""A setting. value: null if the program chooses it. where: the file or the variable that sets it."""


class SettingsDocument(TypedDict):
    """file: the configuration file. unknown_variables: those of the environment that look like settings and are none."""

    file: str
    exists: bool
    settings: dict[str, SettingDocument]
    unknown_variables: list[str]


class CachedKindDocument(TypedDict):
    """What is cached of one kind. last_used: local time, as 2026-11-28 14:05."""

    entries: int
    bytes: int
    last_used: str


class CacheDocument(TypedDict):
    """bytes: in all. limit: in bytes."""

    folder: str
    bytes: int
    limit: int
    kinds: dict[str, CachedKindDocument]


class PluginDocument(TypedDict):
    """origin: distribution and version, or file. has_recipe: whether --plugin NAME switches something on."""

    name: str
    origin: str
    has_recipe: bool


class ComponentDocument(TypedDict):
    """target: module:attribute. default_for: what it is the default for besides everything."""

    hook: str
    name: str
    summary: str
    plugin: str
    target: str
    is_default: bool
    default_for: list[str]


class PluginsDocument(TypedDict):
    """clashes: messages on names that several plugins claim."""

    plugins: list[PluginDocument]
    clashes: list[str]
    components: list[ComponentDocument]


class CheckDocument(TypedDict):
    """A conformance check. reason: why it failed, or does not apply; "" if it passed."""

    name: str
    about: str
    result: Literal["passed", "failed", "not applicable"]
    reason: str


class CheckedComponentDocument(TypedDict):
    """The checks of one component."""

    hook: str
    name: str
    plugin: str
    checks: list[CheckDocument]


ChecksDocument = TypedDict(
    "ChecksDocument",
    {"components": list[CheckedComponentDocument], "passed": int, "failed": int, "not applicable": int},
)
"""The checks of a plugin, with their numbers."""


class ProblemDocument(TypedDict):
    """line: where it was first found, counted by `unit`. times: how often it was found."""

    severity: Literal["error", "warning"]
    kind: str
    file: str
    line: int | None
    unit: str
    message: str
    times: int


class ValidationDocument(TypedDict):
    """A taxonomy file. classes, fingerprint: null for one that cannot be used. columns: name → how it is understood."""

    file: str
    errors: int
    warnings: int
    classes: int | None
    fingerprint: str | None
    columns: dict[str, str]
    problems: list[ProblemDocument]


class ComparedTaxonomyDocument(TypedDict):
    """A taxonomy that is compared. source: its file. classes: their number."""

    source: str
    fingerprint: str
    classes: int


class ChangeDocument(TypedDict, total=False):
    """A taxon that changed; what it does not have is left out. path: names from the top, separated by "; "."""

    change: str
    old_rank: str
    old_name: str
    old_path: str
    old_line: int
    new_rank: str
    new_name: str
    new_path: str
    new_line: int


class ChangesDocument(TypedDict):
    """unchanged: number of taxa. counts: kind of change → number."""

    old: ComparedTaxonomyDocument
    new: ComparedTaxonomyDocument
    unchanged: int
    counts: dict[str, int]
    changes: list[ChangeDocument]


FindingDocument = TypedDict(
    "FindingDocument",
    {
        "kind": str,
        "class": str | None,
        "phrase": str | None,
        "done": Literal["mended", "dropped", "told"],
        "became": str | None,
        "message": str,
    },
)
"""Something found in a file of descriptors."""


class CurationDocument(TypedDict):
    """style: of the descriptors' prompts, if the file says it. kept: descriptors after curation. mended, dropped, told: findings.
    to_ask_again: classes with too few descriptors left."""

    file: str
    style: str | None
    classes: int
    descriptors: int
    kept: int
    mended: int
    dropped: int
    told: int
    to_ask_again: list[str]
    findings: list[FindingDocument]


class EmbeddingProvenanceDocument(TypedDict):
    """What is needed to compute the embeddings again. of: "pictures", "texts" or "classes". columns: of the rows. dim: D.
    preprocessing: null for texts. sources: `count` and `sha256` of the rows' names; null on standard output."""

    version: str
    model: str
    revision: str
    demo: str | None
    of: str
    columns: list[str]
    dim: int
    normalised: bool
    precision: str
    preprocessing: dict[str, Any] | None
    taxonomy: str | None
    recipe: dict[str, Any]
    notes: list[str]
    plugins: list[PluginInUse]
    sources: dict[str, Any] | None


class EmbeddingsDocument(TypedDict):
    """embeddings: image or text → vector. rows: the provenance's columns, of all images or texts, in order."""

    model: str
    provenance: EmbeddingProvenanceDocument
    embeddings: dict[str, list[float]]
    rows: list[dict[str, str | None]]


ClassesDocument = list[dict[str, str]]
"""Classes of a taxonomy: rank → name, "" for a rank that its lineage lacks."""
