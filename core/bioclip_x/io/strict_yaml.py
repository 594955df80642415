"""Loads YAML strictly, through PyYAML's documented interface: mistakes that PyYAML accepts are errors with a line number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

import yaml

from bioclip_x.limits import DOCUMENT_ALIASES, DOCUMENT_DEPTH

TOO_DEEP: Final = f"lists and mappings are nested more than {DOCUMENT_DEPTH} deep"

# libyaml where PyYAML was built with it: ten times faster, the same documents.
_Loader: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_Dumper: Any = yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper

# The complement of YAML 1.1's printable characters.
_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Raised by PyYAML for a scalar that looks like or is tagged as a date or number but is none, such as 2020-13-45.
_VALUE_ERRORS = (ValueError, LookupError, AttributeError, OverflowError)
_REWORDED = {"exceeded maximum nesting depth": TOO_DEEP}  # a limit of libyaml 0.2.6
_MERGE = "tag:yaml.org,2002:merge"
_UNUSED = {f"tag:yaml.org,2002:{name}" for name in ("binary", "omap", "pairs", "set")}
_BATCH = 1000
_CHARACTERS = 100
"""Characters of a text that count as a value where aliases are counted."""


class InvalidDocument(Exception):
    """An error in a document, and its line (0 if unknown)."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(problem)
        self.line = line


def load(text: str) -> Any:
    """Loads one YAML document safely. These are errors, too: a duplicate key, a key that is a list or a mapping, an
    alias within the node it refers to, lists and mappings nested more than `DOCUMENT_DEPTH` deep, and aliases that stand for
    more than `DOCUMENT_ALIASES` values.

    Merge keys (`<<`) are handled by the installed PyYAML, and may be given twice. Its versions differ where several merged
    mappings have the same key: up to 6.0.3 the first mapping of a list gives the value; in 6.0.4 it may be the first or
    the last, depending on the key's length (https://github.com/yaml/pyyaml/issues/953).

    Raises InvalidDocument.
    """
    try:
        _check(text)
        return yaml.load(text, Loader=_Loader)
    except UnicodeEncodeError as problem:
        line = text.count("\n", 0, problem.start) + 1
        raise InvalidDocument("not valid YAML: half a character (one surrogate of a pair)", line) from None
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        problem_text = _REWORDED.get(problem.problem or "", problem.problem)
        raise InvalidDocument(f"not valid YAML: {problem_text}", mark.line + 1 if mark else 0) from None
    except yaml.YAMLError as problem:
        match = _NOT_PRINTABLE.search(text)
        if not match:
            raise InvalidDocument(f"not valid YAML: {problem}") from None
        line = text.count("\n", 0, match.start()) + 1
        raise InvalidDocument(f"not valid YAML: the character {match[0]!r} must be escaped", line) from None
    except _VALUE_ERRORS:
        scalar = _find_failing_scalar(text)
        if not scalar:
            raise
        tag = scalar.tag if _is_tagged(scalar) else _infer_tag(scalar)
        kind = "date" if tag.endswith("timestamp") else tag.rpartition(":")[2]
        raise _make_error(scalar, f"{scalar.value!r} is not a valid {kind}; put it in quotes if it is text") from None


def find_line(text: str, place: Sequence[str | int]) -> int:
    """Returns the line of the value at a place in a document that `load` accepts, 0 for an empty document.

    place: keys of mappings and indices of lists, from the outermost. A part that the document does not have is skipped, so
    that the result is the line of what is nearest to it.

    >>> find_line("a:\\n  b: 1\\n  c:\\n  - 2\\n  - 3", ["a", "c", 1])
    5
    >>> find_line("a:\\n  b: 1", ["a", "tag of a union", "d"])
    1
    """
    node: Any = yaml.compose(text, Loader=_Loader)
    line = 0
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if found:
                line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def _check(text: str) -> None:
    """Raises InvalidDocument for the errors that PyYAML does not report (see `load`).

    Reads the parser's events without recursion; libyaml's composer recurses in C, where deep nesting crashes the process.
    """
    anchors: dict[str, Any] = {}
    aliases = _Aliases()
    loaded: dict[tuple[str, str | None], Any] = {}
    pending: list[tuple[Any, Any, set[Any]]] = []  # keys to check in a batch, which is faster
    open_collections: list[tuple[Any, set[Any] | None]] = []  # with the keys so far of each mapping
    keys: set[Any] | None = None  # of the innermost one
    is_key = False
    for event in yaml.parse(text, Loader=_Loader):
        aliases.follow(event)
        if isinstance(event, yaml.CollectionEndEvent):
            open_collections.pop()
            keys = open_collections[-1][1] if open_collections else None
            is_key = keys is not None
            continue
        if not isinstance(event, yaml.NodeEvent):  # a document or the stream begins or ends
            anchors.clear()
            continue

        if (tag := getattr(event, "tag", None)) in _UNUSED:
            raise _make_error(
                event, f"the tag !!{tag.rpartition(':')[2]} has no meaning here; write a list or a mapping"
            )
        target: Any = event
        if isinstance(event, yaml.AliasEvent):
            target = anchors.get(event.anchor or "")  # PyYAML reports an undefined alias
            if any(target is start for start, _ in open_collections):
                raise _make_error(event, "an alias is inside the node it refers to")
        elif event.anchor:
            anchors[event.anchor] = event

        if keys is not None:
            if is_key and target and not _is_merge(target):
                if not isinstance(target, yaml.ScalarEvent):
                    kind = "dict" if isinstance(target, yaml.MappingStartEvent) else "list"
                    raise _make_error(event, f"expected a name as a key, got a {kind}")
                pending.append((event, target, keys))
                if len(pending) == _BATCH:
                    _add_keys(pending, loaded)
                    pending.clear()
            is_key = not is_key

        if isinstance(event, yaml.CollectionStartEvent):
            if len(open_collections) == DOCUMENT_DEPTH:
                raise _make_error(event, TOO_DEEP)
            is_key = isinstance(event, yaml.MappingStartEvent)
            keys = set() if is_key else None
            open_collections.append((event, keys))
    _add_keys(pending, loaded)


class _Aliases:
    """Counts the values that aliases stand for, before any is expanded."""

    def __init__(self) -> None:
        self._size_of: dict[str, int] = {}  # of anchors
        self._open: list[tuple[str | None, int]] = [(None, 0)]  # anchor and size so far of the open collections
        self.n_expanded = 0

    def follow(self, event: Any) -> None:
        """Takes the next event of the parser. Raises InvalidDocument for an alias beyond `DOCUMENT_ALIASES`."""
        if isinstance(event, yaml.CollectionStartEvent):
            self._open.append((event.anchor, 1))
            return
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, size = self._open.pop()
        elif isinstance(event, yaml.ScalarEvent):
            anchor, size = event.anchor, 1 + len(event.value) // _CHARACTERS
        elif isinstance(event, yaml.AliasEvent):
            anchor, size = None, self._size_of.get(event.anchor or "", 0)
            self.n_expanded += size
            if self.n_expanded > DOCUMENT_ALIASES:
                raise _make_error(event, f"its aliases stand for more than {DOCUMENT_ALIASES:,} values")
        else:
            return
        if anchor:
            self._size_of[anchor] = size
        around, so_far = self._open[-1]
        self._open[-1] = around, so_far + size


def _add_keys(pending: list[tuple[Any, Any, set[Any]]], loaded: dict[tuple[str, str | None], Any]) -> None:
    """Adds keys, by value, to the sets of their mappings: 1 and 0x1 are both 1, yes is True.

    pending: a key, its scalar (for an alias, the one it refers to), and the keys so far of its mapping. loaded: a cache of
    the values of scalars that may not be plain text.
    """
    unclear = {(target.value, target.tag): target for _, target, _ in pending if not _is_text(target)}
    loaded.update(_load_scalars([scalar for key, scalar in unclear.items() if key not in loaded]))
    for event, target, keys in pending:
        key = target.value if _is_text(target) else loaded[target.value, target.tag]
        if key in keys:
            raise _make_error(event, f"the key {key!r} is given twice")
        keys.add(key)


def _load_scalars(scalars: list[Any]) -> dict[tuple[str, str | None], Any]:
    """Returns the values of scalars; of one that fails, its text: loading the whole document reports the error."""
    try:
        values = yaml.load(_emit_list(scalars), Loader=_Loader)
    except (yaml.YAMLError, *_VALUE_ERRORS):
        if len(scalars) > 1:
            return {key: value for one in scalars for key, value in _load_scalars([one]).items()}
        values = [scalars[0].value]
    return {(one.value, one.tag): value for one, value in zip(scalars, values)}


def _is_tagged(scalar: Any) -> bool:
    return scalar.tag not in (None, "!")


def _is_text(scalar: Any) -> bool:
    """Whether a scalar certainly is text: quoted, or a word longer than all reserved words (yes, null, false)."""
    is_quoted = not scalar.implicit[0]
    return not _is_tagged(scalar) and (is_quoted or (len(scalar.value) > 5 and scalar.value[0].isalpha()))


def _is_merge(event: Any) -> bool:
    if not isinstance(event, yaml.ScalarEvent):
        return False
    return event.tag == _MERGE or (event.value == "<<" and not _is_tagged(event) and bool(event.implicit[0]))


def _emit_list(scalars: Iterable[Any]) -> str:
    """Emits a document that is the list of these scalars, each tagged or plain."""
    items = [
        yaml.ScalarEvent(None, one.tag, (False, False), one.value, style='"')
        if _is_tagged(one)
        else yaml.ScalarEvent(None, None, (True, True), one.value)
        for one in scalars
    ]
    start = (yaml.StreamStartEvent(), yaml.DocumentStartEvent(), yaml.SequenceStartEvent(None, None, True))
    end = (yaml.SequenceEndEvent(), yaml.DocumentEndEvent(), yaml.StreamEndEvent())
    document: str = yaml.emit((*start, *items, *end), Dumper=_Dumper, width=1 << 20, allow_unicode=True)
    return document


def _infer_tag(scalar: Any) -> str:
    node: Any = yaml.compose(_emit_list([scalar]), Loader=_Loader)
    tag: str = node.value[0].tag
    return tag


def _find_failing_scalar(text: str) -> Any:
    """Returns the first scalar that is not valid for its tag or apparent type; None if there is none."""
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
        yaml.load(_emit_list(scalars), Loader=_Loader)
    except _VALUE_ERRORS:
        return True
    except yaml.YAMLError:  # such as an unknown tag; among several scalars it may hide a value error
        return len(scalars) > 1
    return False


def _make_error(event: Any, problem: str) -> InvalidDocument:
    return InvalidDocument(f"not valid YAML: {problem}", event.start_mark.line + 1)
