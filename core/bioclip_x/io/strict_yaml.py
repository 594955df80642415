"""Strict reading of YAML by PyYAML's documented interface: what plain YAML takes in silence is told, with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

import yaml

DEEPEST: Final = 200
"""Lists and mappings within one another in a file. Readers of trees recurse, and Python and libyaml have limits."""

TOO_DEEP: Final = f"lists and mappings stand more than {DEEPEST} deep within one another"

# libyaml where PyYAML was built with it: ten times faster, the same documents.
_Loader: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_Dumper: Any = yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper

# YAML 1.1's printable characters are all others.
_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What PyYAML raises at a scalar with the form or the tag of a date or a number that is none, as 2020-13-45.
_NO_SUCH_VALUE = (ValueError, LookupError, AttributeError, OverflowError)
_IN_PLAIN_WORDS = {"exceeded maximum nesting depth": TOO_DEEP}  # a limit of libyaml 0.2.6
_MERGE = "tag:yaml.org,2002:merge"
_BATCH = 1000


class NotValid(Exception):
    """What is wrong in a document, and in which line (0: not known)."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(problem)
        self.line = line


def load(text: str) -> Any:
    """One YAML document, loaded safely. These are errors too: a key given twice, a key that is a list or a mapping, an
    alias within what it names, and lists and mappings written more than `DEEPEST` deep.

    Merge keys (`<<`) are left to the installed PyYAML, and may be given twice. Its versions differ where several merged
    mappings have the same key: up to 6.0.3 the first mapping of a list gives the value; in 6.0.4 it may be the first or
    the last, depending on the key's length (https://github.com/yaml/pyyaml/issues/953).

    Raises NotValid.
    """
    try:
        _check(text)
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        told = _IN_PLAIN_WORDS.get(problem.problem or "", problem.problem)
        raise NotValid(f"not valid YAML: {told}", mark.line + 1 if mark else 0) from None
    except yaml.YAMLError as problem:
        odd = _NOT_PRINTABLE.search(text)
        if not odd:
            raise NotValid(f"not valid YAML: {problem}") from None
        line = text.count("\n", 0, odd.start()) + 1
        raise NotValid(f"not valid YAML: the character {odd[0]!r} may not stand there as it is", line) from None
    except _NO_SUCH_VALUE:
        scalar = _first_that_fails(text)
        if not scalar:
            raise
        tag = scalar.tag if _is_tagged(scalar) else _tag_by_form(scalar)
        kind = "date" if tag.endswith("timestamp") else tag.rpartition(":")[2]
        raise _not_valid(scalar, f"{scalar.value!r} is no {kind}; put it in quotes if it is text") from None


def _check(text: str) -> None:
    """Raises NotValid for the errors that `load` names and PyYAML does not. It reads the parser's events and does not
    recurse; libyaml's composer does, in C, where too deep a nesting ends the process.
    """
    anchors: dict[str, Any] = {}
    loaded: dict[tuple[str, str | None], Any] = {}
    waiting: list[tuple[Any, Any, set[Any]]] = []  # keys to look at together, which is faster
    around: list[tuple[Any, set[Any] | None]] = []  # the collections that are open, and the keys so far of each mapping
    keys: set[Any] | None = None  # the last of these
    is_key = False
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionEndEvent):
            around.pop()
            keys = around[-1][1] if around else None
            is_key = keys is not None
            continue
        if not isinstance(event, yaml.NodeEvent):  # a document or the stream begins or ends
            anchors.clear()
            continue

        named: Any = event
        if isinstance(event, yaml.AliasEvent):
            named = anchors.get(event.anchor or "")  # PyYAML tells that there is none
            if any(named is start for start, _ in around):
                raise _not_valid(event, "an alias stands within what it names")
        elif event.anchor:
            anchors[event.anchor] = event

        if keys is not None:
            if is_key and named and not _is_merge(named):
                if not isinstance(named, yaml.ScalarEvent):
                    kind = "dict" if isinstance(named, yaml.MappingStartEvent) else "list"
                    raise _not_valid(event, f"expected a name as a key, got a {kind}")
                waiting.append((event, named, keys))
                if len(waiting) == _BATCH:
                    _add_keys(waiting, loaded)
                    waiting.clear()
            is_key = not is_key

        if isinstance(event, yaml.CollectionStartEvent):
            if len(around) == DEEPEST:
                raise _not_valid(event, TOO_DEEP)
            is_key = isinstance(event, yaml.MappingStartEvent)
            keys = set() if is_key else None
            around.append((event, keys))
    _add_keys(waiting, loaded)


def _add_keys(waiting: list[tuple[Any, Any, set[Any]]], loaded: dict[tuple[str, str | None], Any]) -> None:
    """Adds keys to the sets of their mappings, as what they stand for: 1 for 1 and for 0x1, True for yes.

    waiting: a key, the scalar that it is or is an alias of, and the keys so far of its mapping. loaded: what scalars stand
    for that do not certainly stand for their text, to load each once.
    """
    unclear = {(named.value, named.tag): named for _, named, _ in waiting if not _is_text(named)}
    loaded.update(_loaded([scalar for asked, scalar in unclear.items() if asked not in loaded]))
    for event, named, keys in waiting:
        key = named.value if _is_text(named) else loaded[named.value, named.tag]
        if key in keys:
            raise _not_valid(event, f"the key {key!r} is given twice")
        keys.add(key)


def _loaded(scalars: list[Any]) -> dict[tuple[str, str | None], Any]:
    """Their values; of one that fails, its text. Loading the whole document tells what is wrong with it."""
    try:
        values = yaml.load(_as_list(scalars), Loader=_Loader)
    except (yaml.YAMLError, *_NO_SUCH_VALUE):
        if len(scalars) > 1:
            return {asked: value for one in scalars for asked, value in _loaded([one]).items()}
        values = [scalars[0].value]
    return {(one.value, one.tag): value for one, value in zip(scalars, values)}


def _is_tagged(scalar: Any) -> bool:
    return scalar.tag not in (None, "!")


def _is_text(scalar: Any) -> bool:
    """Whether it certainly is: in quotes, or a word longer than all that stand for something else (yes, null, false)."""
    is_quoted = not scalar.implicit[0]
    return not _is_tagged(scalar) and (is_quoted or (len(scalar.value) > 5 and scalar.value[0].isalpha()))


def _is_merge(event: Any) -> bool:
    if not isinstance(event, yaml.ScalarEvent):
        return False
    return event.tag == _MERGE or (event.value == "<<" and not _is_tagged(event) and bool(event.implicit[0]))


def _as_list(scalars: Iterable[Any]) -> str:
    """A document of its own that is the list of these scalars, each tagged or plain."""
    listed = [
        yaml.ScalarEvent(None, one.tag, (False, False), one.value, style='"')
        if _is_tagged(one)
        else yaml.ScalarEvent(None, None, (True, True), one.value)
        for one in scalars
    ]
    start = (yaml.StreamStartEvent(), yaml.DocumentStartEvent(), yaml.SequenceStartEvent(None, None, True))
    end = (yaml.SequenceEndEvent(), yaml.DocumentEndEvent(), yaml.StreamEndEvent())
    document: str = yaml.emit((*start, *listed, *end), Dumper=_Dumper, width=1 << 20, allow_unicode=True)
    return document


def _tag_by_form(scalar: Any) -> str:
    listed: Any = yaml.compose(_as_list([scalar]), Loader=_Loader)
    tag: str = listed.value[0].tag
    return tag


def _first_that_fails(text: str) -> Any:
    """The first scalar that is not what its form or its tag says; None if there is none."""
    scalars = (
        event
        for event in yaml.parse(text, Loader=_Loader)
        if isinstance(event, yaml.ScalarEvent) and not _is_text(event) and not _is_merge(event)
    )
    while batch := list(islice(scalars, _BATCH)):
        for scalar in batch if _fails(batch) else ():
            if _fails([scalar]):
                return scalar
    return None


def _fails(scalars: list[Any]) -> bool:
    try:
        yaml.load(_as_list(scalars), Loader=_Loader)
    except _NO_SUCH_VALUE:
        return True
    except yaml.YAMLError:  # an unknown tag, say; among several it may hide another
        return len(scalars) > 1
    return False


def _not_valid(event: Any, problem: str) -> NotValid:
    return NotValid(f"not valid YAML: {problem}", event.start_mark.line + 1)
