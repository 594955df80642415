"""A text bank from embeddings that were published with a model, a column a name (BioCLIP's txt_emb_….npy).

The file, [D, R] with R rows of a name list, is turned once into a bank [P, D] in class order, kept with the other banks and
memory-mapped: scoring reads it as it is, and a class's rows lie together. On the way it is checked: floating point, finite,
unit columns (else normalised), of this model (a few texts are embedded here and must find their own columns). Columns of zeros,
which a published file has by the thousand, are embedded here from the texts that they should stand for.

Legend: P prompts (rows of the name list, in class order), R the same in the list's order, D embedding.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, overload

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.components import LoadedEncoder
from bioclip_x.errors import ModelError, PluginError
from bioclip_x.records import OwnClasses, Prompt, TextBank
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.names.lineage_text import format_taxonomic_name

FORMAT: Final = 1
CHUNK: Final = 8192
"""Rows taken over, or texts embedded, at a time."""
SAMPLE: Final = 16
"""Texts embedded here to see that the file is of this model."""
TOLERANCE: Final = 1e-3
"""How far from 1 the length of a column may be and count as 1."""

_EMBEDDINGS, _ABOUT = "embeddings.npy", "about.json"


class PublishedPrompts(Sequence[Prompt]):
    """A prompt a row, made when it is looked at: there may be a million."""

    def __init__(self, taxonomy: Taxonomy, own: OwnClasses, owner_P: npt.NDArray[np.int64]) -> None:
        self._taxonomy, self._own, self._owner_P = taxonomy, own, owner_P

    def __len__(self) -> int:
        return len(self._owner_P)

    @overload
    def __getitem__(self, place: int) -> Prompt: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Prompt, ...]: ...
    def __getitem__(self, place: int | slice) -> Prompt | tuple[Prompt, ...]:
        if isinstance(place, slice):
            return tuple(self[p] for p in range(*place.indices(len(self))))
        class_index = int(self._owner_P[place])
        return Prompt(self.text(class_index), class_index, "published", source=self._own.source)

    def text(self, class_index: int) -> str:
        """What the column of a class stands for."""
        taxon = self._taxonomy.class_taxon(class_index)
        common = taxon.common_name()
        text = (common and self._own.text_with_common) or self._own.text
        return text.replace("{common}", common).replace("{lineage}", format_taxonomic_name(taxon))


def load_published_bank(
    encoder: LoadedEncoder,
    own: OwnClasses,
    taxonomy: Taxonomy,
    *,
    pooling: str,
    cache: Path | None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[TextBank, tuple[str, ...]]:
    """The bank of a model's own classes, memory-mapped, and notes on what was odd about the file.

    Raises ModelError where the file is broken, or does not fit names or model.

    taxonomy: read from `own.taxonomy`, with its `class_of_row`. progress: called with (rows taken over, rows in all).
    A cache that cannot be written is no error: the bank is then only in memory.
    """
    assert own.embeddings is not None
    if taxonomy.class_of_row is None:
        raise PluginError(f"the reader of {own.source} keeps no class_of_row, without which no column has its class")
    published_DR = _opened(own.embeddings, encoder.card.dim, len(taxonomy.class_of_row))
    row_P = np.argsort(taxonomy.class_of_row, kind="stable")
    owner_P = taxonomy.class_of_row[row_P].astype(np.int64)
    prompts = PublishedPrompts(taxonomy, own, owner_P)
    key = _key(encoder, own, taxonomy, row_P)
    stored = _read(cache / key) if cache else None
    embeddings_PD, about = stored or _made(encoder, own.embeddings, published_DR, prompts, row_P, cache, key, progress)
    bank = TextBank(
        prompts=prompts,
        embeddings_PD=torch.from_numpy(embeddings_PD),
        owner_P=owner_P,
        weight_P=np.ones(len(owner_P), np.float32),
        n_classes=taxonomy.n_classes,
        pooling=pooling,
        key=key,
    )
    return bank, tuple(_notes(own, about, len(owner_P)))


def _made(
    encoder: LoadedEncoder,
    path: Path,
    published_DR: npt.NDArray[Any],
    prompts: PublishedPrompts,
    row_P: npt.NDArray[np.int64],
    cache: Path | None,
    key: str,
    progress: Callable[[int, int], None],
) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
    """The embeddings [P, D], kept in the cache where there is room, and what was odd about them."""
    about: dict[str, Any] = {"cosine": _fit(encoder, prompts, published_DR, row_P)}
    shape = (len(row_P), encoder.card.dim)
    with _folder(cache, key, 4 * shape[0] * shape[1]) as folder:
        embeddings_PD = _unfilled(folder, shape)
        empty, about["rescaled"] = _take_over(published_DR, row_P, embeddings_PD, path, progress)
        _embed(encoder, prompts, empty, embeddings_PD, progress)
        about["empty"] = len(empty)
        if isinstance(embeddings_PD, np.memmap):
            embeddings_PD.flush()
        if folder:
            (folder / _ABOUT).write_text(json.dumps(about))
    return embeddings_PD, about


def _opened(path: Path, dim: int, rows: int) -> npt.NDArray[np.floating[Any]]:
    """The file memory-mapped, [D, R]. Pickled objects are not loaded."""
    try:
        found: npt.NDArray[Any] = np.lib.format.open_memmap(path, "r")  # unlike np.load it reads no zip and no pickle
    except (ValueError, OSError) as problem:
        raise ModelError(f"{path}: not embeddings in NumPy's format (.npy), or cut short: {problem}") from None
    wanted = f"expected floating point [{dim}, {rows}] (the model's dimension, the rows of the name list)"
    if found.dtype.kind != "f":
        raise ModelError(f"{path}: {wanted}, got {found.dtype}")
    if found.shape != (dim, rows):
        turned = "; it is the other way round" if found.shape == (rows, dim) else ""
        raise ModelError(f"{path}: {wanted}, got {list(found.shape)}{turned}")
    return found


def _fit(
    encoder: LoadedEncoder, prompts: PublishedPrompts, published_DR: npt.NDArray[Any], row_P: npt.NDArray[np.int64]
) -> float | None:
    """The mean cosine of some texts embedded here with their published columns; None if these are all empty.

    Raises ModelError where most of them are nearer to another's column: the file is then of another model.
    """
    places = [int(p) for p in np.unique(np.linspace(0, len(row_P) - 1, 4 * SAMPLE).astype(np.int64))]
    columns_ND = torch.from_numpy(np.array(published_DR[:, row_P[places]], np.float32).T)
    is_there = torch.isfinite(columns_ND).all(1) & (columns_ND.norm(dim=1) > TOLERANCE)
    kept = [p for p, there in zip(places, is_there.tolist()) if there][:: max(1, int(is_there.sum()) // SAMPLE)]
    if not kept:
        return None
    here_ND = encoder.encode_texts([prompts[p].text for p in kept]).double()
    there_ND = torch.nn.functional.normalize(columns_ND[[places.index(p) for p in kept]].double(), dim=1)
    cosine_NN = here_ND @ there_ND.T
    own_N = cosine_NN.diagonal()
    found = float((own_N >= cosine_NN.max(dim=1).values - 1e-6).double().mean())
    if found < 0.5:
        raise ModelError(
            f"the embeddings published with {prompts[0].source} are not of {encoder.card.name} ({encoder.card.revision}): of "
            f"{len(kept)} names, {found:.0%} found their own. Take the revision of the model that they were made with, or have "
            "the texts embedded here: --text taxonomic:form=caption"
        )
    return float(own_N.mean())


def _take_over(
    published_DR: npt.NDArray[Any],
    row_P: npt.NDArray[np.int64],
    into_PD: npt.NDArray[np.float32],
    path: Path,
    progress: Callable[[int, int], None],
) -> tuple[list[int], int]:
    """Fills `into_PD` with unit rows in class order. Returns which rows are empty, and how many were rescaled."""
    rescaled = 0
    empty: list[int] = []
    for start in range(0, len(row_P), CHUNK):
        rows = row_P[start : start + CHUNK]
        part_PD = np.array(published_DR[:, rows].T, np.float32)
        length_P = np.linalg.norm(part_PD.astype(np.float64), axis=1)
        if not np.isfinite(length_P).all():
            bad = int(rows[~np.isfinite(length_P)][0])
            raise ModelError(f"{path}: column {bad} holds what is no number (NaN, infinity); fetch the file again")
        is_empty = length_P <= TOLERANCE
        is_off = ~is_empty & (np.abs(length_P - 1) > TOLERANCE)
        part_PD[is_off] /= length_P[is_off, None].astype(np.float32)
        rescaled += int(is_off.sum())
        empty += (start + np.flatnonzero(is_empty)).tolist()
        into_PD[start : start + len(rows)] = part_PD
        progress(start + len(rows), len(row_P))
    return empty, rescaled


def _embed(
    encoder: LoadedEncoder,
    prompts: PublishedPrompts,
    rows: Sequence[int],
    into_PD: npt.NDArray[np.float32],
    progress: Callable[[int, int], None],
) -> None:
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        into_PD[part] = encoder.encode_texts([prompts[p].text for p in part]).numpy()
        progress(start + len(part), len(rows))


def _notes(own: OwnClasses, about: dict[str, Any], rows: int) -> Iterator[str]:
    fit = (
        ""
        if about["cosine"] is None
        else f"; a sample embedded here has a mean cosine of {about['cosine']:.3f} with them"
    )
    yield (
        f"the texts were not embedded here: they are published with {own.source} ({own.text_with_common!r}){fit}. "
        "To embed them here: --text taxonomic:form=caption"
    )
    if about["empty"]:
        yield f"{about['empty']} of {rows} published embeddings are empty (zeros); these texts were embedded here"
    if about["rescaled"]:
        yield f"{about['rescaled']} of {rows} published embeddings were not of length 1 and were rescaled"


def _key(encoder: LoadedEncoder, own: OwnClasses, taxonomy: Taxonomy, row_P: npt.NDArray[np.int64]) -> str:
    """Of everything that the numbers depend on. What is in the file stands behind its time: it is too large to be read."""
    card = encoder.card
    assert own.embeddings is not None
    file = own.embeddings.stat()
    about = [
        "published", FORMAT, card.name, card.revision, card.tokenizer, card.precision, card.dim, own.source,
        own.embeddings.name, file.st_size, file.st_mtime_ns, own.text, own.text_with_common, taxonomy.fingerprint,
        hashlib.sha256(row_P.tobytes()).hexdigest(),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]


def _read(folder: Path) -> tuple[npt.NDArray[np.float32], dict[str, Any]] | None:
    try:
        about = json.loads((folder / _ABOUT).read_text())
        # "c": torch wants memory that it may write to; what it wrote would never reach the file.
        return np.lib.format.open_memmap(folder / _EMBEDDINGS, mode="c"), about
    except (OSError, ValueError):
        return None


@contextmanager
def _folder(cache: Path | None, key: str, n_bytes: int) -> Iterator[Path | None]:
    """A folder with room for so much, moved into place when the block ends well; None where there is none to be had."""
    partial = None
    with suppress(OSError):
        if cache:
            cache.mkdir(parents=True, exist_ok=True)
            # A memory-mapped file on a full disk is no error that could be caught: it ends the process.
            if shutil.disk_usage(cache).free > 1.1 * n_bytes:
                partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=cache))
    try:
        yield partial
        if cache and partial:
            shutil.rmtree(cache / key, ignore_errors=True)  # a damaged one, else there is none
            with suppress(OSError):  # another process was first
                partial.replace(cache / key)
    finally:
        if partial:
            shutil.rmtree(partial, ignore_errors=True)


def _unfilled(folder: Path | None, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    if folder is None:
        return np.empty(shape, np.float32)
    array: npt.NDArray[np.float32] = np.lib.format.open_memmap(folder / _EMBEDDINGS, "w+", np.float32, shape)
    return array
