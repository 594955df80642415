"""The version of the plugin interface: the hooks, the protocols of components, and the records between them.

A plugin may declare the version that it was written for, beside its hooks:

    bioclip_x_api = 1

It is then refused, with what to do, where this release has an older version, or where one of the plugin's hooks has changed
since. docs/stability.md says when the version rises.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from bioclip_x.errors import PluginError
from bioclip_x.version import __version__

API_VERSION: Final = 1
"""Rises by one with every release that adds to the interface or changes it."""
ATTRIBUTE: Final = "bioclip_x_api"


@dataclass(frozen=True, slots=True)
class Change:
    """An incompatible change of the interface.

    version: that it brought. release: of bioclip-x, such as "0.3". hooks: whose implementations or components have to be
    changed. what: what changed, and what to write instead.
    """

    version: int
    release: str
    hooks: tuple[str, ...]
    what: str


CHANGES: Final[list[Change]] = []
"""All incompatible changes, oldest first."""


def check_api_version(plugin: Any, origin: str, hooks: Collection[str]) -> None:
    """Raises PluginError if the version that a plugin declares does not go with this release.

    origin: of the plugin, for the message. hooks: that it implements. A plugin that declares none passes.
    """
    declared = getattr(plugin, ATTRIBUTE, API_VERSION)
    if isinstance(declared, bool) or not isinstance(declared, int) or declared < 1:
        raise PluginError(
            f"{origin}: expected its {ATTRIBUTE} to be the version of the plugin interface that it was written for, a whole "
            f"number from 1 to {API_VERSION}, got {declared!r}"
        )
    if declared > API_VERSION:
        raise PluginError(
            f"{origin} was written for version {declared} of the plugin interface, and bioclip-x {__version__} has version "
            f"{API_VERSION}; update bioclip-x, or install an older release of the plugin"
        )
    if changes := [one for one in CHANGES if one.version > declared and set(one.hooks) & set(hooks)]:
        raise PluginError(
            f"{origin} was written for version {declared} of the plugin interface, which has changed since: "
            f"{describe_changes(hooks, declared)}. Install a newer release of the plugin, or bioclip-x before "
            f"{changes[0].release}; its author follows the changes and sets {ATTRIBUTE} = {API_VERSION}"
        )


def describe_changes(hooks: Collection[str], after: int = 0) -> str:
    """Describes the changes of these hooks after a version; "" if there are none."""
    changes = ((one, sorted(set(one.hooks) & set(hooks))) for one in CHANGES if one.version > after)
    return "; ".join(
        f"{', '.join(changed)} in version {one.version} (bioclip-x {one.release}): {one.what}"
        for one, changed in changes
        if changed
    )
