"""What descriptors do for labelled images, against scoring everything again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from bioclip_x import Classifier
from bioclip_x.errors import DescriptorError
from bioclip_x.evaluation.descriptors.pruning import prune, select_dropped_entries
from bioclip_x.evaluation.descriptors.usefulness import SortedImages, find_best_two, measure_usefulness
from bioclip_x.evaluation.labelled_images import LabelledImages, embed_labelled_images
from bioclip_x.hooks.registry import create_registry
from bioclip_x.prompts import load_descriptors
from bioclip_x.prompts.descriptors import write_descriptors
from bioclip_x.records import Source
from bioclip_x.records.evaluation.descriptor_usefulness import Area, ClassUse, DescriptorUse, LeftOut, Usefulness
from bioclip_x_plugins.datasets.image_folder import ImageFolder
from helpers import BIRDS, picture

PHRASES = {
    "Parus major": ["a black crown", "a yellow breast", "white cheeks"],
    "Cyanistes caeruleus": ["a blue crown", "a yellow breast"],
    "Turdus merula": ["a yellow bill", "black feathers"],
    "Emys orbicularis": ["a flat shell"],
    "Quercus robur": ["lobed leaves", "acorns on long stalks"],
    "Fagus sylvatica": ["smooth grey bark"],
}


@pytest.fixture
def descriptor_file(tmp_path: Path) -> Path:
    file = tmp_path / "said.yaml"
    file.write_text(yaml.safe_dump({"format": "bioclip-x/descriptors/1", "style": "bare", "classes": PHRASES}))
    return file


def seen(classifier: Classifier, counts: dict[str, int], seed: int = 0) -> LabelledImages:
    """Images at random places, nearer to their class's texts than others are. "" are of no class."""
    rng, bank = torch.Generator().manual_seed(seed), classifier.bank
    names = [classifier.taxonomy.class_taxon(c).name for c in range(classifier.taxonomy.n_classes)]
    classes = [names.index(name) if name else -1 for name, count in counts.items() for _ in range(count)]
    centre = {c: bank.embeddings_PD[bank.of_class(c)].mean(0) for c in set(classes) - {-1}} | {-1: torch.zeros(32)}
    noise = torch.randn(len(classes), 32, generator=rng) * 0.02
    features = torch.nn.functional.normalize(torch.stack([centre[c] for c in classes]) + noise, dim=1)
    order = torch.randperm(len(classes), generator=rng)
    sources = tuple(Source(f"{i}.png") for i in range(len(classes)))
    class_n = np.array(classes)[order.numpy()]
    nodes = classifier.taxonomy.owner_N[classifier.taxonomy.leaf_node_C]
    return LabelledImages(features[order], sources, np.where(class_n >= 0, nodes[class_n], -1), class_n, ())


def named(classifier: Classifier, images: LabelledImages) -> np.ndarray:
    listed = SortedImages.of(images)
    right: np.ndarray = find_best_two(listed.logits(classifier)).best_N == listed.class_N
    return right


def by_name(found: Usefulness) -> dict[str, ClassUse]:
    return {one.name: one for one in found.classes}


COUNTS = {
    "Parus major": 9,
    "Cyanistes caeruleus": 7,
    "Turdus merula": 6,
    "Emys orbicularis": 4,
    "Quercus robur": 3,
    "": 2,
}


@pytest.mark.parametrize("pooling", ["mean", "ensemble", "max"])
def test_without_a_descriptor_is_classifying_with_a_file_that_lacks_it(
    pooling: str, tiny_model: str, birds_csv: Path, descriptor_file: Path, tmp_path: Path
) -> None:
    def classifier(file: Path) -> Classifier:
        return Classifier(tiny_model, taxonomy=birds_csv, descriptors=file, text=["descriptors"], pooling=pooling)

    whole = classifier(descriptor_file)
    images = seen(whole, COUNTS)
    found = by_name(measure_usefulness(whole, images, "made"))
    right, told, changes = named(whole, images), load_descriptors(descriptor_file), 0
    assert sum(one.right for one in found.values()) == right.sum()
    for name, phrases in PHRASES.items():
        if name not in found:
            continue
        uses = {use.phrase: use for use in found[name].descriptors}
        assert list(uses) == phrases
        for phrase in phrases:
            without = uses[phrase].left_out
            if len(phrases) == 1:
                assert without is None
                continue
            kept = {n: tuple(d for d in ds if (n, d.phrase) != (name, phrase)) for n, ds in told.classes.items()}
            file = tmp_path / "less.yaml"
            write_descriptors(file, type(told)(kept, "less", told.style))
            after = named(classifier(file), images)
            assert without is not None and without.of == 29
            assert (without.fixed, without.broken) == ((after & ~right).sum(), (right & ~after).sum())
            changes += without.fixed + without.broken
    assert changes > 0


def test_areas_and_siblings(tiny_model: str, birds_csv: Path, descriptor_file: Path) -> None:
    classifier = Classifier(tiny_model, taxonomy=birds_csv, descriptors=descriptor_file)
    images = seen(classifier, COUNTS)
    result = measure_usefulness(classifier, images, "made")
    found = by_name(result)
    assert set(result.without) == {"Quercus"} and result.pictures == 29
    assert "2 images of unlisted classes ignored" in result.notes
    kin = {name: (one.sibling_rank, one.sibling_taxon, one.siblings) for name, one in found.items()}
    assert kin["Parus major"] == kin["Cyanistes caeruleus"] == ("family", "Paridae", 1)
    assert kin["Turdus merula"] == kin["Emys orbicularis"] == ("", "", 4)
    names = [classifier.taxonomy.class_taxon(int(c)).name if c >= 0 else "" for c in images.class_n]
    texts = {prompt.text: row for row, prompt in enumerate(classifier.bank.prompts)}
    for name, one in found.items():
        others = {"Parus major": {"Cyanistes caeruleus"}, "Cyanistes caeruleus": {"Parus major"}}
        siblings = others.get(name, set(found) - {name})
        for use in one.descriptors:
            cos = (classifier.bank.embeddings_PD[texts[use.text]] @ images.features_nD.T).double().numpy().round(6)
            own = [x for x, n in zip(cos, names) if n == name]
            for got, mean, whose in (
                (use.from_siblings, use.siblings, siblings),
                (use.from_all, use.others, set(found) - {name}),
            ):
                beside = [x for x, n in zip(cos, names) if n in whose]
                pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in own for b in beside]
                assert got is not None and got.value == pytest.approx(np.mean(pairs)) and got.others == len(beside)
                assert mean == pytest.approx(np.mean(beside), abs=1e-5)
            assert use.own == pytest.approx(np.mean(own), abs=1e-5)
    shared = found["Parus major"].descriptors[1]
    assert (shared.phrase, shared.shared_by, shared.with_siblings) == ("a yellow breast", 2, 1)


def test_images_labelled_above_the_classes_are_ignored(tiny_model: str, birds_csv: Path, descriptor_file: Path) -> None:
    classifier = Classifier(tiny_model, taxonomy=birds_csv, descriptors=descriptor_file)
    images = seen(classifier, {"Parus major": 9, "Cyanistes caeruleus": 9, "Turdus merula": 9})
    family = classifier.taxonomy.names.index("Paridae")
    is_tit_n = np.isin(images.class_n, images.class_n[:1])
    rows = np.flatnonzero(~is_tit_n)
    some = LabelledImages(
        images.features_nD[rows], tuple(images.sources[r] for r in rows), images.node_n[rows], images.class_n[rows], ()
    )
    inner = replace(
        images, node_n=np.where(is_tit_n, family, images.node_n), class_n=np.where(is_tit_n, -1, images.class_n)
    )
    found, without = (measure_usefulness(classifier, one, "made") for one in (inner, some))
    assert found.notes == ("9 images labelled above the classes (family 9) ignored",) and without.notes == ()
    assert replace(found, notes=()) == without


def test_siblings_without_images_are_no_siblings(tiny_model: str, birds_csv: Path, descriptor_file: Path) -> None:
    classifier = Classifier(tiny_model, taxonomy=birds_csv, descriptors=descriptor_file)
    one = by_name(measure_usefulness(classifier, seen(classifier, {"Parus major": 3, "Turdus merula": 3}), "made"))[
        "Parus major"
    ]
    assert (one.sibling_rank, one.siblings, one.sibling_pictures) == ("", 1, 3)


def test_one_class_only_has_nothing_to_be_told_from(tiny_model: str, birds_csv: Path, descriptor_file: Path) -> None:
    classifier = Classifier(tiny_model, taxonomy=birds_csv, descriptors=descriptor_file)
    (one,) = measure_usefulness(classifier, seen(classifier, {"Parus major": 3}), "made").classes
    assert (one.siblings, one.sibling_pictures) == (0, 0)
    for use in one.descriptors:
        assert (use.from_siblings, use.from_all, use.others, use.between) == (None, None, None, None)


def test_one_image_all_over_says_nothing(
    tiny_model: str, birds_csv: Path, descriptor_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "same"
    for name in ("Parus major", "Cyanistes caeruleus", "Sitta europaea"):
        (folder / name).mkdir(parents=True)
        for number in range(3):
            picture(0).save(folder / name / f"{number}.png")
    (folder / "Parus major" / "broken.png").write_bytes(b"no image")
    classifier = Classifier(tiny_model, taxonomy=birds_csv, descriptors=descriptor_file, batch_size=2)
    dataset = ImageFolder(path=folder, off_list="keep")
    list(dataset.prepare(classifier.taxonomy))
    found = measure_usefulness(classifier, embed_labelled_images(classifier, dataset), "same")
    assert len(found.skipped) == 1 and "broken.png" in found.skipped[0] and found.pictures == 6
    for one in found.classes:
        for use in one.descriptors:
            assert use.from_siblings is not None and use.from_siblings.value == 0.5
            assert use.from_siblings.side == "around" and use.is_same_everywhere and use.spread == 0


def test_what_cannot_be_told_of(tiny_model: str, birds_csv: Path, descriptor_file: Path, tmp_path: Path) -> None:
    classifier = Classifier(tiny_model, taxonomy=birds_csv)
    with pytest.raises(
        DescriptorError, match=r"none of the chosen texts has descriptors \(taxonomic\); add --plugin descriptors"
    ):
        measure_usefulness(classifier, seen(classifier, {"Parus major": 1}), "made")
    classifier = Classifier(tiny_model, taxonomy=birds_csv, descriptors=descriptor_file)
    with pytest.raises(DescriptorError, match="made has no usable image of a listed class"):
        measure_usefulness(classifier, seen(classifier, {"": 2}), "made")
    with pytest.raises(DescriptorError, match="made has 1 usable image of listed classes; at least 2 are needed"):
        few = seen(classifier, {"Parus major": 1})
        prune(classifier, create_registry(), few, "made", least=0.5, seed=0)


@pytest.mark.parametrize("options", [{}, {"inherit": 0.5}])
def test_pruned_accuracy_is_that_of_the_file_written(
    options: dict[str, float], tiny_model: str, tmp_path: Path
) -> None:
    (tmp_path / "birds.csv").write_text(BIRDS)
    classes = PHRASES | ({"Paridae": ["a short bill", "a yellow breast"]} if options else {})
    file = tmp_path / "said.yaml"
    file.write_text(yaml.safe_dump({"format": "bioclip-x/descriptors/1", "style": "bare", "classes": classes}))

    def classifier(path: Path) -> Classifier:
        text = [{"name": "descriptors", **options}]
        return Classifier(tiny_model, taxonomy=tmp_path / "birds.csv", descriptors=path, text=text)

    whole = classifier(file)
    images = seen(whole, {name: 24 for name in list(PHRASES)[:4]}, seed=2)
    kept, done = prune(whole, create_registry(), images, "made", least=0.9, seed=3)
    assert 0 < done.dropped < done.judged <= done.descriptors == sum(map(len, classes.values()))
    write_descriptors(tmp_path / "pruned.yaml", kept)
    again = load_descriptors(tmp_path / "pruned.yaml")
    assert sum(map(len, again.classes.values())) == done.descriptors - done.dropped
    assert all(again.classes[name] for name in classes) or options
    from bioclip_x.evaluation.labelled_images import split_in_halves

    deciding, held = split_in_halves(images.class_n, 3)
    sources = tuple(images.sources[r] for r in held)
    part = LabelledImages(images.features_nD[held], sources, images.node_n[held], images.class_n[held], ())
    before, after = named(whole, part), named(classifier(tmp_path / "pruned.yaml"), part)
    assert (done.deciding, done.held_out) == (len(deciding), len(held)) == (48, 48)
    assert (done.before.hits, done.after.hits) == (before.sum(), after.sum())
    assert (done.change.fixed, done.change.broken) == ((after & ~before).sum(), (before & ~after).sum())
    about = again.provenance
    assert (about["pruned_from"], about["data"], about["seed"]) == ("said.yaml", "made", 3)
    assert about["accuracy"]["after"][0] == round(done.after.value, 4) and str(tmp_path) not in str(dict(about))


def use(phrase: str, value: float, broken: int = 0, fixed: int = 0, of_family: bool = False) -> DescriptorUse:
    of = Area(value, 0, 1, 9)
    taxon, rank = ("Paridae", "family") if of_family else ("", "")
    lost = LeftOut(fixed, broken, 99, 0, 0, 0)
    return DescriptorUse(phrase, phrase, "descriptor", 1, taxon, rank, 1, 0, 0, 0, 0, of, of, 0.5, 0.1, lost)


def test_what_is_dropped(tiny_model: str, birds_csv: Path, descriptor_file: Path) -> None:
    taxonomy = Classifier(tiny_model, taxonomy=birds_csv, descriptors=descriptor_file).taxonomy
    names = [taxonomy.class_taxon(c).name for c in range(taxonomy.n_classes)]

    def of(name: str, *uses: DescriptorUse, images: int = 9) -> ClassUse:
        return ClassUse(names.index(name), name, "", images, 0, "", "", 1, 9, uses)

    for_one, for_none = (use("for one", x, of_family=True) for x in (0.3, 0.7)), use("for none", 0.3, of_family=True)
    uses = [
        of("Parus major", use("good", 0.9), use("useless", 0.5), use("missed", 0.4, broken=1), next(for_one), for_none),
        of("Cyanistes caeruleus", use("good", 0.9), next(for_one), for_none),
        of("Turdus merula", use("best", 0.2), use("worst", 0.1, fixed=1)),
        of("Emys orbicularis", use("few", 0.0), images=4),
    ]
    dropped, judged = select_dropped_entries(taxonomy, uses, 0.5)
    assert {phrase for _, _, phrase in dropped} == {"useless", "for none", "worst"}
    assert judged == 8  # "good" of two classes, the two inherited once each; "few" is not
    assert {taxonomy.names[node] for node, _, _ in dropped} == {"Parus major", "Paridae", "Turdus merula"}
