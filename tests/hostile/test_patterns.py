"""No regular expression takes long on repetitions of its own pieces: each is tried on texts that it nearly matches."""

from __future__ import annotations

import importlib
import inspect
import itertools
import pkgutil
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Final

import pytest

import bioclip_x
import bioclip_x_plugins

LENGTH: Final = 1500
SECONDS: Final = 0.2
"""Of a core, for a text of so many characters. Quadratic patterns, whose texts are bounded, take a tenth of it."""
TOTAL: Final = 1.0
"""Seconds for all texts that one pattern is tried on."""
BOUNDED: Final = {
    "bioclip_x.io.files._JSON_PIECE": "text that json has parsed",
    "bioclip_x_plugins.datasets.shards._MEMBER": "names of files in a tar archive",
    "bioclip_x_plugins.image_sources.shards._MEMBER": "names of files in a tar archive",
}
"""Patterns whose texts are short, or known to be well formed."""


class _OutOfTime(BaseException):
    pass


def find_patterns() -> Iterator[tuple[str, re.Pattern[Any], bool]]:
    """Yields each pattern of the modules, with its name and whether it is matched at the beginning of a text only."""
    seen = set()
    for package in (bioclip_x, bioclip_x_plugins):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if info.name.endswith("__main__"):
                continue
            module = importlib.import_module(info.name)
            for name, value in vars(module).items():
                for number, pattern in enumerate(_list_patterns(value)):
                    if pattern not in seen:
                        seen.add(pattern)
                        yield (
                            f"{info.name}.{name}" + (f"[{number}]" if number else ""),
                            pattern,
                            _is_anchored(module, name),
                        )


def _list_patterns(value: object) -> list[re.Pattern[Any]]:
    values = value if isinstance(value, list | tuple) else list(value.values()) if isinstance(value, dict) else [value]
    nested = [one for part in values for one in (part if isinstance(part, list | tuple) else [part])]
    return [one for one in nested if isinstance(one, re.Pattern)]


def _is_anchored(module: ModuleType, name: str) -> bool:
    uses = set(re.findall(rf"\b{name}\.(\w+)", inspect.getsource(module)))
    return bool(uses) and uses <= {"match", "fullmatch", "pattern"}


def list_pieces(pattern: re.Pattern[Any]) -> list[str]:
    """Returns characters and words that a pattern speaks of, and a few that most do."""
    text = pattern.pattern.decode("latin-1") if isinstance(pattern.pattern, bytes) else pattern.pattern
    pieces: list[str] = []

    def walk(parts: Any) -> None:
        word = ""
        for operation, value in parts:
            kind = str(operation)
            if kind == "LITERAL":
                word += chr(value)
                continue
            if word:
                pieces.append(word)
            word = ""
            if kind == "IN":
                pieces.extend(chr(one) for kind_of_part, one in value if str(kind_of_part) == "LITERAL")
                pieces.extend(chr(one[0]) for kind_of_part, one in value if str(kind_of_part) == "RANGE")
            elif kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
                walk(value[2])
            elif kind == "SUBPATTERN":
                walk(value[3])
            elif kind == "BRANCH":
                for branch in value[1]:
                    walk(branch)
            elif kind in ("ASSERT", "ASSERT_NOT"):
                walk(value[1])
        if word:
            pieces.append(word)

    parser = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")
    walk(parser.parse(text))
    return list(dict.fromkeys([*pieces[:14], "a", " ", "1", "\n", "A"]))


def measure(call: Callable[[Any], object], text: str | bytes) -> float:
    """Returns the seconds that a call takes of a core; at most a few times `SECONDS`."""

    def stop(*_: object) -> None:
        raise _OutOfTime

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, 4 * SECONDS)
    started = time.thread_time()
    try:
        call(text)
    except _OutOfTime:
        pass
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    return time.thread_time() - started


PATTERNS = {name: (pattern, anchored) for name, pattern, anchored in find_patterns()}


@pytest.mark.parametrize("name", sorted(PATTERNS.keys() - BOUNDED.keys()))
def test_a_pattern_takes_little_time(name: str) -> None:
    assert find_slow_text(*PATTERNS[name]) is None


def find_slow_text(pattern: re.Pattern[Any], anchored: bool) -> str | None:
    """Returns what was repeated where a text takes long; None where none does."""
    pieces = list_pieces(pattern)
    call: Callable[[Any], object] = (
        pattern.fullmatch if anchored else lambda text: sum(1 for _ in pattern.finditer(text))
    )
    units = [*pieces, *map("".join, itertools.islice(itertools.product(pieces, repeat=2), 120))]
    started = time.thread_time()
    for unit in units:
        if time.thread_time() - started > TOTAL:
            break
        for start in ("", pieces[0]):
            text: str | bytes = f"{start}{unit * (LENGTH // len(unit))}\0"
            if isinstance(pattern.pattern, bytes):
                text = text.encode("utf-8", "replace")
            if measure(call, text) > SECONDS:
                return f"{start!r}, {unit!r} …"
    return None


@pytest.mark.parametrize("text", [r"(a+)+b", r"^[A-Z](?:\S*\s+){4,}\S+[.!?]$", r"(x|x)*y", r"(?:\s*\d\s*,?)+]"])
def test_a_slow_pattern_is_found(text: str) -> None:
    assert find_slow_text(re.compile(text), anchored=True)
