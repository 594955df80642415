"""Records as JSON documents."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from bioclip_x.plugin import (
    EXPLANATION_FORMAT,
    EventImage,
    Explanation,
    HeatMap,
    Prediction,
    PromptContribution,
    Provenance,
    RankWinner,
    Region,
    Result,
)
from bioclip_x_plugins.reports.result_text import convert_to_plain, drop_infinite, split_contributions
from bioclip_x_plugins.reports.tables.json_types import (
    DescriptorDocument,
    EventImageDocument,
    ExplanationDocument,
    HeatMapDocument,
    PredictionDocument,
    ProvenanceDocument,
    RankDocument,
    RegionDocument,
    ResultDocument,
)


def make_result_document(result: Result, language: str) -> ResultDocument:
    """One image, region or event, without its thumbnail."""
    return {
        "source": result.source,
        "error": result.error or None,
        "refused": result.refused or None,
        "notes": list(result.notes),
        "width": result.width,
        "height": result.height,
        "predictions": [_prediction(prediction, language) for prediction in result.predictions],
        "ranks": [_rank(winner) for winner in result.ranks],
        "explanation": _explanation(result.explanation) if result.explanation else None,
        "metadata": convert_to_plain(result.metadata),
        "level": result.level,
        "region": _region(result.region, result.region_number, result.n_regions) if result.region else None,
        "event": result.event or (result.source if result.level == "event" else None),
        "images": [_event_image(one) for one in result.images],
    }


def make_provenance_document(provenance: Provenance) -> ProvenanceDocument:
    """The whole of it: what a reader needs to run it again."""
    return {
        "version": provenance.version,
        "model": provenance.model,
        "revision": provenance.revision,
        "demo": provenance.demo or None,
        "taxonomy": provenance.taxonomy,
        "n_classes": provenance.n_classes,
        "n_prompts": provenance.n_prompts,
        "ranks": list(provenance.ranks),
        "probabilities": provenance.probabilities,
        "notes": list(provenance.notes),
        "plugins": [asdict(plugin) for plugin in provenance.plugins],
        "recipe": convert_to_plain(provenance.recipe),
    }


def to_json(document: Any, indent: int | None = None) -> str:
    """UTF-8 text without NaN, on one line unless indented.

    Three characters that some readers take for line ends are escaped, so that a line of JSON Lines is a line to all.
    """
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=indent)
    return text.replace("\x85", "\\u0085").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _prediction(prediction: Prediction, language: str) -> PredictionDocument:
    return {
        "rank": prediction.taxon.rank,
        "name": prediction.taxon.name,
        "note": prediction.note or None,
        "common_name": prediction.taxon.common_name(language) or None,
        "probability": drop_infinite(prediction.probability),
        "path": [
            {"rank": step.rank, "name": step.name, "probability": drop_infinite(step.probability)}
            for step in prediction.path
        ],
    }


def _rank(winner: RankWinner) -> RankDocument:
    return {
        "rank": winner.rank,
        "name": winner.taxon.name if winner.taxon else None,
        "probability": drop_infinite(winner.probability),
        "on_path": winner.on_path,
    }


def _region(region: Region, number: int, n_regions: int) -> RegionDocument:
    mask = region.mask
    return {
        "number": number,
        "n_regions": n_regions,
        "box": [drop_infinite(edge) for edge in region.box],
        "detection": region.label or None,
        "confidence": None if region.confidence is None else drop_infinite(region.confidence),
        "mask": {"size": [mask.height, mask.width], "counts": mask.counts} if mask else None,
        "name": region.name or None,
        "individual": region.individual or None,
    }


def _event_image(one: EventImage) -> EventImageDocument:
    return {
        "source": one.source,
        "region": one.region,
        "probability": drop_infinite(one.probability),
        "contribution": None if one.contribution is None else drop_infinite(one.contribution),
        "left_out": one.left_out or None,
    }


def _explanation(explanation: Explanation) -> ExplanationDocument:
    """See docs/explanations.md; a change of what is there raises the number in its `format`."""
    named = zip((explanation.winner_class, explanation.runner_up_class), split_contributions(explanation))
    return {
        "format": EXPLANATION_FORMAT,
        "winner": explanation.winner,
        "runner_up": explanation.runner_up or None,
        "is_asked_for": explanation.is_asked_for,
        "winner_class": explanation.winner_class,
        "runner_up_class": explanation.runner_up_class or None,
        "margin": drop_infinite(explanation.margin),
        "baseline": None if explanation.baseline is None else drop_infinite(explanation.baseline),
        "rest": drop_infinite(explanation.rest),
        "remainders": [
            {"label": one.label, "kind": one.kind, "contribution": drop_infinite(one.contribution)}
            for one in explanation.remainders
        ],
        "examples": [
            {"image": one.name, "class": one.class_name, "cosine": drop_infinite(one.cosine)}
            for one in explanation.examples
        ],
        "descriptors": [_descriptor(one, name) for name, side in named for one in side],
    }


def _descriptor(contribution: PromptContribution, class_name: str) -> DescriptorDocument:
    return {
        "phrase": contribution.phrase or None,
        "text": contribution.text,
        "kind": contribution.kind,
        "source": contribution.source,
        "class": class_name,
        "taxon": contribution.taxon or None,
        "rank": contribution.rank or None,
        "similarity": drop_infinite(contribution.similarity),
        "contribution": drop_infinite(contribution.contribution),
        "n_classes": contribution.n_classes,
        "net": None if contribution.net is None else drop_infinite(contribution.net),
        "heat_map": _heat_map(contribution.heat_map) if contribution.heat_map else None,
    }


def _heat_map(heat_map: HeatMap) -> HeatMapDocument:
    return {
        "values": convert_to_plain(heat_map.values_hw),
        "box": convert_to_plain(heat_map.box),
        "method": heat_map.method,
        "is_exact": heat_map.is_exact,
    }
