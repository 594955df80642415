"""Names that changed. The old ones go on working for some releases, with a warning that says what to write instead.

A change of a name is one entry of `RENAMED`; nothing else is written for it, but for a hook's argument, whose old name stays in
the hook's signature. docs/stability.md has the rules.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, Final, TypeVar

from bioclip_x.errors import OldNameWarning, RecipeError
from bioclip_x.version import __version__

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Renamed:
    """What became of a name.

    new: the present name. since: the release that brought it, such as "0.3". until: the release from which on the old name is
    an error.
    """

    new: str
    since: str
    until: str


RENAMED: Final[dict[str, dict[str, Renamed]]] = {
    "bioclip_x.plugin": {"LONGEST_LINE": Renamed("LINE_CHARACTERS", "0.2", "0.4")},
}
"""Place → old name → what became of it. Places:

"bioclip_x.plugin": its names. "recipe": fields, of which each is a flag too. "train": fields of a training configuration.
"flags": further flags ("--old"). "HeadCapabilities" and so on: fields of a record. "hook training_started" and so on:
arguments of a hook.
"""


def find_new_name(
    place: str,
    old: str,
    *,
    error: type[Exception] = ImportError,
    warning: type[Warning] = DeprecationWarning,
    stacklevel: int = 2,
) -> str | None:
    """Returns the present name for an old one, with a warning; None for any other name.

    warning: DeprecationWarning where programs use the name, OldNameWarning where their users do. stacklevel: as in
    `warnings.warn`, 2 for the caller's caller.

    Raises `error` where the old name is no longer accepted.
    """
    renamed = RENAMED.get(place, {}).get(old)
    if renamed is None:
        return None
    _tell(place, old, renamed, error, warning, stacklevel + 1)
    return renamed.new


def _tell(
    place: str, old: str, renamed: Renamed, error: type[Exception], warning: type[Warning], stacklevel: int
) -> None:
    if is_over(renamed):
        raise error(
            f"{place}: {old!r} is called {renamed.new!r} since bioclip-x {renamed.since}; write {renamed.new!r}"
        )
    warnings.warn(describe(place, old, renamed), warning, stacklevel=stacklevel + 1)


def describe(place: str, old: str, renamed: Renamed) -> str:
    """Says in one line what to write instead of an old name, and until when it is accepted."""
    return (
        f"{place}: {old!r} is called {renamed.new!r} since bioclip-x {renamed.since}; write {renamed.new!r}, since "
        f"{old!r} will be an error in {renamed.until}"
    )


def is_over(renamed: Renamed) -> bool:
    """Whether this release no longer accepts the old name."""
    return _read_version(__version__) >= _read_version(renamed.until)


def _read_version(text: str) -> list[int]:
    """Reads major, minor and patch: "0.3" is [0, 3, 0]."""
    numbers = [int(part) for part in re.findall(r"\d+", text)[:3]]
    return numbers + [0] * (3 - len(numbers))


def rename_keys(
    place: str,
    values: Mapping[str, Any],
    *,
    error: type[Exception],
    warning: type[Warning] = OldNameWarning,
    stacklevel: int = 2,
) -> dict[str, Any]:
    """Returns the values under their present names; a value that is None counts as not given. See `find_new_name`.

    Raises `error` also where a value is given under both names.
    """
    renamed: dict[str, Any] = {}
    for key, value in values.items():
        new = find_new_name(place, key, error=error, warning=warning, stacklevel=stacklevel + 1)
        if new and values.get(new) is not None:
            raise error(f"{place}: {key!r} and {new!r} are the same; give {new!r} only")
        if new or key not in renamed:
            renamed[new or key] = value
    return renamed


def accepts_old_names(record: type[Record]) -> type[Record]:
    """Decorates a record: its constructor takes old names of its fields, and they can be read."""
    make: Any = record.__init__

    @wraps(make)
    def make_by_known_names(self: Any, *args: Any, **kwargs: Any) -> None:
        known = rename_keys(record.__name__, kwargs, error=TypeError, warning=DeprecationWarning) if kwargs else {}
        make(self, *args, **known)

    def find_by_old_name(self: Any, name: str) -> Any:
        new = find_new_name(record.__name__, name, error=AttributeError)
        if new is None:
            raise AttributeError(f"{record.__name__!r} object has no attribute {name!r}")
        return getattr(self, new)

    record.__init__, record.__getattr__ = make_by_known_names, find_by_old_name  # type: ignore[method-assign,attr-defined]
    return record


def list_warnings(place: str) -> dict[str, Warning]:
    """Returns old name → warning, as pluggy's `warn_on_impl_args`."""
    return {old: DeprecationWarning(describe(place, old, new)) for old, new in RENAMED.get(place, {}).items()}


def add_old_arguments(hook: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Adds a hook's arguments under their old names, which plugins may still ask for."""
    old = RENAMED.get(f"hook {hook}", {})
    return dict(arguments) | {name: arguments[renamed.new] for name, renamed in old.items()}


def rename_flags(arguments: Sequence[str]) -> list[str]:
    """Replaces old names of flags before `--`. Raises RecipeError for one that is no longer accepted."""
    renamed = _list_flags()
    end = arguments.index("--") if "--" in arguments else len(arguments)
    known = []
    for argument in arguments[:end]:
        flag, equals, value = argument.partition("=")
        if flag in renamed:
            _tell("flags", flag, renamed[flag], RecipeError, OldNameWarning, 2)
            argument = f"{renamed[flag].new}{equals}{value}"
        known.append(argument)
    return known + list(arguments[end:])


def _list_flags() -> dict[str, Renamed]:
    """Returns the old names of flags, with those of recipe fields: `old_field` is "--old-field" and "--no-old-field"."""
    flags = dict(RENAMED.get("flags", {}))
    for old, renamed in RENAMED.get("recipe", {}).items():
        for prefix in ("--", "--no-"):
            flags[prefix + old.replace("_", "-")] = replace(renamed, new=prefix + renamed.new.replace("_", "-"))
    return flags
