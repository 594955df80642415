"""Scores are computed where the logits are: nothing in scorer, rollup or selection makes a tensor on the CPU by default."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from bioclip_x.inference.scoring import ScoredBatch
from bioclip_x.records import HeadInput, ImageFeatures, Logits, TextBank
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.builder import TaxonomyBuilder
from bioclip_x.taxonomy.scoring.rollup import roll_up
from bioclip_x.testing.examples import make_bank, make_card, make_taxonomy
from bioclip_x_plugins.heads.flat import Flat
from bioclip_x_plugins.heads.hedge import Hedge
from bioclip_x_plugins.heads.rollup import Rollup
from bioclip_x_plugins.scorers.text import TextScorer

FACTORIES = {torch.arange, torch.empty, torch.full, torch.ones, torch.tensor, torch.zeros}


class OnlyWithDevice(TorchFunctionMode):
    """Refuses a new tensor whose device is not said: it would be on the CPU, whatever the device of the logits."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert function not in FACTORIES or "device" in (kwargs or {}), f"{function} without a device"
        return function(*args, **(kwargs or {}))


@contextmanager
def refusing_host_tensors() -> Iterator[None]:
    with OnlyWithDevice():
        yield


def make_tree(classes: int) -> Taxonomy:
    builder = TaxonomyBuilder()
    for c in range(classes):
        builder.add_lineage([("family", f"f{c // 60}"), ("genus", f"g{c // 7}"), ("species", f"s{c}")])
    return builder.build()


@pytest.mark.parametrize("scale", [3.0, 400.0])  # the second needs sums in log space
@pytest.mark.parametrize("exact", [False, True])
def test_the_rollup_says_where_its_tensors_are(scale: float, exact: bool) -> None:
    tree = make_tree(900)
    logits_BC = torch.randn(5, 900, generator=torch.Generator().manual_seed(0)) * scale
    logits = Logits.of(logits_BC)
    if exact:
        logits = replace(logits, part=lambda a, b: logits_BC.T[a:b].half().float(), exact=Logits.of(logits_BC).part)
    expected = roll_up(logits, tree)
    with refusing_host_tensors():
        found = roll_up(replace(logits, device="cpu:0"), tree)  # another name, so that the plan is copied
    assert torch.equal(found.top_BK, expected.top_BK) and torch.equal(found.log_probs_BI, expected.log_probs_BI)


@pytest.mark.parametrize("pooling", ["mean", "ensemble", "max"])
@pytest.mark.parametrize("prompts", [1, 2])
def test_the_scorer_says_where_its_tensors_are(pooling: str, prompts: int) -> None:
    bank = make_bank(pooling)
    rows = np.flatnonzero(np.arange(len(bank.prompts)) % 2 < prompts)
    bank = TextBank(
        tuple(bank.prompts[row] for row in rows), bank.embeddings_PD[rows], bank.owner_P[rows], bank.weight_P[rows],
        bank.n_classes, pooling, "a",
    )  # fmt: skip
    features = ImageFeatures(torch.nn.functional.normalize(torch.randn(3, 8), dim=1), ("",) * 3)
    scorer = TextScorer()
    expected = scorer.logits(features, bank, make_card(), make_taxonomy()).logits_BC
    with refusing_host_tensors():
        found = scorer.logits(features, bank, make_card(), make_taxonomy()).part(0, bank.n_classes).T
    assert torch.equal(found, expected)


cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@cuda
@pytest.mark.parametrize("head", [Flat(), Rollup(), Rollup(size_prior="genus"), Hedge(0.7)])
@pytest.mark.parametrize("pooling", ["mean", "ensemble", "max"])
def test_a_gpu_scores_as_the_cpu_does(head: Any, pooling: str) -> None:
    tree, bank = make_taxonomy(), make_bank(pooling)
    features = ImageFeatures(torch.nn.functional.normalize(torch.randn(16, 8), dim=1), ("",) * 16)
    scores = []
    for device in ("cpu", "cuda"):
        logits = TextScorer().logits(features, replace(bank, device=device), make_card(), tree)
        assert logits.device == device and logits.part(0, 2).device.type == device
        scores.append(head.decide(HeadInput(logits, tree, 5)))
    first, second = scores
    assert second.log_probs_BI.device.type == "cpu" and torch.equal(first.top_BK, second.top_BK)
    assert torch.allclose(first.log_probs_BI.exp(), second.log_probs_BI.exp(), atol=1e-4)


@cuda
def test_a_large_tree_on_a_gpu() -> None:
    tree = make_tree(100_000)
    logits_BC = torch.randn(8, 100_000) * 5
    first = roll_up(Logits.of(logits_BC), tree)
    on_gpu = logits_BC.T.contiguous().cuda()
    second = roll_up(Logits(lambda a, b: on_gpu[a:b].clone(), 8, 100_000, device="cuda"), tree)
    assert torch.equal(first.top_BK, second.top_BK)
    assert torch.allclose(first.log_probs_BI.exp(), second.log_probs_BI.exp(), atol=1e-4)


def test_heads_that_take_the_cpu_only_get_it() -> None:
    logits = Logits(lambda a, b: torch.zeros(b - a, 1), 1, 7, device="elsewhere")
    batch = ScoredBatch(logits, logits)
    assert batch.make_head_input(make_taxonomy(), 5, any_device=True).logits.device == "elsewhere"
    on_cpu = batch.make_head_input(make_taxonomy(), 5, any_device=False).logits
    assert on_cpu.device == "cpu" and on_cpu.part(0, 7).device.type == "cpu"
