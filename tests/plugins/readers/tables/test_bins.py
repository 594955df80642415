"""Labels in bins: the file, and its shares against a plain sum."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from bioclip_x import Classifier
from bioclip_x.errors import TaxonomyError
from bioclip_x_plugins.readers.tables.bins import BinsReader

PETS = {"red fox": "canid", "brown bear": "bear", "gray wolf": "canid", "canid": "other", "Persian cat": "cat"}


def file_of(folder: Path, text: str | bytes) -> Path:
    path = folder / "bins.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def pets(folder: Path) -> Path:
    return file_of(folder, "cls,bin\n" + "".join(f"{label},{bin_}\n" for label, bin_ in PETS.items()))


def in_bins(path: Path) -> dict[str, str]:
    """Label → bin, as the tree has them."""
    tree = BinsReader().read(path)
    assert list(tree.rank_tables) == ["bin"]
    taxa = [tree.class_taxon(c) for c in range(tree.n_classes)]
    return {taxon.name: taxon.at("bin") for taxon in taxa}


def test_labels_below_their_bins(tmp_path: Path) -> None:
    assert in_bins(pets(tmp_path)) == PETS


def test_probabilities_of_bins_are_sums_of_a_softmax(tmp_path: Path, tiny_model: str, pictures: Path) -> None:
    """As pybioclip's CustomLabelsBinningClassifier: a softmax over the labels, added up bin by bin."""
    labels = tuple(PETS)
    by_label = Classifier(tiny_model, labels=labels, k=len(labels))
    by_bin = Classifier(tiny_model, taxonomy=pets(tmp_path), taxonomy_format="bins", rank="bin")
    for flat, binned in zip(by_label.classify(pictures), by_bin.classify(pictures), strict=True):
        sums: dict[str, float] = defaultdict(float)
        for one in flat.predictions:
            sums[PETS[one.taxon.name]] += one.probability
        assert {one.taxon.name: one.probability for one in binned.predictions} == pytest.approx(sums, abs=1e-6)
        assert [one.taxon.name for one in binned.predictions] == sorted(sums, key=lambda name: -sums[name])
    assert {prompt.text for prompt in by_bin.bank.prompts} == {prompt.text for prompt in by_label.bank.prompts}


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbflabel,bin\r\nfox,canid\r\n\r\nbear,bear\r\n",
        "label;bin\nfox;canid\nbear;bear\n",
        "label\tbin\nfox\tcanid\nbear\tbear",
        "label,bin\nfox,canid\nbear,bear\n".encode("utf-16"),
        '"label","bin"\n" fox ","canid"\nbear , bear\n',
    ],
)
def test_table_dialects(text: str | bytes, tmp_path: Path) -> None:
    assert in_bins(file_of(tmp_path, text)) == {"fox": "canid", "bear": "bear"}


def test_duplicates_and_unused_columns_are_noted(tmp_path: Path) -> None:
    tree = BinsReader().read(file_of(tmp_path, "label,bin,who\nfox,canid,me\nfox,canid,you\n"))
    assert tree.notes == ("1 labels are listed twice; duplicates are ignored", "bins.csv: columns not used: who")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; expected a header, then a label and its bin"),
        (" \n\n", "is empty"),
        ("label,bin\n", "no rows after the header"),
        ("label\nfox\n", "line 1: expected two columns, label and bin; got only 'label'"),
        ("label,bin\nfox,\n", "line 2: the label 'fox' has no bin"),
        ("label,bin\nfox\n", "line 2: the label 'fox' has no bin"),
        ("label,bin\n,canid\n", "line 2: the bin 'canid' has no label"),
        ("label,bin\nfox,a\nwolf,a\nfox,b\n", "line 4: 'fox' is in bin 'b', but in line 2 in 'a'"),
        (
            "fox,canid\nwolf,canid\n",
            "line 1: 'fox', 'canid' looks like a label and its bin, since line 2 has the same bin",
        ),
        ("label,bin\nfox, red,canid\n", "line 2: 3 cells under 2 columns; is a name unquoted"),
        ('label,bin\n"fox,canid\n', "line 2: not valid CSV"),
    ],
)
def test_invalid_files(text: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match=message):
        BinsReader().read(file_of(tmp_path, text))


def test_read_only_when_the_format_is_named(tmp_path: Path, tiny_model: str) -> None:
    path = file_of(tmp_path, "label,bin\nfox,canid\n")
    assert not BinsReader().sniff(path, path.read_bytes())
    with pytest.raises(TaxonomyError, match="no format that any reader recognises"):
        Classifier(tiny_model, taxonomy=path)
