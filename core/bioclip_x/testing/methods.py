"""The methods that a component must have, according to its kind and its capabilities."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bioclip_x.hooks import components
from bioclip_x.hooks.capabilities import CAPABILITIES, ScorerCapabilities, get_capabilities
from bioclip_x.hooks.components import METHODS, Kind


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


PROTOCOLS: Final[Mapping[Kind, type]] = {
    "text_builders": components.TextBuilder,
    "encoders": components.Encoder,
    "classifiers": components.ImageClassifier,
    "scorers": components.Scorer,
    "adjust_logits": components.LogitAdjustment,
    "heads": components.Head,
    "losses": components.Loss,
    "taxonomy_readers": components.TaxonomyReader,
    "language_models": components.LanguageModel,
    "datasets": components.Dataset,
    "image_sources": components.ImageSource,
    "captioners": components.Captioner,
    "image_decoders": components.ImageDecoder,
    "detectors": components.Detector,
    "reports": components.Report,
    "adapters": components.Adapter,
}
"""Kind → the protocol of the methods that all have (`METHODS`)."""

DECLARED: Final[tuple[tuple[Kind, str, type, tuple[str, ...]], ...]] = (
    ("encoders", "lists_models", components.Encoder, ("known_models",)),
    ("encoders", "brings_classes", components.Encoder, ("own_classes",)),
    ("encoders", "brings_recipe", components.Encoder, ("own_recipe",)),
    ("encoders", "trains", components.Encoder, ("trainable",)),
    ("scorers", "support_option", components.ExampleScorer, ("prepare_support", "nearest")),
    ("adjust_logits", "image_notes", components.NotingAdjustment, ("image_notes",)),
    ("losses", "needs_prepare", components.Loss, ("prepare",)),
    ("losses", "exports_heads", components.Loss, ("export_heads",)),
    ("taxonomy_readers", "explains_mismatch", components.MismatchExplainer, ("explain_mismatch",)),
    ("detectors", "prepares", components.PreparedDetector, ("prepare",)),
    ("datasets", "lists_nodes", components.LabelledDataset, ("nodes",)),
    ("datasets", "sequential", components.SequentialDataset, ("blocks",)),
    ("datasets", "brings_classes", components.ClassListDataset, ("own_taxonomy",)),
    ("reports", "reads_provenance", components.ProvenanceReader, ("read_provenance",)),
    ("reports", "evaluations", components.EvaluationReport, ("write_evaluation",)),
    ("reports", "cards", components.CardReport, ("make_card", "make_card_style")),
)
"""Kind, the capability that declares methods, protocol, methods."""


def list_methods(kind: Kind, component: object) -> Iterator[Method]:
    """Lists the methods that a component must have. Raises PluginError for capabilities of a wrong type."""
    for name in METHODS.get(kind, ()):
        yield _describe(PROTOCOLS[kind], name)
    if kind not in CAPABILITIES:
        return
    capabilities: Any = get_capabilities(component, CAPABILITIES[kind])
    for other, capability, protocol, names in DECLARED:
        if other == kind and (value := getattr(capabilities, capability)):
            yield from (_describe(protocol, name, f" for {capability}={value!r}") for name in names)
    if isinstance(capabilities, ScorerCapabilities):
        yield from _list_methods_of_scorer(capabilities)


def _list_methods_of_scorer(capabilities: ScorerCapabilities) -> Iterator[Method]:
    if not capabilities.needs_embeddings:
        for name in ("prepare", "extend", "image_names", "problem"):
            yield _describe(components.PrecomputedScorer, name, " for needs_embeddings=False")
    elif capabilities.needs_texts:
        yield _describe(components.Scorer, "coefficients", " for explanations")
    elif not capabilities.support_option:
        yield _describe(components.TextlessScorer, "prepare", " for needs_texts=False")


def _describe(protocol: type, name: str, reason: str = "") -> Method:
    parameters = list(inspect.signature(getattr(protocol, name)).parameters.values())[1:]
    return Method(
        name,
        tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD),
        tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY),
        reason,
    )
