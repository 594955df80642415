"""Lists tar files by a pattern, and reads the samples of one in passing: images stay where they are.

The members of a sample lie next to each other and share a name up to its first dot: `000.jpg`, `000.sci.txt`.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bioclip_x.plugin import DatasetError

IMAGES: Final = ("jpg", "jpeg", "png", "webp")
"""What BioCLIP reads as images (github.com/Imageomics/bioclip, src/training/data.py)."""
LARGEST_TEXT: Final = 1 << 20
"""Bytes of a member with texts."""
_MEMBER: Final = re.compile(r"((?:.*/|)[^.]+)[.]([^/]*)")
_RANGE: Final = re.compile(r"(\d+)\.\.(\d+)")


@dataclass
class ShardSample:
    """image: name of the image's member, "" if it has none. texts: kind of member ("sci.txt", "json") → content."""

    key: str
    image: str = ""
    texts: dict[str, str] = field(default_factory=dict)


@dataclass
class ShardReader:
    """Reads a shard once. damage: why samples at its end may be missing, "" if it is complete; known after reading.

    cut: the sample in which the damage lies, "" if it lies between samples or is not known.
    """

    path: Path
    kinds: frozenset[str]
    damage: str = ""
    cut: str = ""

    def samples(self) -> Iterator[ShardSample]:
        """Yields the samples before any damage. Raises DatasetError for a file that is no tar file.

        kinds: the members whose texts are read.
        """
        size = self.path.stat().st_size
        sample: ShardSample | None = None
        is_compressed = self.path.suffix.lower() != ".tar"
        is_first = True
        try:
            with tarfile.open(self.path, "r|*" if is_compressed else "r:") as tar:
                for member in tar:
                    is_first = False
                    named = _MEMBER.fullmatch(member.name)
                    if not (member.isreg() and named) or member.name.startswith("__"):
                        continue
                    key, kind = named.group(1), named.group(2).lower()
                    if sample is not None and sample.key != key:
                        yield sample
                        sample = None
                    if not is_compressed and member.offset_data + member.size > size:
                        self.damage, self.cut = f"it has not all of {member.name}", key
                        return
                    sample = sample or ShardSample(key)
                    self._read_member(tar, member, kind, sample)
                if not is_compressed and not self._has_end(tar.offset):
                    self.damage = "it has no end mark"
        except (tarfile.TarError, OSError, EOFError, ValueError) as problem:
            if is_first:
                raise DatasetError(f"webdataset: {self.path} cannot be read as a tar file: {problem}") from None
            self.damage, self.cut = str(problem), sample.key if sample else ""
            return
        if sample is not None:
            yield sample

    def _read_member(self, tar: tarfile.TarFile, member: tarfile.TarInfo, kind: str, sample: ShardSample) -> None:
        if kind in IMAGES:
            sample.image = sample.image or member.name
        elif kind in self.kinds and member.size <= LARGEST_TEXT and (stream := tar.extractfile(member)):
            sample.texts[kind] = stream.read().decode("utf-8", "replace").replace("\0", "").strip()

    def _has_end(self, offset: int) -> bool:
        """Whether a block of zeros, the end mark, is where reading stopped."""
        with self.path.open("rb") as file:
            file.seek(max(0, offset - tarfile.BLOCKSIZE))
            return tarfile.NUL * tarfile.BLOCKSIZE in file.read(2 * tarfile.BLOCKSIZE)


def list_shards(pattern: Path) -> list[Path]:
    """Lists the files of a folder, or of a pattern with braces and wildcards: `shards/{000..127}.tar`, `{a,b}-*.tar`.

    Raises DatasetError for files that are missing.
    """
    if pattern.is_dir():
        found = sorted(path for path in pattern.rglob("*") if path.name.lower().endswith((".tar", ".tar.gz", ".tgz")))
        if not found:
            raise DatasetError(f"webdataset: the folder {pattern} has no tar files")
        return found
    paths: list[Path] = []
    for name in expand_braces(str(pattern)):
        path = Path(name)
        found = sorted(Path(path.anchor or ".").glob(str(path.relative_to(path.anchor)))) if "*" in name else [path]
        if not found or not all(one.is_file() for one in found):
            raise DatasetError(f"webdataset: the shard {name} does not exist")
        paths += found
    return paths


def find_fixed_folder(pattern: Path) -> Path:
    """Returns the folder of a pattern that is that of all its files.

    >>> str(find_fixed_folder(Path("tol/{train,val}/shard-*.tar")))
    'tol'
    """
    if pattern.is_dir():
        return pattern
    folders = pattern.parent.parts
    fixed = next((place for place, name in enumerate(folders) if "{" in name or "*" in name), len(folders))
    return Path(*folders[:fixed])


def expand_braces(pattern: str) -> Iterator[str]:
    """Expands the alternatives and ranges of a pattern, as a shell does.

    >>> list(expand_braces("{a,b}/{08..10}.tar"))
    ['a/08.tar', 'a/09.tar', 'a/10.tar', 'b/08.tar', 'b/09.tar', 'b/10.tar']
    """
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None:
        yield pattern
        return
    if limits := _RANGE.fullmatch(match.group(1)):
        first, last = limits.groups()
        width = len(first) if first.startswith("0") else 0
        parts = [f"{number:0{width}}" for number in range(int(first), int(last) + 1)]
    else:
        parts = match.group(1).split(",")
    for part in parts:
        for rest in expand_braces(pattern[match.end() :]):
            yield pattern[: match.start()] + part + rest


_TAGS: Final = re.compile(r"\b(kingdom|phylum|class|order|family|genus|species) ")
_FRAME: Final = re.compile(r"^a photo of (.*?)\.?$", re.DOTALL)


def unframe(caption: str) -> str:
    """Returns the name in a caption of BioCLIP's form.

    >>> unframe("a photo of Pica hudsonia.")
    'Pica hudsonia'
    """
    match = _FRAME.match(caption)
    return match.group(1) if match else caption


def parse_tags(caption: str) -> Mapping[str, str]:
    """Returns rank → name of a caption of BioCLIP's form with ranks (taxonTag.txt).

    >>> parse_tags("a photo of kingdom Animalia phylum Chordata genus Pica species hudsonia.")
    {'kingdom': 'Animalia', 'phylum': 'Chordata', 'genus': 'Pica', 'species': 'hudsonia'}
    """
    parts = _TAGS.split(unframe(caption))
    return {rank: name.strip() for rank, name in zip(parts[1::2], parts[2::2])}
