"""Finds the reader of a taxonomy file by its content, and says what a file looks like that none recognises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

from bioclip_x.errors import PluginError, TaxonomyError
from bioclip_x.faults import naming
from bioclip_x.hooks.capabilities import TaxonomyReaderCapabilities, get_capabilities
from bioclip_x.hooks.components import MismatchExplainer, TaxonomyReader
from bioclip_x.hooks.registry import Registry
from bioclip_x.hooks.returned import check_type
from bioclip_x.io.archives import Archive, is_archive, open_archive
from bioclip_x.io.content import name_content, read_content_head
from bioclip_x.io.encodings import detect_encoding, make_ascii_head
from bioclip_x.messages import list_some
from bioclip_x.records import Mismatch

HEAD_BYTES: Final = 65536
MAX_MEMBERS: Final = 50
"""Files of an unrecognised archive or folder that are looked at."""

_EXPECTED: Final = (
    "expected a table (CSV, TSV, .xlsx) with a column per rank, such as family, genus, species, or another format that "
    "`bioclip-x plugins list` names"
)


def read_head(path: Path) -> bytes | None:
    """Returns the first bytes of a file's content (see `bioclip_x.io.content`).

    None for a folder, and for a pipe, which can be read only once. Raises TaxonomyError if the path does not exist or cannot
    be read.
    """
    try:
        if not path.exists():
            raise TaxonomyError(f"the taxonomy {path} does not exist")
        if not path.is_file():
            return None
        return read_content_head(path, HEAD_BYTES, TaxonomyError)
    except OSError as problem:
        raise TaxonomyError(f"the taxonomy {path} cannot be read: {problem.strerror or problem}") from problem


def detect_format(registry: Registry, path: Path, head: bytes | None) -> str:
    """Returns the name of the first reader that recognises a file. Raises TaxonomyError.

    head: as from `read_head`.
    """
    if head is not None and not make_ascii_head(head).strip():
        raise TaxonomyError(f"{path} is empty; expected a taxonomy")
    name = find_reader(registry, path, head or b"")
    if name:
        return name
    raise TaxonomyError(f"{path} {_describe_unrecognised(registry, path, head)}")


def find_reader(registry: Registry, path: Path, head: bytes) -> str:
    """Returns the name of the first reader that recognises a file of this name and beginning; "" if none does."""
    shown = _name_content(path, head)
    for name, reader in _make_readers(registry):
        try:
            with naming(reader, "sniff", str(path)):
                recognised = reader.sniff(shown, head)
            if check_type(reader, "sniff", recognised, bool, str(path)):
                return name
        except PluginError as problem:
            raise type(problem)(f"{problem}; name the file's reader with --taxonomy-format") from problem
    return ""


def _name_content(path: Path, head: bytes) -> Path:
    """Returns the path that readers are shown: without .gz, unless the file is a packed archive, which they open themselves."""
    return path if is_archive(head) else name_content(path)


def _make_readers(registry: Registry) -> Iterator[tuple[str, TaxonomyReader]]:
    yield from registry.make_all("taxonomy_readers").items()


def _describe_unrecognised(registry: Registry, path: Path, head: bytes | None) -> str:
    if path.is_dir() or (head and is_archive(head)):
        return _describe_members(registry, path)
    if head is None:
        return "is not a file and its format cannot be detected: name it with --taxonomy-format"
    if b"\0" in head and detect_encoding(head) != "utf-16":
        line = head[: head.index(b"\0")].count(b"\n") + 1
        return (
            f"is in no format that any reader recognises: line {line} has a NUL byte, so it is binary, or text in UTF-16 "
            f"without a mark, to be saved as UTF-8; {_EXPECTED}"
        )
    name, mismatch = _find_closest(registry, _name_content(path, head), head)
    if mismatch is None:
        return f"is in no format that any reader recognises; {_EXPECTED}"
    summary = registry.components("taxonomy_readers")[name].spec.summary
    return f"is in no format that any reader recognises. It looks most like {name} ({summary}), but {mismatch.reason}"


def _find_closest(registry: Registry, path: Path, head: bytes) -> tuple[str, Mismatch | None]:
    """Returns the reader whose format a file resembles most, and why it is not in that format; None if it resembles none."""
    closest: tuple[str, Mismatch | None] = ("", None)
    for name, reader in _make_readers(registry):
        if not get_capabilities(reader, TaxonomyReaderCapabilities).explains_mismatch:
            continue
        with naming(reader, "explain_mismatch", str(path)):
            mismatch = cast(MismatchExplainer, reader).explain_mismatch(path, head)
        if mismatch is not None:
            check_type(reader, "explain_mismatch", mismatch, Mismatch, str(path))
        if mismatch and (closest[1] is None or mismatch.likeness > closest[1].likeness):
            closest = name, mismatch
    return closest


def _describe_members(registry: Registry, path: Path) -> str:
    """Names the files of a folder or archive that a reader recognises; those it has, if there are none."""
    kind, advice = ("a folder", "give") if path.is_dir() else ("an archive", "unpack it and give")
    with open_archive(path) as archive:
        found = list(_recognise_members(registry, archive))
        names = archive.names
    if found:
        return f"is {kind} that no reader recognises as a whole; {advice} one of its files: {list_some(found)}"
    files = f"nor one of its files ({list_some(names)})" if names else "and that has no files"
    return f"is {kind} that no reader recognises, {files}; {_EXPECTED}"


def _recognise_members(registry: Registry, archive: Archive) -> Iterator[str]:
    for name in archive.names[:MAX_MEMBERS]:
        try:
            with archive.open(name) as stream:
                head = stream.read(HEAD_BYTES)
        except TaxonomyError:  # such as an archive in a folder
            continue
        reader = "" if is_archive(head) else find_reader(registry, Path(name), head)
        if reader:
            yield f"{name} ({reader})"
