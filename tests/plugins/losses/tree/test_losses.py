"""The losses on a batch: on linear heads and on the class bank, with labels above the classes and without."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from bioclip_x.errors import TrainingError
from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from bioclip_x_plugins.losses.tree.leaf_losses import CrossEntropy, Hxe, SoftLabels
from bioclip_x_plugins.losses.tree.rank_cross_entropy import RankCrossEntropy
from tree_batches import Bank, draw_unit, find, make_batch, make_taxonomy

D = 6
LOSSES = [CrossEntropy, Hxe, SoftLabels, RankCrossEntropy]


@pytest.fixture
def taxonomy() -> Taxonomy:
    return make_taxonomy()


def prepare(loss: Any, taxonomy: Taxonomy, seed: int = 0) -> Any:
    """The loss in float64, with random weights."""
    loss.prepare(taxonomy, D, taxonomy.n_classes)
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in loss.double().parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng, dtype=torch.float64))
    return loss


def total(value: Any) -> torch.Tensor:
    return torch.stack(list(value.values())).sum() if isinstance(value, dict) else value


def classes(taxonomy: Taxonomy) -> list[str]:
    return [taxonomy.class_taxon(c).name for c in range(taxonomy.n_classes)]


def test_cross_entropy_of_classes_is_torchs(taxonomy: Taxonomy) -> None:
    loss = prepare(CrossEntropy(), taxonomy)
    image = draw_unit(4, D, 1).requires_grad_()
    names = ["A one", "G one", "C two"]
    node = torch.tensor([*(find(taxonomy, name) for name in names), -1])
    value = loss(make_batch(taxonomy, image, node))
    got = torch.autograd.grad(value, [image, *loss.parameters()])
    head = loss.classifier
    logits = math.sqrt(D) * image[:3] @ head.weight_CD.T + head.bias_C
    expected = cross_entropy(logits, torch.tensor([classes(taxonomy).index(name) for name in names]))
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(got, torch.autograd.grad(expected, [image, *loss.parameters()]))


@pytest.mark.parametrize("make", LOSSES)
def test_a_new_head_finds_all_classes_equally_likely(taxonomy: Taxonomy, make: Any) -> None:
    loss = make()
    loss.prepare(taxonomy, D, taxonomy.n_classes)
    assert all(not parameter.any() for parameter in loss.parameters())
    value = total(loss.double()(make_batch(taxonomy, draw_unit(1, D, 1), torch.tensor([find(taxonomy, "A one")]))))
    value.backward()
    assert any(parameter.grad.any() for parameter in loss.parameters())


def test_a_class_in_the_batch_is_the_mean_of_its_texts_drawn_now(taxonomy: Taxonomy) -> None:
    names = classes(taxonomy)
    image, text, rows = draw_unit(4, D, 1), draw_unit(5, D, 2), draw_unit(len(names), D, 3)
    text_BK = torch.tensor([[0, 1], [2, 0], [3, 3], [4, 4]])
    labels = ["A two", "A two", "C one", "F"]  # the last is no class, and its texts stand for none
    node = torch.tensor([find(taxonomy, name) for name in labels])
    results = []
    for fast in (True, False):
        i, t = image.clone().requires_grad_(), text.clone().requires_grad_()
        scale = torch.tensor(7.0, dtype=torch.float64, requires_grad=True)
        if fast:
            loss = prepare(CrossEntropy(on="bank"), taxonomy)
            value = loss(make_batch(taxonomy, i, node, t, text_BK, bank=Bank(rows), scale=scale))
        else:
            table = {name: row for name, row in zip(names, rows)}
            table["A two"] = normalize((t[0] + t[1] + t[2] + t[0]) / 4, dim=0)
            table["C one"] = normalize(t[3], dim=0)
            p = (scale * i @ torch.stack([table[name] for name in names]).T).softmax(dim=1)
            in_f = [names.index(name) for name in ("A one", "A two", "B one")]
            columns = [[names.index("A two")], [names.index("A two")], [names.index("C one")], in_f]
            value = -torch.stack([p[row, column].sum().log() for row, column in enumerate(columns)]).mean()
        value.backward()
        results.append((value.detach(), i.grad, t.grad, scale.grad))
    torch.testing.assert_close(results[0], results[1])
    assert not results[0][2][4].any()


def test_each_rank_has_its_head_and_its_images(taxonomy: Taxonomy) -> None:
    """The rank of every label by hand: a species without a genus, a genus that is a class, a family."""
    loss = prepare(RankCrossEntropy(), taxonomy)
    labels = ["A one", "G one", "D", "F"]
    known = {
        "family": ["F", "G", "H", "F"],
        "genus": ["A", None, "D", None],
        "class": ["A one", "G one", "D", None],
    }
    image = draw_unit(5, D, 1)
    node = torch.tensor([*(find(taxonomy, name) for name in labels), -1])
    values = loss(make_batch(taxonomy, image, node))
    assert list(values) == list(known)
    heads = loss.export_heads()
    assert list(heads) == list(known)
    for rank, names in known.items():
        head = heads[rank]
        rows = [taxonomy.names[taxonomy.owner(int(n))] for n in head.nodes_C]
        assert len(rows) == {"family": 3, "genus": 4, "class": 7}[rank]
        images = [i for i, name in enumerate(names) if name]
        logits = image[images] @ head.weight_CD.double().T + head.bias_C.double()
        expected = cross_entropy(logits, torch.tensor([rows.index(names[i]) for i in images]))
        assert float(values[rank].detach()) == pytest.approx(float(expected), rel=1e-5)


def test_ranks_on_the_bank_are_sums_of_the_classes_probabilities(taxonomy: Taxonomy) -> None:
    loss = prepare(RankCrossEntropy(on="bank"), taxonomy)
    names, rows = classes(taxonomy), draw_unit(taxonomy.n_classes, D, 3)
    image, node = draw_unit(2, D, 1), torch.tensor([find(taxonomy, "A"), find(taxonomy, "G one")])
    text = rows[[names.index("G one")]]  # the live row is that of the bank
    values = loss(make_batch(taxonomy, image, node, text, torch.tensor([[0], [0]]), bank=Bank(rows)))
    p = (10 * image @ rows.T).softmax(dim=1)

    def total_of(row: int, *below: str) -> float:
        return -math.log(sum(float(p[row, names.index(name)]) for name in below))

    in_g = total_of(1, "C one", "C two", "G one")
    assert float(values["family"].detach()) == pytest.approx((total_of(0, "A one", "A two", "B one") + in_g) / 2)
    assert float(values["genus"].detach()) == pytest.approx(total_of(0, "A one", "A two"))
    assert float(values["class"].detach()) == pytest.approx(total_of(1, "G one"))


@pytest.mark.parametrize("on", ["linear", "bank"])
@pytest.mark.parametrize("make", LOSSES)
@pytest.mark.parametrize("labels", [[-1, -1], [], ["F", -1], ["H"]])
def test_batches_without_labels_and_without_images_are_finite(
    taxonomy: Taxonomy, make: Any, on: str, labels: list[Any]
) -> None:
    loss = prepare(make(on=on), taxonomy)
    image = draw_unit(len(labels), D, 1).requires_grad_()
    node = torch.tensor([one if one == -1 else find(taxonomy, one) for one in labels], dtype=torch.int64)
    text_BK = torch.zeros(len(labels), 1, dtype=torch.int64)
    bank = Bank(draw_unit(taxonomy.n_classes, D, 3)) if on == "bank" else None
    value = total(loss(make_batch(taxonomy, image, node, draw_unit(1, D, 2), text_BK, bank=bank)))
    value.backward()
    assert torch.isfinite(value) and (value.item() == 0) == (not any(isinstance(one, str) for one in labels))
    for tensor in (image, *loss.parameters()):
        assert tensor.grad is not None and torch.isfinite(tensor.grad).all()


@pytest.mark.parametrize("on", ["linear", "bank"])
@pytest.mark.parametrize("make", LOSSES)
@pytest.mark.parametrize("names", [["A a"], ["A a", "B b"]])
def test_trees_of_one_class_and_of_one_level(make: Any, on: str, names: list[str]) -> None:
    builder = TaxonomyBuilder()
    for name in names:
        builder.add_lineage([("species", name)])
    taxonomy = builder.build()
    loss = prepare(make(on=on), taxonomy)
    image = draw_unit(1, D, 1).requires_grad_()
    bank = Bank(draw_unit(len(names), D, 3)) if on == "bank" else None
    text, node = draw_unit(1, D, 2), torch.tensor([find(taxonomy, "A a")])
    value = total(loss(make_batch(taxonomy, image, node, text, bank=bank)))
    value.backward()
    assert (value.item() == 0) == (len(names) == 1)
    assert torch.isfinite(image.grad).all()


def test_a_linear_loss_needs_no_text_and_a_loss_on_the_bank_needs_it(taxonomy: Taxonomy) -> None:
    for make in LOSSES:
        linear, bank = make().capabilities, make(on="bank").capabilities
        assert (linear.needs_texts, linear.needs_bank, linear.exports_heads) == (False, False, True)
        assert (bank.needs_texts, bank.needs_bank, bank.exports_heads) == (True, True, False)
    loss = prepare(CrossEntropy(on="bank"), taxonomy)
    with pytest.raises(TrainingError, match="needs the class bank"):
        loss(make_batch(taxonomy, draw_unit(1, D, 1), torch.tensor([1]), draw_unit(1, D, 2)))


@pytest.mark.parametrize("make", LOSSES)
def test_exported_heads_give_the_logits_of_unit_embeddings(taxonomy: Taxonomy, make: Any) -> None:
    loss = prepare(make(), taxonomy)
    head = loss.export_heads()["class"]
    image = draw_unit(3, D, 1)
    classifier = loss.levels[-1].head if isinstance(loss, RankCrossEntropy) else loss.classifier
    scored = classifier.score(make_batch(taxonomy, image, torch.tensor([-1] * 3)))
    expected = scored.x_MD @ scored.leaves.weight_CD.T + scored.leaves.bias_C
    torch.testing.assert_close(image @ head.weight_CD.double().T + head.bias_C, expected, rtol=1e-5, atol=1e-5)
    assert head.normalised and head.nodes_C.tolist() == taxonomy.leaf_node_C.tolist()
    assert not isinstance(head.weight_CD, nn.Parameter)
