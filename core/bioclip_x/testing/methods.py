"""The methods that a component must have, according to its kind and its capabilities."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from bioclip_x import components
from bioclip_x.components import Kind
from bioclip_x.registry import CAPABILITIES, get_capabilities


@dataclass(frozen=True, slots=True)
class Method:
    """name and arguments, as its protocol has them. reason: the capability that declares it, for messages; else ""."""

    name: str
    positional: tuple[str, ...]
    keywords: tuple[str, ...]
    reason: str = ""

    def __str__(self) -> str:
        star = ["*"] if self.keywords else []
        return f"{self.name}({', '.join([*self.positional, *star, *self.keywords])})"


ALWAYS: Final = (
    ("text_builders", components.TextBuilder, ("build",)),
    ("encoders", components.Encoder, ("load",)),
    ("scorers", components.Scorer, ("logits",)),
    ("adjust_logits", components.LogitAdjustment, ("offsets", "notes")),
    ("heads", components.Head, ("decide",)),
    ("losses", components.Loss, ("__call__",)),
    ("taxonomy_readers", components.TaxonomyReader, ("sniff", "read")),
    ("language_models", components.LanguageModel, ("complete", "close")),
    ("datasets", components.Dataset, ("prepare", "__len__", "sample", "name", "image")),
    ("image_decoders", components.ImageDecoder, ("recognises", "decode")),
    ("reports", components.Report, ("open",)),
    ("adapters", components.Adapter, ("apply", "merge")),
)
"""Kind, protocol, methods."""

DECLARED: Final = (
    ("encoders", "lists_models", bool, components.Encoder, ("known_models",)),
    ("encoders", "brings_classes", bool, components.Encoder, ("own_classes",)),
    ("encoders", "brings_recipe", bool, components.Encoder, ("own_recipe",)),
    ("encoders", "trains", bool, components.Encoder, ("trainable",)),
    ("scorers", "needs_texts", bool, components.Scorer, ("coefficients",)),
    ("scorers", "support_option", bool, components.ExampleScorer, ("prepare_support", "nearest")),
    ("scorers", "needs_embeddings", lambda value: not value, components.PrecomputedScorer,
     ("prepare", "extend", "image_names", "problem")),
    ("adjust_logits", "image_notes", bool, components.NotingAdjustment, ("image_notes",)),
    ("losses", "needs_prepare", bool, components.Loss, ("prepare",)),
    ("losses", "exports_heads", bool, components.Loss, ("export_heads",)),
    ("taxonomy_readers", "explains_mismatch", bool, components.MismatchExplainer, ("explain_mismatch",)),
    ("datasets", "lists_nodes", bool, components.LabelledDataset, ("nodes",)),
    ("datasets", "sequential", bool, components.SequentialDataset, ("blocks",)),
    ("datasets", "brings_classes", bool, components.ClassListDataset, ("own_taxonomy",)),
    ("reports", "reads_provenance", bool, components.ProvenanceReader, ("read_provenance",)),
    ("reports", "evaluations", bool, components.EvaluationReport, ("write_evaluation",)),
)  # fmt: skip
"""Kind, capability, the values of it that declare methods, protocol, methods."""


def list_methods(kind: Kind, component: object) -> Iterator[Method]:
    """Lists the methods that a component must have. Raises PluginError for capabilities of a wrong type."""
    for other, protocol, names in ALWAYS:
        if other == kind:
            yield from (_describe(protocol, name) for name in names)
    if kind not in CAPABILITIES:
        return
    capabilities = get_capabilities(component, CAPABILITIES[kind])
    applies: Callable[[Any], bool]
    for other, capability, applies, protocol, names in DECLARED:
        if other == kind and applies(value := getattr(capabilities, capability)):
            yield from (_describe(protocol, name, f" for {capability}={value!r}") for name in names)


def _describe(protocol: type, name: str, reason: str = "") -> Method:
    parameters = list(inspect.signature(getattr(protocol, name)).parameters.values())[1:]
    return Method(
        name,
        tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD),
        tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY),
        reason,
    )
