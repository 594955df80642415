"""Tar files of images and texts that follow webdataset's convention, such as those of TreeOfLife-10M."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from bioclip_x.plugin import (
    DatasetCapabilities,
    ImageError,
    Sample,
    Taxonomy,
    TrainingError,
    find_taxa_above,
    list_some,
    report_progress,
    resolve_labels,
)
from bioclip_x_plugins.datasets.shards import IMAGES, JSON, Shard, index_shard, list_shards

LABELS: Final = ("taxonomic_name.txt", "taxon.txt", "scientific_name.txt", "sci.txt", "cls.txt")
"""Members that name a sample's taxon, the first that it has: BioCLIP's (scripts/evobio10m/make_wds.py), and webdataset's."""
DEFAULT_TEXTS: Final = ("txt",)
_FRAME: Final = "a photo of "


class WebDataset:
    """path: the tar files, with braces and wildcards: `shards/{000000..000127}.tar`.

    label: the member that names a sample's taxon, or `json:FIELD`; none: the first of `LABELS` that it has. A caption in
    BioCLIP's form ("a photo of Animalia Chordata Aves ... Parus major.") is read as the path that it states.
    texts: the members, or `json:FIELD`, that are a sample's own texts, of which one is drawn; listed twice, it is drawn twice
    as often.
    off_list: whether samples with a label that is no taxon of the taxonomy are skipped, or kept as images without a taxon.
    """

    capabilities = DatasetCapabilities(
        reads=(".tar",),
        evaluation_options={"off_list": "keep", "texts": ()},
        lists_nodes=True,
        sequential=True,
    )

    def __init__(
        self,
        *,
        path: Path,
        label: str = "",
        texts: Sequence[str] = DEFAULT_TEXTS,
        off_list: Literal["skip", "keep"] = "skip",
    ) -> None:
        self.path, self.label, self.texts, self.off_list = path, label, tuple(texts), off_list
        self._shards: list[Shard] = []
        self._nodes = self._above = np.empty(0, np.int64)
        self._rows = np.empty((0, 2), np.int64)
        """Shard and sample of each image."""

    def prepare(self, taxonomy: Taxonomy) -> Iterator[str]:
        """Raises TrainingError for missing files, and for members that no sample has."""
        paths, labels, kinds = list_shards(self.path), list[str](), set[str]()
        self._shards = []
        for number, path in enumerate(paths, 1):
            shard = index_shard(path, [self.label] if self.label else LABELS)
            labels += map(parse_caption, shard.labels)
            kinds.update(shard.kinds)
            self._shards.append(shard.select({*IMAGES, *(find_member(text) for text in self.texts)}))
            report_progress("shards", number, len(paths))
        self._check_members(kinds)
        rows = [(s, i) for s, shard in enumerate(self._shards) for i in range(len(shard))]
        node_of, unlisted, ambiguous = resolve_names(filter(None, dict.fromkeys(labels)), taxonomy)
        kept = set(unlisted) if self.off_list == "keep" else set[str]()
        has_image = [bool(self._shards[s].find_image(i)) for s, i in rows]
        usable = [
            one
            for one, (s, i) in enumerate(rows)
            if has_image[one]
            and (labels[one] in node_of or labels[one] in kept or self._read_texts(self._shards[s], i))
        ]
        self._rows = np.array([rows[one] for one in usable], np.int64).reshape(-1, 2)
        self._nodes = np.array([node_of.get(labels[one], -1) for one in usable], np.int64)
        above_of = find_taxa_above(kept, taxonomy)
        self._above = np.array([above_of.get(labels[one], -1) for one in usable], np.int64)
        if damaged := [shard.damage for shard in self._shards if shard.damage]:
            yield f"{len(damaged)} shards are damaged; the samples before the damage are used: {list_some(damaged)}"
        if unlisted:
            done = "kept as off-list" if kept else "left out"
            yield f"{len(unlisted)} labels of {self.path} are not in the taxonomy, {done}: {list_some(unlisted)}"
        if ambiguous:
            yield f"{len(ambiguous)} labels of {self.path} match several taxa, left out: {list_some(ambiguous)}"
        if lacking := has_image.count(False):
            first = [self._describe(*row) for row, has in zip(rows, has_image) if not has]
            yield f"{lacking} samples of {self.path} have no image, skipped: {list_some(first)}"
        if missing := len(rows) - len(usable) - lacking:
            yield f"{missing} of {len(rows)} samples of {self.path} have neither taxon nor text, skipped"

    def __len__(self) -> int:
        return len(self._rows)

    def nodes(self) -> npt.NDArray[np.int64]:
        return self._nodes

    def blocks(self) -> list[int]:
        counts: list[int] = np.bincount(self._rows[:, 0], minlength=len(self._shards)).tolist()
        return counts

    def sample(self, index: int) -> Sample:
        shard, sample = self._find(index)
        return Sample(int(self._nodes[index]), self._read_texts(shard, sample), above=int(self._above[index]))

    def name(self, index: int) -> str:
        """Returns the shard and the member of the image."""
        shard, sample = self._rows[index].tolist()
        return self._describe(shard, sample)

    def image(self, index: int) -> bytes:
        shard, sample = self._find(index)
        try:
            return shard.read(sample, shard.find_image(sample))
        except OSError as problem:
            raise ImageError(f"{self.name(index)}: cannot be read: {problem.strerror or problem}") from None

    def _find(self, index: int) -> tuple[Shard, int]:
        shard, sample = self._rows[index].tolist()
        return self._shards[shard], sample

    def _describe(self, shard: int, sample: int) -> str:
        one = self._shards[shard]
        return f"{one.path}/{one.key_n[sample].decode('utf-8', 'replace')}.{one.find_image(sample) or '*'}"

    def _check_members(self, kinds: Collection[str]) -> None:
        for one in filter(None, [self.label, *(self.texts if self.texts != DEFAULT_TEXTS else ())]):
            if find_member(one) not in kinds:
                known = ", ".join(sorted(kinds))
                raise TrainingError(
                    f"data: no sample of {self.path} has the member {find_member(one)}; they have {known}"
                )

    def _read_texts(self, shard: Shard, sample: int) -> tuple[str, ...]:
        return tuple(filter(None, (shard.read_text(sample, member) for member in self.texts)))


def resolve_names(names: Iterable[str], taxonomy: Taxonomy) -> tuple[dict[str, int], list[str], list[str]]:
    """Resolves names, and lineages as BioCLIP writes them; returns what `resolve_labels` returns."""
    node_of, unknown, ambiguous = resolve_labels(names, taxonomy)
    path_of = {name: path for name in unknown if (path := make_path(name))}
    node_of_path, _, ambiguous_paths = resolve_labels(dict.fromkeys(path_of.values()), taxonomy)
    node_of |= {name: node_of_path[path] for name, path in path_of.items() if path in node_of_path}
    several = {name for name, path in path_of.items() if path in set(ambiguous_paths)}
    return node_of, [name for name in unknown if name not in node_of and name not in several], [*ambiguous, *several]


def parse_caption(text: str) -> str:
    """Returns the name in one of BioCLIP's captions, or the text itself.

    >>> parse_caption("a photo of Parus major with common name great tit."), parse_caption("Parus major")
    ('Parus major', 'Parus major')
    """
    if not text.startswith(_FRAME):
        return text
    return text.removeprefix(_FRAME).removesuffix(".").partition(" with common name ")[0]


def make_path(lineage: str) -> str:
    """Separates the taxa of a lineage without separators: all words but the last taxon's are names of one word.

    >>> make_path("Animalia Chordata Aves Passeriformes Paridae Parus major"), make_path("Animalia Chordata Aves")
    ('Animalia; Chordata; Aves; Passeriformes; Paridae; Parus major', 'Animalia; Chordata; Aves')
    """
    words = lineage.split()
    n_upper = next((at for at, word in enumerate(words) if not word[0].isupper()), len(words))
    last = n_upper - 1 if n_upper < len(words) else len(words) - 1
    return "; ".join([*words[:last], " ".join(words[last:])]) if last > 0 and ";" not in lineage else ""


def find_member(name: str) -> str:
    """Returns the kind of member that holds a text: that of the name itself, or "json" for a field."""
    return "json" if name.startswith(JSON) else name
