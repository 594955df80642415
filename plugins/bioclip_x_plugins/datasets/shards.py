"""Indexes the samples of tar files that follow webdataset's convention, for reading at random.

The members of a sample lie next to each other and share a name up to its first dot: `000.jpg`, `000.sci.txt`. The index of a
shard is cached, since it takes a pass over the file. (The library webdataset reads such files as streams only.)

Legend: n samples of a shard, k kinds of members.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
import zipfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.plugin import SHARDS, TrainingError, find_cache_folder, mark_used, open_cache_file, open_sealed, seal

IMAGES: Final = ("jpg", "jpeg", "png", "webp")
"""What BioCLIP reads as images (github.com/Imageomics/bioclip, src/training/data.py)."""
JSON: Final = "json:"
"""What a field of the JSON member is named by: `json:caption`."""
FORMAT: Final = 1
_BLOCK: Final = 512
_MEMBER: Final = re.compile(r"((?:.*/|)[^.]+)[.]([^/]*)")
_RANGE: Final = re.compile(r"(\d+)\.\.(\d+)")
_SCHEME: Final = re.compile(r"(^|/)(https?|s3|gs|gcs|hf|pipe|az|abfs):", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shard:
    """The samples of a tar file.

    key_n: their names, UTF-8 bytes. kinds: of members, such as "jpg" and "sci.txt". place_nk2: int64, offset and size of each
    sample's members, -1 for those that it lacks. labels: the text that names each sample's taxon, "" for none.
    damage: why samples at its end may be missing, "" if it is complete.
    """

    path: Path
    key_n: npt.NDArray[np.bytes_]
    kinds: tuple[str, ...]
    place_nk2: npt.NDArray[np.int64]
    labels: tuple[str, ...]
    damage: str

    def __len__(self) -> int:
        return len(self.key_n)

    def select(self, kinds: Collection[str]) -> Shard:
        """Returns the shard with the places of these kinds of members only."""
        columns = [column for column, kind in enumerate(self.kinds) if kind in kinds]
        return replace(self, kinds=tuple(self.kinds[c] for c in columns), place_nk2=self.place_nk2[:, columns])

    def read(self, sample: int, kind: str) -> bytes:
        """Reads a member of a sample; b"" if it has none. Raises OSError.

        The file is opened anew, so that processes share no position in it.
        """
        if kind not in self.kinds:
            return b""
        offset, size = self.place_nk2[sample, self.kinds.index(kind)].tolist()
        if offset < 0:
            return b""
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def read_text(self, sample: int, member: str) -> str:
        """Reads a text member, or a field of the JSON member (`json:FIELD`); "" if there is none."""
        if not member.startswith(JSON):
            return self.read(sample, member).decode("utf-8", "replace").strip()
        try:
            document = json.loads(self.read(sample, "json") or b"{}")
        except ValueError:
            return ""
        value = document.get(member.removeprefix(JSON)) if isinstance(document, dict) else None
        return "" if value is None else str(value).strip()

    def find_image(self, sample: int) -> str:
        """Returns the kind of a sample's image; "" if it has none."""
        has = [kind for kind in IMAGES if kind in self.kinds]
        return next((kind for kind in has if self.place_nk2[sample, self.kinds.index(kind), 0] >= 0), "")


def list_shards(pattern: Path) -> list[Path]:
    """Lists the files of a pattern with braces and wildcards: `shards/{000..127}.tar`, `{a,b}-*.tar`.

    Raises TrainingError for files that are missing, and for URLs.
    """
    text = str(pattern)
    if _SCHEME.search(text):
        raise TrainingError(f"data: {text} is a URL, or a command; copy the shards to a local folder and name that")
    paths: list[Path] = []
    for number, name in enumerate(expand_braces(text), 1):
        if number > SHARDS:
            raise TrainingError(f"data: {text[:200]} names more than {SHARDS:,} shards")
        path = Path(name)
        found = sorted(Path(path.anchor or ".").glob(str(path.relative_to(path.anchor)))) if "*" in name else [path]
        if not found or not all(one.is_file() for one in found):
            raise TrainingError(f"data: the shard {name} does not exist")
        paths += found
    return paths


def expand_braces(pattern: str) -> Iterator[str]:
    """Expands the alternatives and ranges of a pattern, as a shell does.

    >>> list(expand_braces("{a,b}/{08..10}.tar"))
    ['a/08.tar', 'a/09.tar', 'a/10.tar', 'b/08.tar', 'b/09.tar', 'b/10.tar']
    """
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None:
        yield pattern
        return
    body = match.group(1)
    if limits := _RANGE.fullmatch(body):
        first, last = limits.groups()
        width = len(first) if first.startswith("0") else 0
        parts: Iterable[str] = (f"{number:0{width}}" for number in range(int(first), int(last) + 1))
    else:
        parts = body.split(",")
    for part in parts:
        for rest in expand_braces(pattern[match.end() :]):
            yield pattern[: match.start()] + part + rest


def index_shard(path: Path, labels: Sequence[str]) -> Shard:
    """Indexes a shard, or reads its index from the cache. Raises TrainingError for a file that is no tar file.

    labels: the members that name a sample's taxon, of which the first that it has is read.
    """
    status = path.stat()
    content = json.dumps([FORMAT, str(path.resolve()), status.st_size, status.st_mtime_ns, list(labels)])
    cached = find_cache_folder() / "shards" / f"{hashlib.sha256(content.encode()).hexdigest()[:24]}.npz"
    with suppress(OSError, ValueError, LookupError, TypeError, zipfile.BadZipFile):  # missing, or damaged
        with open_sealed(cached) as (stream, _), np.load(stream) as stored:
            head = json.loads(bytes(stored["head"]))
            names = [head["names"][number] for number in stored["label_n"].tolist()]
            shard = Shard(
                path, stored["key_n"], tuple(head["kinds"]), stored["place_nk2"], tuple(names), head["damage"]
            )
        mark_used(cached)
        return shard
    shard = _scan(path)
    texts = [next(filter(None, (shard.read_text(i, one) for one in labels)), "") for i in range(len(shard))]
    number_of = {name: number for number, name in enumerate(dict.fromkeys(texts))}
    head = json.dumps({"kinds": shard.kinds, "names": list(number_of), "damage": shard.damage}).encode()
    with suppress(OSError), open_cache_file(cached) as stream:
        np.savez(
            stream,
            head=np.frombuffer(head, np.uint8),
            key_n=shard.key_n,
            place_nk2=shard.place_nk2,
            label_n=np.array([number_of[text] for text in texts], np.int64),
        )
        seal(stream)
    return replace(shard, labels=tuple(texts))


def _scan(path: Path) -> Shard:
    members: list[tuple[str, str, int, int]] = []
    size = path.stat().st_size
    end, damage = 0, ""
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                stop = member.offset_data + member.size
                if member.isreg() and stop > size:
                    damage = f"{path} is truncated: it has not all of {member.name}"
                    break
                end = -(-stop // _BLOCK) * _BLOCK if member.isreg() else member.offset_data
                named = _MEMBER.fullmatch(member.name)
                if member.isreg() and named and not member.name.startswith("__"):
                    members.append((named.group(1), named.group(2).lower(), member.offset_data, member.size))
    except (tarfile.TarError, OSError, EOFError) as problem:
        if not members:
            reason = "it is compressed; decompress it" if _is_compressed(path) else str(problem)
            raise TrainingError(f"data: the shard {path} cannot be read as a tar file: {reason}") from None
        damage = f"{path}: {problem}"
    damage = damage or _find_damage(path, end)
    samples = [(key, list(group)) for key, group in groupby(members, lambda member: member[0])]
    kinds = tuple(sorted({kind for _, kind, _, _ in members}))
    column = {kind: number for number, kind in enumerate(kinds)}
    place_nk2 = np.full((len(samples), len(kinds), 2), -1, np.int64)
    for row, (_, group) in enumerate(samples):
        for _, kind, offset, length in group:
            place_nk2[row, column[kind]] = offset, length
    key_n = np.array([key.encode("utf-8", "surrogateescape") for key, _ in samples], np.bytes_)
    return Shard(path, key_n, kinds, place_nk2, ("",) * len(samples), damage)


def _find_damage(path: Path, end: int) -> str:
    """Returns why members may be missing after byte `end`, where the archive's end mark should be: a block of zeros."""
    with path.open("rb") as file:
        file.seek(end)
        block = file.read(_BLOCK)
    if len(block) < _BLOCK:
        return f"{path} is truncated: it has no end mark"
    return f"{path} is damaged at byte {end}" if block.strip(b"\0") else ""


def _is_compressed(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(6)
    return head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"))
