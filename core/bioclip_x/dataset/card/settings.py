"""The settings of a build, as they may be published: no folders of this machine, no addresses, no names of users."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PureWindowsPath
from typing import Any, Final

from bioclip_x.dataset.config import BuildConfig

LEFT_OUT: Final = ("title", "output", "workers", "memory", "device", "base", "seed")
"""Fields that say nothing of the result, or are told elsewhere."""
_LOCAL: Final = re.compile(r"(?P<scheme>(?:file|local-dir):(?://)?)?(?:[/~\\]|\.\.?[/\\]|[A-Za-z]:[/\\])")


class Hider:
    """Removes folders of this machine from texts."""

    def __init__(self, folders: Iterable[Path]) -> None:
        known = {str(folder.expanduser().resolve()) for folder in folders} | {str(Path.home())}
        # Longest first, so that nothing of a folder within another is left.
        self._known = sorted((one for one in known if len(one) > 1), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for folder in self._known:
            text = text.replace(folder + "/", "").replace(folder, "…")
        return text


def describe_settings(config: BuildConfig) -> Mapping[str, Any]:
    """Returns the settings that were given, as plain values. Components that read files or reach servers are named without
    options, since these may hold folders, addresses and keys."""
    given = config.model_dump(mode="json", exclude_unset=True, by_alias=True, exclude=set(LEFT_OUT))
    described = {name: _hide(value) for name, value in given.items()}
    described["sources"] = [_name_source(one) for one in config.sources]
    if config.held_out.sources:
        described["held_out"] = {
            **described["held_out"],
            "sources": [_name_source(one) for one in config.held_out.sources],
        }
    if config.captions:
        described["captions"] = {**described["captions"], "component": config.captions.component.name}
    return described


def _name_source(source: Any) -> dict[str, str]:
    named = {"name": source.component.name, "as": source.label, "licence": source.licence}
    return {key: value for key, value in named.items() if value}


def _hide(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _hide(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_hide(one) for one in value]
    return hide_folder(value) if isinstance(value, str) else value


def hide_folder(path: str) -> str:
    """Returns the last part of a path that tells where files are on this machine; other texts as they are.

    >>> [hide_folder(path) for path in ("/home/ann/itis.csv", "../itis/", "lists/rare.txt", "hf-hub:imageomics/bioclip")]
    ['itis.csv', 'itis', 'lists/rare.txt', 'hf-hub:imageomics/bioclip']
    """
    match = _LOCAL.match(path)
    if match is None:
        return path
    name = PureWindowsPath(path).name  # knows both separators
    return (match["scheme"] or "").rstrip("/") + (name if name not in ("", "~", "..") else "…")
