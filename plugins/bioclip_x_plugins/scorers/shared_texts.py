"""Gives classes with the same texts the same logits, bit for bit, so that they are tied and not ordered by rounding errors.

The rounding errors of a matrix product depend on the row's position and on the number of rows. Texts that several classes
have are therefore scored once, and the result is copied.

Legend: B images, c classes of a part, G groups of classes with the same texts, M classes in such groups.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.plugin import TextBank

Part = Callable[[int, int], torch.Tensor]


@dataclass(frozen=True, eq=False)
class SharedTexts:
    """The classes whose texts another class has as well.

    class_M: int64 [M], ascending. group_M: int64 [M], the group of each. bank: one class per group.
    """

    class_M: npt.NDArray[np.int64]
    group_M: npt.NDArray[np.int64]
    bank: TextBank

    def copy_to(self, part: Part, of_groups: Part) -> Part:
        """Returns `part` with the logits of each group's classes replaced by those of the group. of_groups: of `bank`."""
        compute_once = cache(lambda: of_groups(0, self.bank.n_classes))

        def copied(start: int, stop: int) -> torch.Tensor:
            logits_cB = part(start, stop)
            first, last = self.class_M.searchsorted([start, stop])
            if first < last:
                rows, groups = (
                    torch.from_numpy(x[first:last]).to(logits_cB.device) for x in (self.class_M - start, self.group_M)
                )
                logits_cB[rows] = compute_once()[groups]
            return logits_cB

        return copied


def find_shared_texts(bank: TextBank) -> SharedTexts | None:
    """Finds the classes with the same texts, of the same weights, in any order; None if there are none.

    Published embeddings, whose prompts are made on access, have one text per class, and are not searched.
    """
    if not isinstance(bank.prompts, tuple) or not bank.prompts:
        return None
    texts_of: dict[int, list[tuple[str, float]]] = defaultdict(list)
    for prompt, owner, weight in zip(bank.prompts, bank.owner_P.tolist(), bank.weight_P.tolist()):
        texts_of[owner].append((prompt.text, weight))
    classes_of: dict[tuple[tuple[str, float], ...], list[int]] = defaultdict(list)
    for owner, texts in texts_of.items():
        classes_of[tuple(sorted(texts))].append(owner)
    groups = [classes for classes in classes_of.values() if len(classes) > 1]
    if not groups:
        return None
    class_M = np.concatenate(groups)
    group_M = np.repeat(np.arange(len(groups)), [len(classes) for classes in groups])
    order = class_M.argsort()
    return SharedTexts(class_M[order], group_M[order], _select_classes(bank, [classes[0] for classes in groups]))


def _select_classes(bank: TextBank, classes: list[int]) -> TextBank:
    """Returns the bank of some classes, renumbered from 0, without prompts, in full precision."""
    rows_of = [np.arange(rows.start, rows.stop) for rows in map(bank.of_class, classes)]
    rows = np.concatenate(rows_of)
    return replace(
        bank,
        prompts=(),
        embeddings_PD=bank.embeddings_PD[rows],
        half_PD=None,
        owner_P=np.repeat(np.arange(len(classes)), [len(one) for one in rows_of]),
        weight_P=bank.weight_P[rows],
        n_classes=len(classes),
    )
