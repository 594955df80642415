"""Writes the results so far as files: by every report that the registry has, and all of them with the labels in one archive."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

from bioclip_x.app.limits import AppError
from bioclip_x.errors import RecipeError
from bioclip_x.hooks.capabilities import ReportCapabilities, get_capabilities
from bioclip_x.hooks.registry import Registry
from bioclip_x.inference.sinks import find_report, write_all
from bioclip_x.records import Provenance, Result

STEM = "bioclip-x-results"


def list_formats(registry: Registry) -> list[str]:
    """Lists the suffixes of all reports that can be chosen by theirs, without the dot: each report's first."""
    formats = []
    for report in registry.make_all("reports").values():
        for suffix in get_capabilities(report, ReportCapabilities).suffixes[:1]:
            if _is_single(registry, suffix):
                formats.append(suffix[1:])
    return formats


def _is_single(registry: Registry, suffix: str) -> bool:
    try:
        find_report(registry, Path(f"{STEM}{suffix}"))
    except RecipeError:  # of two plugins
        return False
    return True


def write_report_file(
    registry: Registry, format_: str, provenance: Provenance, results: Iterable[Result], folder: Path
) -> Path:
    """Writes a report into an empty folder; returns it. It may have written other files beside it.

    Raises AppError for an unknown format.
    """
    if format_ not in list_formats(registry):
        raise AppError(f"there is no format {format_[:40]!r}; known: {', '.join(list_formats(registry))}", 404)
    path = folder / f"{STEM}.{format_}"
    write_all(provenance, results, [(find_report(registry, path), path)])
    return path


def pack_folder(folder: Path, archive: Path, others: Iterable[Path]) -> Path:
    """Packs the files of a folder, and others that exist, into a ZIP archive."""
    files = [*sorted(one for one in folder.iterdir() if one.is_file()), *(one for one in others if one.is_file())]
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in files:
            packed.write(file, file.name)
    return archive
