"""GeoJSON: a feature per result, a point where its place is known (RFC 7946)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from bioclip_x.plugin import LINNAEAN, Provenance, ReportCapabilities, Result, open_output
from bioclip_x_plugins.reports.exchange.kinds import explain, find_best
from bioclip_x_plugins.reports.exchange.places import find_place
from bioclip_x_plugins.reports.result_text import drop_infinite, find_language
from bioclip_x_plugins.reports.tables.json_documents import make_provenance_document, to_json


class GeoJson:
    """A FeatureCollection. What has no place is a feature without a geometry, as the standard calls unlocated ones; the member
    `unlocated` counts them, and `provenance` is beside it.

    decimals: of coordinates; 5 is about a metre, 1 about 10 km.
    """

    capabilities = ReportCapabilities(suffixes=(".geojson",))

    def __init__(self, *, decimals: Annotated[int, Field(ge=0, le=7)] = 5) -> None:
        self.decimals = decimals

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[_Writer]:
        with open_output(output, keep_partial=True) as stream:
            stream.write('{"type": "FeatureCollection", "features": [')
            writer = _Writer(stream, self.decimals, find_language(provenance))
            yield writer
            members = {"unlocated": writer.unlocated, "provenance": make_provenance_document(provenance)}
            stream.write(f"\n], {to_json(members)[1:]}\n")


class _Writer:
    def __init__(self, stream: Any, decimals: int, language: str) -> None:
        self._stream, self._decimals, self._language = stream, decimals, language
        self._before = "\n"
        self.unlocated = 0

    def write(self, result: Result) -> None:
        place = find_place(result.metadata, self._decimals)
        self.unlocated += place is None
        point = {"type": "Point", "coordinates": [place.longitude, place.latitude]} if place else None
        feature = {"type": "Feature", "geometry": point, "properties": self._make_properties(result)}
        self._stream.write(self._before + to_json(feature))
        self._before = ",\n"

    def _make_properties(self, result: Result) -> dict[str, Any]:
        best, region = find_best(result), result.region
        return {
            "source": result.source,
            "level": result.level,
            "region": result.region_number if region else None,
            "box": [drop_infinite(edge) for edge in region.box] if region else None,
            "event": result.event or None,
            "date": result.metadata.get("date"),
            "name": best.taxon.name if best else None,
            "rank": best.taxon.rank if best else None,
            "common_name": (best.taxon.common_name(self._language) or None) if best else None,
            "probability": drop_infinite(best.probability) if best else None,
            **{rank: (best.taxon.at(rank) or None) if best else None for rank in LINNAEAN},
            "remark": explain(result) or None,
        }
