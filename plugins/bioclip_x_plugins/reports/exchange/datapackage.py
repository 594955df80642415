"""datapackage.json of Camtrap DP 1.0.1: what is in the package, where, when, and of which taxa."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bioclip_x.plugin import LINNAEAN, Provenance, Result
from bioclip_x_plugins.reports.exchange.kinds import Kind, find_best
from bioclip_x_plugins.reports.exchange.times import format_time
from bioclip_x_plugins.reports.tables.json_documents import make_provenance_document

VERSION: Final = "1.0.1"
SCHEMAS: Final = f"https://raw.githubusercontent.com/tdwg/camtrap-dp/{VERSION}"
RANKS: Final = (*LINNAEAN, "subspecies")
LANGUAGES: Final = {"en": "eng", "de": "deu", "fr": "fra", "es": "spa", "nl": "nld", "pt": "por", "it": "ita"}
"""ISO 639-1 → ISO 639-3, which Camtrap DP wants for vernacular names."""


@dataclass(frozen=True, slots=True)
class Project:
    """What the standard requires to be said of a project."""

    title: str
    contributor: str
    sampling: str
    capture: str


@dataclass(slots=True)
class Summary:
    """What the observations are of. taxa: by scientific name; their number is at most that of the taxonomy."""

    taxa: dict[str, dict[str, Any]] = field(default_factory=dict)
    levels: set[str] = field(default_factory=set)
    has_individuals: bool = False

    def add(self, result: Result, kind: Kind) -> None:
        self.levels.add("event" if result.level == "event" else "media")
        self.has_individuals |= bool(result.region and result.region.individual)
        best = find_best(result)
        if best and best.taxon.name not in self.taxa:
            lineage = {rank: best.taxon.at(rank) for rank in LINNAEAN[:-1] if best.taxon.at(rank)}
            names = {
                LANGUAGES[language]: names[0]
                for language, names in best.taxon.common_names.items()
                if language in LANGUAGES and names
            }
            self.taxa[best.taxon.name] = {
                "scientificName": best.taxon.name,
                **({"taxonRank": best.taxon.rank} if best.taxon.rank in RANKS else {}),
                **lineage,
                **({"vernacularNames": names} if names else {}),
            }


def make_document(
    project: Project,
    provenance: Provenance,
    rows: Sequence[Mapping[str, object]],
    summary: Summary,
    now: datetime,
    lacking: Sequence[str],
) -> dict[str, Any]:
    """The descriptor of the package. rows: of its deployments."""
    title = project.title or "camera trap images, classified"
    days = sorted(str(row[name])[:10] for row in rows for name in ("deploymentStart", "deploymentEnd") if row[name])
    return {
        "resources": [
            {
                "name": name,
                "path": f"{name}.csv",
                "profile": "tabular-data-resource",
                "format": "csv",
                "mediatype": "text/csv",
                "encoding": "utf-8",
                "schema": f"{SCHEMAS}/{name}-table-schema.json",
            }
            for name in ("deployments", "media", "observations")
        ],
        "profile": f"{SCHEMAS}/camtrap-dp-profile.json",
        "created": format_time(now).replace("+00:00", "Z"),
        "title": title,
        "contributors": [{"title": project.contributor or "not told", "role": "contributor"}],
        "sources": [{"title": "bioclip-x", "version": provenance.version}],
        "project": {
            "title": title,
            "samplingDesign": project.sampling,
            "captureMethod": [project.capture],
            "individualAnimals": summary.has_individuals,
            "observationLevel": sorted(summary.levels, reverse=True) or ["media"],
        },
        "spatial": make_extent(rows),
        **({"temporal": {"start": days[0], "end": days[-1]}} if days else {}),
        "taxonomic": [summary.taxa[name] for name in sorted(summary.taxa)],
        "bioclip_x": {"provenance": make_provenance_document(provenance), "lacking": list(lacking)},
    }


def make_extent(rows: Sequence[Mapping[str, object]]) -> dict[str, Any]:
    """The rectangle around all deployments, as GeoJSON: a point for one place, and an empty collection for none."""
    places = {
        (float(str(row["longitude"])), float(str(row["latitude"])))
        for row in rows
        if row["longitude"] not in (None, "") and row["latitude"] not in (None, "")
    }
    if not places:
        return {"type": "GeometryCollection", "geometries": []}
    if len(places) == 1:
        return {"type": "Point", "coordinates": list(*places)}
    east, north = (max(one) for one in zip(*places))
    west, south = (min(one) for one in zip(*places))
    return {
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
    }


def make_path(path: str) -> str:
    """A path as Camtrap DP allows it: without two dots in a row, and no dot or tilde at the beginning.

    >>> make_path("cam1/a..jpg"), make_path(".hidden/a.jpg"), make_path("cam1/a.jpg")
    ('cam1/a._jpg', '_hidden/a.jpg', 'cam1/a.jpg')
    """
    while ".." in path:
        path = path.replace("..", "._")
    return f"_{path[1:]}" if path[:1] in (".", "~", "/") else path


def read_provenance(path: Path) -> dict[str, Any]:
    """The provenance in a datapackage.json that this report wrote; empty for another file."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    told = document.get("bioclip_x") if isinstance(document, dict) else None
    found = told.get("provenance") if isinstance(told, dict) else None
    return found if isinstance(found, dict) else {}
