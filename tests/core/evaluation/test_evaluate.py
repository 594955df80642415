"""Evaluation from end to end, on scores made for it, against loops over images."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bioclip_x.cli.render.evaluation import write
from bioclip_x.errors import EvaluationError
from bioclip_x.evaluation import labelled_images
from bioclip_x.evaluation.correctness import compare_with_truth
from bioclip_x.evaluation.evaluate import evaluate, make_seeded_run
from bioclip_x.evaluation.intervals import compute_binomial_interval
from bioclip_x.evaluation.predictions import ImagePredictions
from bioclip_x.hooks.registry import Registry, create_registry
from bioclip_x.recipe import Recipe
from bioclip_x.recipe_resolution import resolve_recipe
from bioclip_x.records import Evaluation
from bioclip_x_plugins.datasets.image_folder import ImageFolder
from bioclip_x_plugins.datasets.manifest import Manifest
from bioclip_x_plugins.readers.tables.table import TableReader
from helpers import picture

SPECIES = ("Parus major", "Cyanistes caeruleus", "Turdus merula", "Emys orbicularis", "Quercus", "Quercus robur")
LINEAGES = (
    ("Animalia", "Chordata", "Aves", "Passeriformes", "Paridae", "Parus", "Parus major"),
    ("Animalia", "Chordata", "Aves", "Passeriformes", "Paridae", "Cyanistes", "Cyanistes caeruleus"),
    ("Animalia", "Chordata", "Aves", "Passeriformes", "Turdidae", "Turdus", "Turdus merula"),
    ("Animalia", "Chordata", "", "Testudines", "Emydidae", "Emys", "Emys orbicularis"),
    ("Plantae", "Tracheophyta", "Magnoliopsida", "Fagales", "Fagaceae", "Quercus", ""),
    ("Plantae", "Tracheophyta", "Magnoliopsida", "Fagales", "Fagaceae", "Quercus", "Quercus robur"),
)
RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")


@pytest.fixture
def registry() -> Registry:
    return create_registry()


class Made:
    """Scores of 90 images, right at two of three, and of 3 whose label is on no list."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(3)
        self.logits_nC = (rng.normal(size=(93, 6)) * 3).round(4)
        self.class_n = np.where(np.arange(93) % 3 > 0, self.logits_nC.argmax(1), rng.integers(0, 6, 93))
        labels = [SPECIES[c] for c in self.class_n[:90]] + ["Sitta europaea"] * 3
        rows = [f"{i}.jpg,{','.join(map(str, row))}" for i, row in enumerate(self.logits_nC)]
        self.scores, self.labels = folder / "scores.csv", folder / "labels.csv"
        self.scores.write_text("\n".join([f"file_name,{','.join(SPECIES)}", *rows]))
        self.labels.write_text("\n".join(["path,label", *(f"{i}.jpg,{label}" for i, label in enumerate(labels))]))

    def evaluated(self, registry: Registry, birds_csv: Path, **fields: Any) -> Evaluation:
        scorer = {"name": "external", "file": str(self.scores), "kind": "logits"}
        recipe = resolve_recipe(registry, flags={"taxonomy": birds_csv, "scorer": scorer, **fields})
        return evaluate(registry, [recipe], Manifest(path=self.labels, off_list="keep"), "made")


def test_figures_are_those_of_a_loop_over_the_images(registry: Registry, tmp_path: Path, birds_csv: Path) -> None:
    made = Made(tmp_path)
    found = made.evaluated(registry, birds_csv)
    assert (found.pictures, found.classes, found.n_classes) == (90, 6, 6)
    assert "3 images of unlisted classes skipped" in found.notes
    [one] = found.texts
    logits_nC, class_n = made.logits_nC[:90], made.class_n[:90]
    best_n = logits_nC.argmax(1)
    right_n = best_n == class_n
    assert one.top1.value == pytest.approx(right_n.mean()) and (
        one.top1.low,
        one.top1.high,
    ) == compute_binomial_interval(int(right_n.sum()), 90)
    fives = [class_n[i] in np.argsort(-logits_nC[i])[:5] for i in range(90)]
    assert one.top5.value == pytest.approx(np.mean(fives))
    of_classes = [right_n[class_n == c].mean() for c in range(6)]
    assert one.mean_per_class.value == pytest.approx(np.mean(of_classes)) and one.mean_per_class.of == 6
    shares = np.exp(logits_nC) / np.exp(logits_nC).sum(1, keepdims=True)
    for place, rank in enumerate(RANKS):
        has = [i for i in range(90) if LINEAGES[class_n[i]][place]]
        hits = []
        for i in has:
            sums: dict[tuple[str, ...], float] = {}
            for c, lineage in enumerate(LINEAGES):
                taxon = lineage[: place + 1]  # a class without the rank is a hole of its own there
                sums[taxon] = sums.get(taxon, 0) + shares[i, c]
            hits.append(max(sums, key=sums.__getitem__) == LINEAGES[class_n[i]][: place + 1])
        assert one.ranks[rank].of == len(has) and one.ranks[rank].value == pytest.approx(np.mean(hits)), rank
    assert one.difference is None and one.seeds == () and one.top1.sd is None


LABELLED = {0: "Parus", 1: "Paridae", 2: "Turdus sp.", 4: "Plantae"}
"""Class → the name of a taxon above it. Parus and Turdus have no other class than theirs."""


def test_images_labelled_above_the_classes_count_at_their_rank_and_above(
    registry: Registry, tmp_path: Path, birds_csv: Path
) -> None:
    made = Made(tmp_path)
    whole = made.evaluated(registry, birds_csv).texts[0]
    rows = made.labels.read_text().splitlines()
    inner = [i for i in range(0, 90, 2) if made.class_n[i] in LABELLED]
    for i in inner:
        rows[i + 1] = f"{i}.jpg,{LABELLED[int(made.class_n[i])]}"
    made.labels.write_text("\n".join(rows))
    found = made.evaluated(registry, birds_csv)
    [one] = found.texts
    lowest = {"Parus": "genus", "Paridae": "family", "Turdus sp.": "genus", "Plantae": "kingdom"}
    counts = {
        rank: sum(lowest[LABELLED[int(made.class_n[i])]] == rank for i in inner)
        for rank in ("kingdom", "family", "genus")
    }
    assert min(counts.values()) > 0
    made.labels.write_text("\n".join([rows[0], *(row for i, row in enumerate(rows[1:]) if i not in inner)]))
    alone = made.evaluated(registry, birds_csv)
    assert found.pictures == 90 and alone.pictures == 90 - len(inner) and found.classes == alone.classes
    assert not any("labelled above" in note for note in alone.notes)
    [note] = [note for note in found.notes if "labelled above" in note]
    assert note.startswith(f"{len(inner)} images labelled above the classes (")
    assert all(f"{rank} {count}" in note for rank, count in counts.items())
    for measure in ("top1", "top5", "mean_per_class", "severity"):
        assert getattr(one, measure) == getattr(alone.texts[0], measure), measure
    for place, rank in enumerate(RANKS):
        missing = [i for i in inner if RANKS.index(lowest[LABELLED[int(made.class_n[i])]]) < place]
        has = [i for i in range(90) if LINEAGES[made.class_n[i]][place]]
        assert one.ranks[rank].of == len(set(has) - set(missing)), rank
        if not missing:
            assert one.ranks[rank] == whole.ranks[rank], "a label at genus says as much of the family as one at species"


def test_labels_above_the_classes_only(registry: Registry, tmp_path: Path, birds_csv: Path) -> None:
    made = Made(tmp_path)
    made.labels.write_text("path,label\n0.jpg,Paridae\n1.jpg,Aves\n")
    found = made.evaluated(registry, birds_csv)
    [one] = found.texts
    assert (found.pictures, found.classes) == (2, 0)
    for measure in (one.top1, one.top5, one.mean_per_class, one.severity, one.ranks["genus"], one.ranks["species"]):
        assert (measure.value, measure.of) == (None, 0)
    assert [one.ranks[rank].of for rank in RANKS] == [2, 2, 2, 1, 1, 0, 0]


def test_the_table_tells_how_many_images_count_where_they_are_not_the_same(
    registry: Registry, tmp_path: Path, birds_csv: Path
) -> None:
    made = Made(tmp_path)
    made.labels.write_text("path,label\n0.jpg,Parus major\n1.jpg,Turdus merula\n")
    found = made.evaluated(registry, birds_csv)
    for labels, has_counts in ((None, False), ("path,label\n0.jpg,Parus major\n1.jpg,Turdus\n", True)):
        if labels:
            made.labels.write_text(labels)
            found = made.evaluated(registry, birds_csv)
        stream = io.StringIO()
        write(found, "table", stream)
        lines = [line.split() for line in stream.getvalue().splitlines()]
        assert any(line[:1] == ["images"] for line in lines) is has_counts
        counted = {line[0]: line[1] for line in lines if len(line) > 1 and line[0] in (*RANKS, "top-1")}
        if has_counts:
            assert counted == dict.fromkeys(RANKS[:-1], "2") | {"species": "1", "top-1": "1"}
        else:
            assert all("%" in value for value in counted.values())


def test_the_severity_of_mistakes_is_the_height_of_where_they_meet(
    registry: Registry, tmp_path: Path, birds_csv: Path
) -> None:
    """Heights worked out by hand: a genus lies 1 above its species, a kingdom 6, all 7."""
    made = Made(tmp_path)
    [one] = made.evaluated(registry, birds_csv).texts
    height = {("Aves", "Paridae"): 2, ("Aves", "Passeriformes"): 3, ("Chordata",): 5, ("Quercus",): 1, (): 7}
    meets = {
        frozenset({0, 1}): height["Aves", "Paridae"],
        frozenset({0, 2}): height["Aves", "Passeriformes"],
        frozenset({1, 2}): height["Aves", "Passeriformes"],
        **{frozenset({bird, 3}): height["Chordata",] for bird in (0, 1, 2)},
        frozenset({4, 5}): height["Quercus",],
    }
    wrong = [
        meets.get(frozenset({int(best), int(true)}), height[()])
        for best, true in zip(made.logits_nC[:90].argmax(1), made.class_n[:90])
        if best != true
    ]
    assert one.severity.value == pytest.approx(np.mean(wrong)) and one.severity.of == len(wrong)
    assert one.severity.low < one.severity.value < one.severity.high  # type: ignore[operator]


def test_where_all_is_right_there_is_no_severity(registry: Registry, tmp_path: Path, birds_csv: Path) -> None:
    made = Made(tmp_path)
    names = [SPECIES[c] for c in made.logits_nC.argmax(1)]
    made.labels.write_text("\n".join(["path,label", *(f"{i}.jpg,{name}" for i, name in enumerate(names))]))
    [one] = made.evaluated(registry, birds_csv).texts
    assert one.top1.value == 1 and one.top1.low < 1  # type: ignore[operator]
    assert (one.severity.value, one.severity.of) == (None, 0)


def test_an_answer_above_the_class_is_wrong_but_near(registry: Registry, tmp_path: Path, birds_csv: Path) -> None:
    """The head `hedge` answers a taxon that is certain enough: few answers are the class, and none is far off."""
    made = Made(tmp_path)
    made.class_n[:90] = made.logits_nC[:90].argmax(1)
    labels = [f"{i}.jpg,{SPECIES[c]}" for i, c in enumerate(made.class_n[:90])]
    made.labels.write_text("\n".join(["path,label", *labels]))
    [flat] = made.evaluated(registry, birds_csv).texts
    [hedged] = made.evaluated(registry, birds_csv, head="hedge:threshold=0.99").texts
    assert flat.top1.value == 1 and hedged.top1.value < 1  # type: ignore[operator]
    assert hedged.ranks == flat.ranks and hedged.severity.value > 0  # type: ignore[operator]


def test_an_answer_above_the_class_is_measured_as_the_one_node_that_it_is(
    registry: Registry, tmp_path: Path, birds_csv: Path
) -> None:
    """Its share is that of its clade, so it is right where it contains the class; and no further node has a distance."""
    made = Made(tmp_path)
    [hedged] = made.evaluated(registry, birds_csv, head="hedge:threshold=0.9").texts
    taxonomy = TableReader().read(birds_csv)
    classes = [taxonomy.class_taxon(c).name for c in range(6)]
    logits_nC = made.logits_nC[:90][:, [SPECIES.index(name) for name in classes]]
    share_nC = np.exp(logits_nC) / np.exp(logits_nC).sum(1, keepdims=True)
    truth = [classes.index(SPECIES[c]) for c in made.class_n[:90]]
    right = []
    for share_C, true in zip(share_nC, truth):
        spans = list(zip(taxonomy.leaf_start_N.tolist(), taxonomy.leaf_stop_N.tolist()))
        enough = [(start, stop) for start, stop in spans if share_C[start:stop].sum() >= 0.9]
        start, stop = min(enough, key=lambda span: (span[1] - span[0], -share_C[span[0] : span[1]].sum()))
        right.append(start <= true < stop)
    assert hedged.top1.value < np.mean(right)  # type: ignore[operator]
    assert sum(point.value * point.of for point in hedged.reliability) == pytest.approx(sum(right))
    assert list(hedged.distances) == ["distance of the top 1"]


def test_a_genus_that_is_a_class_is_answered_by_either_of_its_nodes(birds_csv: Path) -> None:
    taxonomy = TableReader().read(birds_csv)
    names = [taxonomy.class_taxon(c).name for c in range(6)]
    oak = names.index("Quercus")
    leaf = int(taxonomy.leaf_node_C[oak])
    genus = taxonomy.owner(leaf)
    robur = int(taxonomy.leaf_node_C[names.index("Quercus robur")])
    best_nk = np.array([[leaf, -1], [genus, robur], [robur, genus], [0, -1], [-1, -1]])
    found = compare_with_truth(ImagePredictions(best_nk, {}), np.full(5, genus), taxonomy)
    assert found.right_n.tolist() == [1, 1, 0, 0, 0] and found.among_n.tolist() == [1, 1, 1, 0, 0]
    assert found.height_n.tolist() == [0, 0, 1, 7, 7]  # no answer is as far off as the root
    assert genus != leaf


def test_texts_are_compared_on_images_that_are_embedded_once(
    registry: Registry, tiny_model: str, tmp_path: Path, birds_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("Parus_major", "Turdus_merula", "Emys_orbicularis"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(3):
            picture(number + len(name)).save(tmp_path / "photos" / name / f"{number}.png")
    (tmp_path / "photos" / "Parus_major" / "broken.png").write_bytes(b"no image")
    calls = []
    whole = labelled_images.embed_labelled_images
    monkeypatch.setattr(
        "bioclip_x.evaluation.evaluate.embed_labelled_images",
        lambda *of: calls.append(1) or whole(*of),  # type: ignore[func-returns-value]
    )
    recipes = [
        resolve_recipe(registry, flags={"model": tiny_model, "taxonomy": birds_csv, "text": (text,)})
        for text in ("taxonomic", "shared-random:pairs=2", "common")
    ]
    found = evaluate(registry, recipes, ImageFolder(path=tmp_path / "photos"), "photos", seeds=3)
    assert len(calls) == 1 and found.pictures == 9
    assert [one.text for one in found.texts] == ["taxonomic", "shared-random:pairs=2", "common"]
    assert any("1 image cannot be used, skipped" in note for note in found.notes)
    names, random, common = found.texts
    assert names.difference is None and names.seeds == common.seeds == () and random.seeds == (0, 1, 2)
    each = [
        evaluate(registry, [run], ImageFolder(path=tmp_path / "photos"), "photos", seeds=1).texts[0]
        for run in make_seeded_run(registry, recipes[1], 3).recipes
    ]
    assert random.top1.value == pytest.approx(np.mean([one.top1.value for one in each]))
    assert random.top1.sd == pytest.approx(np.std([one.top1.value for one in each], ddof=1))
    assert random.severity.sd == pytest.approx(np.std([one.severity.value for one in each], ddof=1))
    assert random.difference and names.top1.value is not None
    assert random.difference.value == pytest.approx(random.top1.value - names.top1.value)  # type: ignore[operator]
    assert common.top1.sd is None and common.difference and common.difference.sd is None


def test_seeds_begin_with_the_texts_own(registry: Registry) -> None:
    def recipe(text: list[str]) -> Recipe:
        return resolve_recipe(registry, flags={"text": text})

    def run(text: list[str]) -> Any:
        return make_seeded_run(registry, recipe(text), 3)

    assert run(["taxonomic"]).recipes == (recipe(["taxonomic"]),) and run(["taxonomic"]).seeds == ()
    assert run(["common", "random-words:seed=4"]).seeds == (4, 5, 6)
    assert [str(one.text[1]) for one in run(["common", "random-words:seed=4"]).recipes] == [
        f"random-words:seed={seed}" for seed in (4, 5, 6)
    ]
    both = run(["random-words", "random-characters:seed=2"])
    assert both.text == "random-words, random-characters:seed=2"
    assert [one.text[1].options["seed"] for one in both.recipes] == [2, 3, 4]


def test_what_cannot_be_evaluated(registry: Registry, tmp_path: Path, birds_csv: Path) -> None:
    made = Made(tmp_path)
    scorer = {"name": "external", "file": str(made.scores), "kind": "logits"}
    recipes = [
        resolve_recipe(registry, flags={"taxonomy": birds_csv, "scorer": scorer, "text": text})
        for text in ("common", "taxonomic")
    ]
    with pytest.raises(EvaluationError, match="the scorer 'external' does not use texts"):
        evaluate(registry, recipes, Manifest(path=made.labels), "made")
    made.labels.write_text("path,label\n0.jpg,Sitta europaea\n")
    with pytest.raises(EvaluationError, match=r"made has no usable image of a listed class; .*1 image of unlisted"):
        evaluate(registry, recipes[:1], Manifest(path=made.labels, off_list="keep"), "made")
