"""Batches, and the chunks that they are joined from.

Legend: B images of a batch, b of a chunk, T distinct texts of a batch, t of a chunk, K texts drawn for each image, O own texts
of an image, L tokens, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.hooks.components import Sample
from bioclip_x.training.data.augment import Pixels
from bioclip_x.training.data.images import Found
from bioclip_x.training.data.tokens import Tokens
from bioclip_x.training.truth import make_text_id

Ints = npt.NDArray[np.int64]
Factors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Batch:
    """The images of one step of this process, and their texts.

    pixels_BHW3: uint8, cropped, not normalised. factors_B3: float32 colour factors, None where colours do not change.
    views, view_factors: the same of each further view. node_B: int64, the node of the taxonomy that an image is labelled
    with, -1 for none. source_B: int64, the number of its data set.
    tokens_TL: int64, the distinct texts. text_id_T: int64, equal for equal texts in all processes (see `make_text_id`). text_BK:
    int64, the rows of `tokens_TL` drawn for each image. text_node_T: int64, the node that a text is about, -1
    for own texts and texts of several taxa. own_id_BO: int64, the ids of all own texts of an image,
    drawn or not, padded with -1. aspect_T: int64, equal for texts about the same aspect, in all processes, -1 for none.
    replaced, noted, truncated: images that cannot be read, what to know of those that were, ids of truncated texts.
    """

    pixels_BHW3: torch.Tensor
    factors_B3: torch.Tensor | None
    views: tuple[torch.Tensor, ...]
    view_factors: tuple[torch.Tensor | None, ...]
    node_B: torch.Tensor
    source_B: torch.Tensor
    tokens_TL: torch.Tensor
    text_id_T: torch.Tensor
    text_BK: torch.Tensor
    text_node_T: torch.Tensor
    own_id_BO: torch.Tensor
    aspect_T: torch.Tensor
    replaced: tuple[Found, ...] = ()
    noted: tuple[Found, ...] = ()
    truncated: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Crop:
    """One view of one image. factors_3: of its colours."""

    pixels_HW3: Pixels
    factors_3: Factors


@dataclass(frozen=True, slots=True)
class Example:
    """One image with its texts, prefixed, and the nodes that they are about.

    own_texts: all that the image has, prefixed.
    """

    source: int
    sample: Sample
    crops: tuple[Crop, ...]
    texts: tuple[str, ...]
    nodes: tuple[int, ...]
    own_texts: tuple[str, ...]
    replaced: tuple[Found, ...]
    noted: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a batch, as it comes from a worker process; see `Batch`.

    pixels: of each view, uint8 [b, H, W, 3]: tensors, which processes share, while arrays are copied through a pipe.
    factors: of each view, float32 [b, 3]. tokens_tL: int32. own_id_bO, own_aspect_bO: padded with -1.
    """

    pixels: tuple[torch.Tensor, ...]
    factors: tuple[Factors, ...]
    node_b: Ints
    source_b: Ints
    tokens_tL: npt.NDArray[np.int32]
    text_id_t: Ints
    text_node_t: Ints
    text_bK: Ints
    own_id_bO: Ints
    own_aspect_bO: Ints
    replaced: tuple[Found, ...]
    noted: tuple[Found, ...]
    truncated: tuple[int, ...]


def make_chunk(examples: Sequence[Example], tokens: Tokens) -> Chunk:
    """Tokenises the distinct texts of some examples, and collates them."""
    node_of = {text: node for example in examples for text, node in zip(example.texts, example.nodes)}
    row_of = {text: row for row, text in enumerate(node_of)}
    tokenised = tokens(list(node_of))
    views = range(len(examples[0].crops))
    return Chunk(
        pixels=tuple(torch.from_numpy(np.stack([one.crops[v].pixels_HW3 for one in examples])) for v in views),
        factors=tuple(np.stack([one.crops[v].factors_3 for one in examples]) for v in views),
        node_b=np.array([one.sample.node for one in examples], np.int64),
        source_b=np.array([one.source for one in examples], np.int64),
        tokens_tL=np.stack([one.row_L for one in tokenised]),
        text_id_t=np.array([one.text_id for one in tokenised], np.int64),
        text_node_t=np.array(list(node_of.values()), np.int64),
        text_bK=np.array([[row_of[text] for text in one.texts] for one in examples], np.int64),
        own_id_bO=_pad([[make_text_id(text) for text in one.own_texts] for one in examples]),
        own_aspect_bO=_pad([_number_aspects(one.sample) for one in examples]),
        replaced=tuple(found for one in examples for found in one.replaced),
        noted=tuple(found for one in examples for found in one.noted),
        truncated=tuple(one.text_id for one in tokenised if one.is_cut),
    )


def join_chunks(chunks: Sequence[Chunk], changes_colour: Sequence[bool], *, pin: bool = False) -> Batch:
    """Joins chunks to a batch, which does not depend on how it was divided into chunks.

    changes_colour: of each view, whether its colour factors are needed. pin: put the pixels into page-locked memory.
    """
    starts = np.cumsum([0, *(len(one.text_id_t) for one in chunks)])
    text_BK = np.concatenate([one.text_bK + start for one, start in zip(chunks, starts)])
    id_t, node_t = _join(chunks, "text_id_t"), _join(chunks, "text_node_t")
    first_T, row_t = _number_by_first(id_t)
    own_id_BO, own_aspect_BO = (_join_padded([getattr(one, name) for one in chunks]) for name in _OWN)
    pixels = [_join_pixels([one.pixels[v] for one in chunks], pin) for v in range(len(changes_colour))]
    factors = [
        torch.from_numpy(np.concatenate([one.factors[v] for one in chunks])) if changes else None
        for v, changes in enumerate(changes_colour)
    ]
    return Batch(
        pixels_BHW3=pixels[0],
        factors_B3=factors[0],
        views=tuple(pixels[1:]),
        view_factors=tuple(factors[1:]),
        node_B=torch.from_numpy(_join(chunks, "node_b")),
        source_B=torch.from_numpy(_join(chunks, "source_b")),
        tokens_TL=torch.from_numpy(_join(chunks, "tokens_tL")[first_T]).long(),
        text_id_T=torch.from_numpy(id_t[first_T]),
        text_BK=torch.from_numpy(row_t[text_BK]),
        text_node_T=torch.from_numpy(node_t[first_T]),
        own_id_BO=torch.from_numpy(own_id_BO),
        aspect_T=torch.from_numpy(_find_aspects(id_t[first_T], own_id_BO, own_aspect_BO)),
        replaced=tuple(found for one in chunks for found in one.replaced),
        noted=tuple(found for one in chunks for found in one.noted),
        truncated=tuple(dict.fromkeys(number for one in chunks for number in one.truncated)),
    )


_OWN = ("own_id_bO", "own_aspect_bO")


def _join(chunks: Sequence[Chunk], name: str) -> npt.NDArray[np.int64]:
    joined: npt.NDArray[np.int64] = np.concatenate([getattr(one, name) for one in chunks])
    return joined


def _join_pixels(parts: Sequence[torch.Tensor], pin: bool) -> torch.Tensor:
    if len(parts) == 1 and not pin:
        return parts[0]
    shape = (sum(map(len, parts)), *parts[0].shape[1:])
    return torch.cat(list(parts), out=torch.empty(shape, dtype=torch.uint8, pin_memory=pin))


def _number_by_first(id_t: Ints) -> tuple[Ints, Ints]:
    """Numbers distinct ids in the order of their first places: returns these places [T], and the number of each id [t]."""
    _, first_T, row_t = np.unique(id_t, return_index=True, return_inverse=True)
    order_T = np.argsort(first_T)
    number_T = np.empty_like(order_T)
    number_T[order_T] = np.arange(len(order_T))
    return first_T[order_T], number_T[row_t]


def _find_aspects(id_T: Ints, own_id_BO: Ints, own_aspect_BO: Ints) -> Ints:
    """Returns the aspect of each text, from the first image in the batch that has it among its own texts: int64 [T]."""
    of_own = own_aspect_BO >= 0
    own_u, first_u = np.unique(own_id_BO[of_own], return_index=True)
    if not len(own_u):
        return np.full(len(id_T), -1, np.int64)
    at_T = np.minimum(np.searchsorted(own_u, id_T), len(own_u) - 1)
    return np.where(own_u[at_T] == id_T, own_aspect_BO[of_own][first_u[at_T]], -1)


def _number_aspects(sample: Sample) -> list[int]:
    """Returns a number for the aspect of each of the image's own texts, -1 if they have none."""
    return [make_text_id(aspect) for aspect in sample.aspects] or [-1] * len(sample.texts)


def _pad(rows: Sequence[Sequence[int]]) -> Ints:
    """Pads rows to the length of the longest with -1: int64 [b, O]."""
    padded_bO = np.full((len(rows), max(map(len, rows), default=0)), -1, np.int64)
    for padded_O, row in zip(padded_bO, rows):
        padded_O[: len(row)] = row
    return padded_bO


def _join_padded(parts: Sequence[Ints]) -> Ints:
    width = max(part.shape[1] for part in parts)
    return np.concatenate([np.pad(one, ((0, 0), (0, width - one.shape[1])), constant_values=-1) for one in parts])
