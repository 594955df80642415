"""The CUB-200-2011 folder: 312 attributes of 200 birds, annotated by people (Wah et al. 2011, CNS-TR-2011-001).

classes.txt                                         1 001.Black_footed_Albatross
attributes.txt, or attributes/attributes.txt        1 has_bill_shape::curved_(up_or_down)
attributes/class_attribute_labels_continuous.txt    a line per class: for each attribute, how often annotators saw it (%)
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Final

from bioclip_x.errors import DescriptorError
from bioclip_x.io.files import read_text
from bioclip_x.prompts.formats.collector import DescriptorCollector
from bioclip_x.records.texts.descriptor import DescriptorSet

LEAST: Final = 50.0
"""Per cent of the annotations in which an attribute must be present for the class to have it."""

_MATRIX: Final = "class_attribute_labels_continuous.txt"
_PLURAL: Final = ("wing", "eye", "leg")
_NOUNS: Final = {"eyebrow": "eyebrow", "eyering": "eye ring", "eyeline": "eye line", "malar": "malar stripe"}
_ADJECTIVES: Final = {
    "dagger": "dagger-shaped",
    "needle": "needle-shaped",
    "cone": "cone-shaped",
    "solid": "solid-colored",
    "unique pattern": "uniquely patterned",
}
_LENGTHS: Final = {
    "about the same as head": "a bill about as long as the head",
    "longer than head": "a bill longer than the head",
    "shorter than head": "a bill shorter than the head",
}


def sniff(folder: Path) -> bool:
    return (folder / "attributes" / _MATRIX).is_file() or (folder / _MATRIX).is_file()


def read(folder: Path, least: float = LEAST) -> DescriptorSet:
    """Reads the folder. least: per cent of annotations. Raises DescriptorError, with the line, for inconsistent files."""
    matrix = folder / "attributes" / _MATRIX
    matrix = matrix if matrix.is_file() else folder / _MATRIX
    classes = _read_names(_find_file(folder / "classes.txt", folder.parent / "classes.txt"))
    attributes = _read_names(
        _find_file(matrix.parent / "attributes.txt", folder / "attributes.txt", matrix.parent.parent / "attributes.txt")
    )
    phrases = [_make_phrase(attribute) for attribute in attributes]
    collector = DescriptorCollector(folder)
    rows = read_text(matrix, DescriptorError).splitlines()
    if len(rows) != len(classes):
        raise DescriptorError(f"{matrix}: {len(rows)} lines for the {len(classes)} classes of classes.txt")
    for line, (name, row) in enumerate(zip(classes, rows), start=1):
        name = re.sub(r"^\d+\.", "", name).replace("_", " ")
        collector.add_class(name, line)
        percents = _parse_percents(matrix, line, row, len(attributes))
        for (phrase, part), percent in zip(phrases, percents):
            if percent >= least:
                collector.add(name, phrase, part=part)
    return collector.finish("has", {"source": "CUB-200-2011 attributes", "least_percent": least})


def _find_file(*candidates: Path) -> Path:
    """Returns the first existing file, else the first."""
    return next((file for file in candidates if file.is_file()), candidates[0])


def _read_names(file: Path) -> list[str]:
    """Reads the text after the number of each line."""
    names = []
    for line, text in enumerate(read_text(file, DescriptorError).splitlines(), start=1):
        words = text.split(maxsplit=1)
        if len(words) != 2:
            raise DescriptorError(f"{file}, line {line}: expected a number and a name, got {text!r}")
        names.append(words[1])
    return names


def _parse_percents(file: Path, line: int, row: str, expected: int) -> list[float]:
    try:
        percents = [float(cell) for cell in row.split()]
    except ValueError as error:
        raise DescriptorError(f"{file}, line {line}: {error}") from None
    if len(percents) != expected or not all(math.isfinite(percent) for percent in percents):
        raise DescriptorError(f"{file}, line {line}: {len(percents)} numbers for {expected} attributes")
    return percents


def _make_phrase(attribute: str) -> tuple[str, str]:
    """Makes (phrase, part) from an attribute; the phrase can follow "which has".

    >>> _make_phrase("has_wing_color::grey"), _make_phrase("has_bill_shape::curved_(up_or_down)")
    (('grey wings', 'wing'), ('a curved bill (up or down)', 'bill'))
    """
    group, _, value = attribute.removeprefix("has_").partition("::")
    part, value = group.rpartition("_")[0].replace("_", " "), value.replace("_", " ").strip()
    value, _, more = value.partition(" (")
    more = f" ({more}" if more else ""
    if group in ("shape", "size"):
        return _add_article(f"{value}{more} {group}" if group == "shape" else f"{value} size{more}"), ""
    if part == "primary":
        return f"{value} as its main color", ""
    if value in _LENGTHS:
        return _LENGTHS[value], part
    if value in _NOUNS:
        return _add_article(_NOUNS[value]), part
    if value.endswith(part) or value.endswith(f"{part}s"):  # "forked tail", "pointed-wings"
        thing = value.replace(f"-{part}s", f" {part}s")
    else:
        thing = f"{_ADJECTIVES.get(value, value)} {part}" + ("s" if part in _PLURAL else "")
    return (thing if thing.endswith("s") else _add_article(thing)) + more, part


def _add_article(words: str) -> str:
    return f"an {words}" if words.startswith(("a", "e", "i", "o", "up")) else f"a {words}"
