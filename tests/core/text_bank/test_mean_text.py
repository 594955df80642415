"""The mean text of a bank, against a loop over classes and prompts, and on disk."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x import Classifier
from bioclip_x.records import Prompt, TextBank
from bioclip_x.text_bank import mean_text
from bioclip_x.text_bank.mean_text import add_mean, compute_mean_text

DIM = 5


def bank(counts: list[int], seed: int = 0, weight: float = 2.0) -> TextBank:
    """Random unit embeddings: so many prompts of each class, with weights between 0.1 and `weight`."""
    random = np.random.default_rng(seed)
    owner_P = np.repeat(np.arange(len(counts)), counts)
    embeddings_PD = torch.from_numpy(random.standard_normal((len(owner_P), DIM)).astype(np.float32))
    return TextBank(
        prompts=tuple(Prompt(f"text {p}", int(c), "name") for p, c in enumerate(owner_P)),
        embeddings_PD=torch.nn.functional.normalize(embeddings_PD, dim=1),
        owner_P=owner_P,
        weight_P=random.uniform(0.1, weight, len(owner_P)).astype(np.float32),
        n_classes=len(counts),
        pooling="mean",
        key=f"key{seed}",
    )


def naive(of: TextBank) -> list[float]:
    """The mean over classes of their weighted means, one number at a time, in float64."""
    mean = [0.0] * of.embeddings_PD.shape[1]
    for c in range(of.n_classes):
        rows = [p for p, owner in enumerate(of.owner_P) if owner == c]
        total = sum(float(of.weight_P[p]) for p in rows)
        for p in rows:
            for d in range(len(mean)):
                mean[d] += float(of.weight_P[p]) / total * float(of.embeddings_PD[p, d]) / of.n_classes
    return mean


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=12),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.2, 2.0, 1000.0]),
    st.sampled_from([1, 3, 8192]),
)
def test_the_mean_equals_a_naive_loop(counts: list[int], seed: int, weight: float, chunk: int) -> None:
    of = bank(counts, seed, weight)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mean_text, "CHUNK", chunk)
        mean_D = compute_mean_text(of)
    assert mean_D.dtype == torch.float64 and mean_D.shape == (DIM,)
    np.testing.assert_allclose(mean_D.numpy(), naive(of), rtol=0, atol=1e-12)


def test_by_hand() -> None:
    """Each class counts the same, however many prompts it has; the mean is shorter than 1."""
    of = replace(
        bank([3, 1]),
        embeddings_PD=torch.eye(DIM)[[0, 0, 1, 2]],
        weight_P=np.array([1, 1, 2, 7], np.float32),
    )
    assert compute_mean_text(of).tolist() == pytest.approx([0.25, 0.25, 0.5, 0, 0])


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_the_mean_does_not_depend_on_pooling(counts: list[int], seed: int) -> None:
    of = bank(counts, seed)
    found = [compute_mean_text(replace(of, pooling=pooling)) for pooling in ("mean", "ensemble", "max")]
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])


def test_the_mean_is_cached_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = bank([2, 5, 1])
    first = add_mean(of, tmp_path)
    assert of.mean_D is None and first.mean_D is not None
    np.testing.assert_allclose(first.mean_D.numpy(), naive(of), rtol=0, atol=1e-12)
    assert [path.name for path in (tmp_path / of.key).iterdir()] == ["mean.npy"], "nothing half-made is left"
    monkeypatch.setattr(mean_text, "compute_mean_text", None)
    for pooling in ("mean", "ensemble", "max"):
        again = add_mean(replace(of, pooling=pooling), tmp_path)
        assert again.mean_D is not None and torch.equal(again.mean_D, first.mean_D)


def test_another_bank_has_another_mean(tmp_path: Path) -> None:
    for seed in (1, 2):
        of = bank([2, 5, 1], seed)
        found = add_mean(of, tmp_path).mean_D
        assert found is not None
        np.testing.assert_allclose(found.numpy(), naive(of), rtol=0, atol=1e-12)


def npy(array: np.ndarray, file: Path) -> bytes:
    np.save(file, array)
    return file.read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        "empty", "prose", "half", "header", "broken header", "another dimension", "two dimensions", "single precision",
        "no zip", "zip", "pickle",
    ],
)  # fmt: skip
def test_a_damaged_file_is_recomputed(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = bank([2, 5, 1])
    expected = add_mean(of, tmp_path).mean_D
    file = tmp_path / of.key / "mean.npy"
    whole, other = file.read_bytes(), tmp_path / "other.npy"
    if damage == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("mean.npy", whole)
    else:
        file.write_bytes({
            "empty": b"",
            "prose": b"not an array",
            "half": whole[:-8],
            "header": whole[:20],
            "broken header": whole.replace(b"fortran_order", b"fortran order"),
            "another dimension": npy(np.zeros(DIM + 1), other),
            "two dimensions": npy(np.zeros((1, DIM)), other),
            "single precision": npy(np.zeros(DIM, np.float32), other),
            "no zip": b"PK\x03\x04 no zip",
            "pickle": b"\x80\x04K\x01.",
        }[damage])  # fmt: skip
    found = add_mean(of, tmp_path).mean_D
    assert expected is not None and found is not None and torch.equal(found, expected)
    monkeypatch.setattr(mean_text, "compute_mean_text", None)
    kept = add_mean(of, tmp_path).mean_D
    assert kept is not None and torch.equal(kept, expected), "it is mended on disk as well"


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("in the way")
    of = bank([2, 1])
    for cache in (blocked, None):
        found = add_mean(of, cache).mean_D
        assert found is not None
        np.testing.assert_allclose(found.numpy(), naive(of), rtol=0, atol=1e-12)


def test_the_mean_of_a_bank_without_a_key_is_not_cached(tmp_path: Path) -> None:
    assert add_mean(replace(bank([2, 1]), key=""), tmp_path).mean_D is not None
    assert not list(tmp_path.iterdir())


def test_a_classifier_compares_with_the_mean_of_its_own_classes(tiny_model: str, birds_csv: Path) -> None:
    whole = Classifier(tiny_model, taxonomy=birds_csv, text=["common", "scientific"])
    part = Classifier(tiny_model, taxonomy=birds_csv, text=["common", "scientific"], subset=["Animalia"])
    assert part.bank.n_classes < whole.bank.n_classes
    for classifier in (whole, part):
        assert classifier.bank.mean_D is not None
        np.testing.assert_allclose(classifier.bank.mean_D.numpy(), naive(classifier.bank), rtol=0, atol=1e-12)
    assert Classifier(tiny_model, taxonomy=birds_csv, explain=False).bank.mean_D is None
