"""A page of what was judged the same, for a person to judge the threshold by: one HTML file without scripts or requests."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from PIL import Image

from bioclip_x.dataset.duplicates.columns import DUPLICATES
from bioclip_x.dataset.duplicates.summary import list_conflicts, summarise
from bioclip_x.io.storage.replacement import open_replacement
from bioclip_x.messages import escape_controls, escape_shown
from bioclip_x.version import __version__

SIDE: Final = 160
"""Pixels of a thumbnail's longer side."""
MOST_IMAGES: Final = 12
"""Of a group; a page must not grow with the largest group."""
MOST_TEXT: Final = 200
"""Characters of a fact that are shown."""

OpenImage = Callable[[int], "Image.Image | None"]
Describe = Callable[[int], Mapping[str, str]]


@dataclass(frozen=True)
class Shown:
    """An image on the page. uri: data of its thumbnail, blank where there is none."""

    row: int
    role: str
    distance: str
    uri: str
    name: str
    taxon: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Group:
    """A kept image and some of its duplicates. taxa: the different ones among those shown."""

    images: tuple[Shown, ...]
    n_more: int
    taxa: tuple[str, ...]

    @property
    def conflict(self) -> bool:
        return len(self.taxa) > 1


def write_page(
    path: Path,
    duplicates: pa.Table,
    *,
    title: str,
    threshold: str,
    open_image: OpenImage,
    describe: Describe,
    beyond: pa.Table | None = None,
    taxa: pa.Table | None = None,
    n_shown: int = 24,
    seed: int = 0,
) -> None:
    """Writes the page: the pairs nearest to the threshold on both sides, and a random sample of groups.

    duplicates: as the finders return it. threshold: as it is to be read. open_image: the image of a row, None where it cannot
    be shown. describe: its `name`, `taxon` (`name` where absent) and further facts, by which images of different taxa are told.
    beyond: pairs that were kept though nearly within the threshold: what the finder gives for the kept rows
    (`columns.drop_duplicates`) with a wider threshold. taxa: `row`, `taxon` of the duplicates and their kept rows; with it,
    those of different taxa have a section of their own. n_shown: groups in each section.
    """
    show = _Showing(open_image, describe)
    beyond = DUPLICATES.empty_table() if beyond is None else beyond
    sections = [
        {
            "key": "within", "title": "Removed, nearest to the threshold",
            "lead": "The most distant pairs that were judged the same. Different pictures here: the threshold is too wide.",
            "groups": show.pairs(_pick_pairs(duplicates, n_shown, seed, farthest=True), "removed"),
        },
        {
            "key": "beyond", "title": "Kept, nearest to the threshold",
            "lead": "The nearest pairs that were both kept. The same picture here: the threshold is too narrow.",
            "groups": show.pairs(_pick_pairs(beyond, n_shown, seed, farthest=False), "kept too"),
        },
        {
            "key": "sample", "title": "A random sample of groups",
            "lead": "Each group is a kept image and the images removed in its place.",
            "groups": show.groups(duplicates, n_shown, seed),
        },
    ]  # fmt: skip
    if taxa is not None:
        conflicts = _pick_conflicts(duplicates, taxa, n_shown, seed)
        lead = (
            "Images judged the same that were given different taxa: one name is wrong, or the images are not the same."
        )
        groups = show.pairs(conflicts, "removed")
        sections.insert(0, {"key": "conflicts", "title": "Different taxa", "lead": lead, "groups": groups})
    summary = summarise(duplicates, taxa)
    text = _load_template().render(
        title=title, threshold=threshold, summary=summary, sections=sections, version=__version__
    )
    with open_replacement(path) as stream:
        stream.write(text)


def _pick_pairs(duplicates: pa.Table, n: int, seed: int, *, farthest: bool) -> list[dict[str, Any]]:
    """The farthest or the nearest pairs; of equally distant ones, of which there are many where distances are bits, any."""
    distances = duplicates.column("distance").to_numpy()
    at_random = np.random.default_rng(seed).permutation(distances.size)
    chosen = np.lexsort((at_random, -distances if farthest else distances))[:n]
    pairs: list[dict[str, Any]] = duplicates.take(chosen).to_pylist()
    return pairs


def _pick_conflicts(duplicates: pa.Table, taxa: pa.Table, n: int, seed: int) -> list[dict[str, Any]]:
    conflicts = list_conflicts(duplicates, taxa)
    chosen = np.random.default_rng(seed).permutation(conflicts.num_rows)[:n]
    rows: list[dict[str, Any]] = conflicts.take(np.sort(chosen)).to_pylist()
    return rows


class _Showing:
    """Makes what the template shows of rows."""

    def __init__(self, open_image: OpenImage, describe: Describe) -> None:
        self._open_image, self._describe = open_image, describe

    def pairs(self, pairs: Sequence[Mapping[str, Any]], role: str) -> list[Group]:
        return [self._group(pair["kept"], [(pair["row"], pair["distance"])], role) for pair in pairs]

    def groups(self, duplicates: pa.Table, n: int, seed: int) -> list[Group]:
        kept, rows = (duplicates.column(name).to_numpy() for name in ("kept", "row"))
        distances = duplicates.column("distance").to_numpy()
        leaders = np.unique(kept)
        chosen = np.sort(np.random.default_rng(seed).permutation(leaders)[:n])
        groups = []
        for leader in chosen.tolist():
            members = np.flatnonzero(kept == leader)
            groups.append(
                self._group(leader, list(zip(rows[members].tolist(), distances[members].tolist())), "removed")
            )
        return groups

    def _group(self, kept: int, members: Sequence[tuple[int, float]], role: str) -> Group:
        listed = members[: MOST_IMAGES - 1]
        images = [self._show(kept, "kept", "")]
        images += [self._show(row, role, f"distance {distance:.3g}") for row, distance in listed]
        taxa = tuple(dict.fromkeys(image.taxon for image in images if image.taxon))
        return Group(tuple(images), len(members) - len(listed), taxa)

    def _show(self, row: int, role: str, distance: str) -> Shown:
        facts = {_clean(key): _clean(value) for key, value in self._describe(row).items() if value}
        name, taxon = facts.pop("name", ""), facts.pop("taxon", "")
        shown = ((("taxon", taxon),) if name and taxon not in ("", name) else ()) + tuple(facts.items())
        return Shown(row, role, distance, _make_uri(self._open_image(row)), name or taxon, taxon or name, shown)


def _clean(text: str) -> str:
    cleaned = escape_controls(text)
    return cleaned if len(cleaned) <= MOST_TEXT else cleaned[: MOST_TEXT - 1] + "…"


def _make_uri(image: Image.Image | None) -> str:
    if image is None:
        return ""
    small = image.convert("RGB")
    small.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


@cache
def _load_template() -> Any:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=escape_shown
    )
    return environment.from_string((files(__package__) / "page.html").read_text(encoding="utf-8"))
