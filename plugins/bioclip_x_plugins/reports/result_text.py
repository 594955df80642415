"""What all reports say of a result, and how they say it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from bioclip_x.plugin import ORDER, Explanation, Prediction, PromptContribution, Provenance, Region, Result, Taxon
from bioclip_x.plugin import escape_controls as escape_controls

REST_SHOWN: Final = 1e-4
"""A smaller remainder of a margin is rounding."""


def find_language(provenance: Provenance) -> str:
    """The language of the common names."""
    return str(provenance.recipe.get("language") or "en")


def format_plugins(provenance: Provenance) -> str:
    """The plugins in use from elsewhere, each with its version, or the beginning of its file's hash; "" for none.

    Those of bioclip-x itself have its version, which all reports state.
    """
    return ", ".join(
        f"{one.name} ({f'{one.distribution} {one.version}' if one.distribution else f'sha256 {one.sha256[:16]}'})"
        for one in provenance.plugins
        if one.distribution != "bioclip-x"
    )


def find_common_name(taxon: Taxon, language: str) -> str:
    """The common name, "" where there is none or it only repeats the name (plain labels)."""
    common = taxon.common_name(language)
    return "" if common == taxon.name else common


def format_common_name_beside(one: Prediction, language: str) -> str:
    """What stands beside a prediction's name: rank (above species), common name, and what the name does not say.

    A species' name tells its rank, and so does a note or a name that says what is missing. "" where there is nothing.
    """
    taxon = one.taxon
    is_told = one.note or ORDER.get(taxon.rank, -1) >= ORDER["species"] or (taxon.rank, taxon.name) not in taxon.lineage
    return ", ".join(filter(None, ("" if is_told else taxon.rank, find_common_name(taxon, language), one.note)))


def is_italic(rank: str) -> bool:
    """Whether names of this rank are set in italics: genus and below, by the codes' custom."""
    return ORDER.get(rank, -1) >= ORDER["genus"]


def has_italic_classes(provenance: Provenance) -> bool:
    """Whether the classes, as a rule, are of a rank whose names are set in italics."""
    return bool(provenance.ranks) and is_italic(provenance.ranks[-1])


def find_italic_names(result: Result) -> dict[str, bool]:
    """Name → whether it is set in italics, for every taxon on the lines of a result's predictions."""
    return {name: is_italic(rank) for one in result.predictions for rank, name in one.taxon.lineage}


def split_contributions(
    explanation: Explanation,
) -> tuple[tuple[PromptContribution, ...], tuple[PromptContribution, ...]]:
    """The winner's prompts and the runner-up's, the strongest of each first."""
    if not explanation.contributions:
        return (), ()
    winner = explanation.contributions[0].class_index
    return (
        tuple(one for one in explanation.contributions if one.class_index == winner),
        tuple(one for one in explanation.contributions if one.class_index != winner),
    )


def is_descriptor(contribution: PromptContribution) -> bool:
    """Whether a prompt says something of its class beyond its name."""
    return bool(contribution.phrase)


def describe_contribution(contribution: PromptContribution) -> str:
    """What a prompt says of its class, and of which kind that is where it is no descriptor of it."""
    phrase, kind = contribution.phrase, contribution.kind
    return f"{phrase} ({kind})" if phrase and kind != "descriptor" else phrase or contribution.text


def has_descriptors(explanation: Explanation) -> bool:
    """Whether there is anything to explain a decision with."""
    return any(map(is_descriptor, explanation.contributions))


def pluralise(number: int, one: str, many: str) -> str:
    """The number and the word that goes with it."""
    return f"{number} {one if number == 1 else many}"


def drop_infinite(number: float) -> float | None:
    """The number, None where it is not one: JSON and CSV readers choke on NaN."""
    return float(number) if math.isfinite(number) else None


def format_percent(probability: float) -> str:
    """A probability as percent; never rounded to all or nothing where it is neither.

    >>> format_percent(0.9312), format_percent(0.99999), format_percent(0.0001), format_percent(1 - 1e-9)
    ('93.1%', '>99.9%', '<0.1%', '100%')
    """
    if not math.isfinite(probability):
        return "?"
    if probability >= 1 - 1e-6:
        return "100%"
    if probability >= 0.9995:
        return ">99.9%"
    if 0 < probability < 0.0005:
        return "<0.1%"
    return f"{probability * 100:.1f}%"


def describe_region(region: Region) -> str:
    """What the detector says of a box: its class, its confidence, and whose it is; "" for nothing.

    >>> describe_region(Region((0, 0, 1, 1), "animal", 0.97, individual="M7"))
    'animal 97.0%, individual M7'
    """
    seen = " ".join(
        filter(None, [region.label, "" if region.confidence is None else format_percent(region.confidence)])
    )
    return ", ".join(filter(None, [seen, f"individual {region.individual}" if region.individual else ""]))


def format_signed(number: float) -> str:
    """Two decimals and a sign, with a true minus.

    >>> format_signed(1.204), format_signed(-0.8), format_signed(0.001)
    ('+1.20', '−0.80', '0.00')
    """
    if not math.isfinite(number):
        return "?"
    text = f"{number:+.2f}"
    return text[1:] if text[1:] == "0.00" else text.replace("-", "−")


def format_cosine(number: float, decimals: int = 3) -> str:
    """A cosine, with a true minus.

    >>> format_cosine(0.2149), format_cosine(-0.05, decimals=2)
    ('0.215', '−0.05')
    """
    return f"{number:.{decimals}f}".replace("-", "−") if math.isfinite(number) else "?"


def convert_to_plain(value: Any) -> Any:
    """A value made of what JSON and YAML can hold: mappings, lists, strings, finite numbers, booleans and None."""
    if isinstance(value, Mapping):
        return {str(key): convert_to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [convert_to_plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    return drop_infinite(value) if isinstance(value, float) else str(value)


def add_metadata_note(result: Result) -> Result:
    """The result with its metadata as a note, for reports that are asked to show it: it may tell where somebody lives."""
    if not result.metadata:
        return result
    told = "; ".join(f"{name}: {value}" for name, value in result.metadata.items())
    return replace(result, notes=(*result.notes, told))


def format_recipe(recipe: Mapping[str, Any]) -> str:
    """The whole recipe on one line, but for the fields that are not set."""
    return ", ".join(f"{name}: {convert_to_plain(value)}" for name, value in recipe.items() if value not in (None, []))
