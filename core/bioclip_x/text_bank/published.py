"""Makes a text bank from embeddings published with a model, one column per name (BioCLIP's txt_emb_….npy).

The file, [D, R] for the R rows of a name list, is converted once to a bank [P, D] in class order, cached with the other banks
and memory-mapped, so that a class's rows are contiguous. The conversion checks that the file is floating point, finite and of
this model (a sample of texts is embedded and must be nearest to their own columns), and normalises columns that are not of
unit length. Columns of zeros, of which a published file has thousands, are replaced by embeddings of their texts.

Legend: P prompts (rows of the name list, in class order), R the same in the list's order, D embedding.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, overload

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.caches import fill_array, fill_cache_folder, open_array
from bioclip_x.errors import ModelError, PluginError
from bioclip_x.faults import naming
from bioclip_x.hooks.components import LoadedEncoder
from bioclip_x.io.storage.seals import read_sealed, seal
from bioclip_x.records import OwnClasses, Prompt, TextBank
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.names.lineage_text import format_taxonomic_name
from bioclip_x.text_bank.bank import add_code
from bioclip_x.text_bank.embed_texts import embed_texts

FORMAT: Final = 1
CHUNK: Final = 8192
"""Rows converted at a time."""
SAMPLE: Final = 16
"""Texts embedded to check that the file is of this model."""
TOLERANCE: Final = 1e-3
"""Tolerated deviation of a column's length from 1."""

_EMBEDDINGS, _ABOUT = "embeddings.npy", "about.json"


class PublishedPrompts(Sequence[Prompt]):
    """One prompt per row, created on access, since there may be a million."""

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
        """Returns the text that the columns of a class were computed from."""
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
    code: str = "",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[TextBank, tuple[str, ...]]:
    """Loads the bank of a model's own classes, memory-mapped, with notes on irregularities of the file.

    Raises ModelError if the file is damaged, or does not match the names or the model.

    taxonomy: read from `own.taxonomy`, with its `class_of_row`. code: as for `build_bank`.
    progress: called with (rows converted, total rows). If the cache cannot be written, the bank is kept in memory only.
    """
    assert own.embeddings is not None
    if taxonomy.class_of_row is None:
        raise PluginError(f"the reader of {own.source} keeps no class_of_row, which maps the columns to classes")
    published_DR = _open_embeddings(own.embeddings, encoder.card.dim, len(taxonomy.class_of_row))
    row_P = np.argsort(taxonomy.class_of_row, kind="stable")
    owner_P = taxonomy.class_of_row[row_P].astype(np.int64)
    prompts = PublishedPrompts(taxonomy, own, owner_P)
    content = _make_key(encoder, own, taxonomy, row_P)
    key = add_code(content, code, encoder.card)
    stored = _read(cache / key, (len(row_P), encoder.card.dim)) if cache else None
    embeddings_PD, about = stored or _convert(
        encoder, own.embeddings, published_DR, prompts, row_P, cache, key, progress
    )
    bank = TextBank(
        prompts=prompts,
        embeddings_PD=torch.from_numpy(embeddings_PD),
        owner_P=owner_P,
        weight_P=np.ones(len(owner_P), np.float32),
        n_classes=taxonomy.n_classes,
        pooling=pooling,
        key=key,
        content=content,
    )
    return bank, tuple(_make_notes(own, about, len(owner_P)))


def _convert(
    encoder: LoadedEncoder,
    path: Path,
    published_DR: npt.NDArray[Any],
    prompts: PublishedPrompts,
    row_P: npt.NDArray[np.int64],
    cache: Path | None,
    key: str,
    progress: Callable[[int, int], None],
) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
    """Returns the embeddings [P, D], cached if there is room, and the figures for the notes."""
    shape = (len(row_P), encoder.card.dim)
    journal = cache / f"{key}.partial" if cache else None
    fill = partial(_fill, encoder, path, published_DR, prompts, row_P, journal, progress)
    if cache:
        with suppress(OSError), fill_cache_folder(cache / key) as folder:
            with (folder / _EMBEDDINGS).open("wb+") as stream:
                about = fill_array(stream, shape, np.float32, fill)
            with (folder / _ABOUT).open("wb+") as stream:
                stream.write(json.dumps(about).encode())
                seal(stream)
        if stored := _read(cache / key, shape):
            return stored
    embeddings_PD = np.empty(shape, np.float32)
    return embeddings_PD, fill(embeddings_PD)


def _fill(
    encoder: LoadedEncoder,
    path: Path,
    published_DR: npt.NDArray[Any],
    prompts: PublishedPrompts,
    row_P: npt.NDArray[np.int64],
    journal: Path | None,
    progress: Callable[[int, int], None],
    into_PD: npt.NDArray[np.float32],
) -> dict[str, Any]:
    """Fills in the embeddings; returns the figures for the notes."""
    cosine = _check_model(encoder, prompts, published_DR, row_P)
    empty, rescaled = _copy_rows(published_DR, row_P, into_PD, path, progress)
    into_PD[empty] = embed_texts(encoder, [prompts[p].text for p in empty], journal, progress).numpy()
    return {"cosine": cosine, "rescaled": rescaled, "empty": len(empty)}


def _open_embeddings(path: Path, dim: int, rows: int) -> npt.NDArray[np.floating[Any]]:
    """Memory-maps the file, [D, R]. Pickled objects are not loaded."""
    try:
        array: npt.NDArray[Any] = np.lib.format.open_memmap(path, "r")  # unlike np.load, reads neither zip nor pickle
    except (ValueError, OSError) as problem:
        raise ModelError(f"{path}: not embeddings in NumPy's format (.npy), or truncated: {problem}") from None
    expected = f"expected floating point [{dim}, {rows}] (the model's dimension, the rows of the name list)"
    if array.dtype.kind != "f":
        raise ModelError(f"{path}: {expected}, got {array.dtype}")
    if array.shape != (dim, rows):
        hint = "; it is transposed" if array.shape == (rows, dim) else ""
        raise ModelError(f"{path}: {expected}, got {list(array.shape)}{hint}")
    return array


def _check_model(
    encoder: LoadedEncoder, prompts: PublishedPrompts, published_DR: npt.NDArray[Any], row_P: npt.NDArray[np.int64]
) -> float | None:
    """Returns the mean cosine of a sample of embedded texts with their published columns; None if these are all empty.

    Raises ModelError if most texts are nearer to another column, since the file is then of another model.
    """
    candidates = [int(p) for p in np.unique(np.linspace(0, len(row_P) - 1, 4 * SAMPLE).astype(np.int64))]
    columns_ND = torch.from_numpy(np.array(published_DR[:, row_P[candidates]], np.float32).T)
    is_usable = torch.isfinite(columns_ND).all(1) & (columns_ND.norm(dim=1) > TOLERANCE)
    usable = [p for p, keep in zip(candidates, is_usable.tolist()) if keep]
    sample = usable[:: max(1, len(usable) // SAMPLE)]
    if not sample:
        return None
    with naming(encoder, "encode_texts", f"the texts from {prompts[sample[0]].text!r}"):
        embedded_ND = encoder.encode_texts([prompts[p].text for p in sample]).double()
    published_ND = torch.nn.functional.normalize(columns_ND[[candidates.index(p) for p in sample]].double(), dim=1)
    cosine_NN = embedded_ND @ published_ND.T
    own_N = cosine_NN.diagonal()
    matching = float((own_N >= cosine_NN.max(dim=1).values - 1e-6).double().mean())
    if matching < 0.5:
        raise ModelError(
            f"the embeddings published with {prompts[0].source} are not of {encoder.card.name} ({encoder.card.revision}): of "
            f"{len(sample)} names, {matching:.0%} are nearest to their own column. Use the model revision that they were made "
            "with, or embed the texts yourself: --text taxonomic:form=caption"
        )
    return float(own_N.mean())


def _copy_rows(
    published_DR: npt.NDArray[Any],
    row_P: npt.NDArray[np.int64],
    into_PD: npt.NDArray[np.float32],
    path: Path,
    progress: Callable[[int, int], None],
) -> tuple[list[int], int]:
    """Fills `into_PD` with unit rows in class order. Returns the empty rows and the number of rescaled ones."""
    rescaled = 0
    empty: list[int] = []
    for start in range(0, len(row_P), CHUNK):
        rows = row_P[start : start + CHUNK]
        part_PD = np.array(published_DR[:, rows].T, np.float32)
        length_P = np.linalg.norm(part_PD.astype(np.float64), axis=1)
        if not np.isfinite(length_P).all():
            bad = int(rows[~np.isfinite(length_P)][0])
            raise ModelError(f"{path}: column {bad} has values that are not finite; download the file again")
        is_empty = length_P <= TOLERANCE
        is_off = ~is_empty & (np.abs(length_P - 1) > TOLERANCE)
        part_PD[is_off] /= length_P[is_off, None].astype(np.float32)
        rescaled += int(is_off.sum())
        empty += (start + np.flatnonzero(is_empty)).tolist()
        into_PD[start : start + len(rows)] = part_PD
        progress(start + len(rows), len(row_P))
    return empty, rescaled


def _make_notes(own: OwnClasses, about: dict[str, Any], rows: int) -> Iterator[str]:
    match = (
        "" if about["cosine"] is None else f"; a recomputed sample has a mean cosine of {about['cosine']:.3f} with them"
    )
    yield (
        f"the text embeddings are those published with {own.source} ({own.text_with_common!r}){match}. "
        "To recompute them: --text taxonomic:form=caption"
    )
    if about["empty"]:
        yield f"{about['empty']} of {rows} published embeddings are empty (zeros); they were recomputed"
    if about["rescaled"]:
        yield f"{about['rescaled']} of {rows} published embeddings were not of length 1 and were rescaled"


def _make_key(encoder: LoadedEncoder, own: OwnClasses, taxonomy: Taxonomy, row_P: npt.NDArray[np.int64]) -> str:
    """Hashes everything that the embeddings depend on; the file by its size and time, since it is too large to read."""
    card = encoder.card
    assert own.embeddings is not None
    file = own.embeddings.stat()
    fields = [
        "published", FORMAT, card.name, card.revision, card.tokenizer, card.precision, card.dim, own.source,
        own.embeddings.name, file.st_size, file.st_mtime_ns, own.text, own.text_with_common, taxonomy.fingerprint,
        hashlib.sha256(row_P.tobytes()).hexdigest(),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()[:32]


def _read(folder: Path, shape: tuple[int, int]) -> tuple[npt.NDArray[np.float32], dict[str, Any]] | None:
    """Maps the embeddings [P, D] and reads the figures for the notes. None where they are missing or damaged."""
    try:
        about = json.loads(read_sealed(folder / _ABOUT))
    except (OSError, ValueError):
        return None
    embeddings_PD = open_array(folder / _EMBEDDINGS, shape, np.float32)
    return None if embeddings_PD is None else (embeddings_PD, about)
