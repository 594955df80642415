"""The training table: photos and their parts, figures against naive loops, the order of runs, and the committed results."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bioclip_x.taxonomy import TaxonomyBuilder

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "training_losses.json"
PAGE = ROOT / "docs" / "training-experiments.md"

Load = Callable[[str], ModuleType]
LOSSES = {
    "clip-taxonomic", "clip-scientific", "clip-common", "clip-scientific+common", "clip-taxonomic+common", "clip", "unicl",
    "siglip", "level-restricted", "himulcon", "cross-entropy", "rank-cross-entropy", "hxe-0.1", "hxe-0.5", "soft-labels-4",
    "soft-labels-15",
}  # fmt: skip
WAYS = {"slip", "lit", "ft", "lp-ft", "tuned-1", "tuned-2", "tuned-3", "uniform-soup", "greedy-soup"}


def make_data(folder: Path) -> None:
    """Two tiny data sets in the layout of the real ones: species of one and of two classes, and an order."""
    species = [f"Genus{g} species{g}" for g in range(8)]
    lineages = [("Plantae", "P", "C", "O", "F", name.split()[0], name) for name in species]
    classes = [(f"Class-{i}", lineage) for i, lineage in enumerate(lineages)]
    classes += [("Apple-1", apple := ("Plantae", "P", "C", "O", "F", "Malus", "Malus domestica")), ("Apple-2", apple)]
    animals = [("order of animals", ("Animalia", "P2", "C2", "O2", "", "", ""))]
    for name, listed in (("grocery_produce", classes), ("tinyimagenet_bio", animals)):
        write_set(folder / name, listed)


def write_set(folder: Path, classes: list[tuple[str, tuple[str, ...]]]) -> None:
    (folder / "images").mkdir(parents=True)
    with (folder / "classes.csv").open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(("class_id", "class_name", "kingdom", "phylum", "cls", "order", "family", "genus", "species"))
        writer.writerows((i, name, *lineage) for i, (name, lineage) in enumerate(classes))
    with (folder / "labels.csv").open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(("split", "file", "class_id"))
        for i in range(len(classes)):
            for split, number in (("train", 3), ("test", 2)):
                for k in range(number):
                    file = f"{split}-{i}-{k}.png"
                    Image.new("RGB", (50 + k, 60), (i, k, 0)).save(folder / "images" / file)
                    writer.writerow((split, file, i))


def test_photos_are_labelled_by_species_and_every_fourth_is_left_out(load: Load, tmp_path: Path) -> None:
    photos = load("training_table.photos")
    make_data(tmp_path)
    counts = photos.prepare(tmp_path, tmp_path / "prepared")
    assert counts["grocery_produce"]["left_out"] == ["Genus3 species3", "Genus7 species7"]
    assert counts["tinyimagenet_bio"]["left_out"] == []
    listed = photos.read_photos(tmp_path / "prepared")
    apples = [photo for photo in listed if photo.label == "Malus domestica"]
    assert len(apples) == 10 and {photo.part for photo in apples} == {"train", "validate", "test"} - (
        set() if any(photo.part == "validate" for photo in apples) else {"validate"}
    )
    assert {photo.part for photo in listed if photo.label == "Genus3 species3"} == {"support", "query"}
    assert {photo.label for photo in listed if photo.dataset == "tinyimagenet_bio"} == {"O2"}
    pixels = np.load(tmp_path / "prepared" / "photos.npy")
    assert pixels.shape == (len(listed), photos.SIDE, photos.SIDE, 3)
    for photo, pixels_HW3 in zip(listed, pixels):
        _, i, k = Path(photo.path).stem.split("-")
        assert (pixels_HW3 == (int(i), int(k), 0)).all()
    table = (tmp_path / "prepared" / "taxonomy.csv").read_text().splitlines()
    assert "Plantae,P,C,O,F,Malus,Malus domestica,apple" in table and "Animalia,P2,C2,O2,,,,order of animals" in table
    assert not any("species3" in line for line in table)


def test_species_of_several_classes_need_a_name(load: Load, tmp_path: Path) -> None:
    lineage = ("Plantae", "P", "C", "O", "F", "Genus", "Genus species")
    write_set(tmp_path / "set", [("One", lineage), ("Two", lineage)])
    with pytest.raises(KeyError):
        load("training_table.photos").read_taxa(tmp_path / "set" / "classes.csv")


def test_figures_of_names_equal_a_loop_over_lineages(load: Load) -> None:
    judge = load("training_table.judge")
    lineages = [
        ("Animalia", "Chordata", "Aves", "Passeriformes", "Paridae", "Parus", "Parus major"),
        ("Animalia", "Chordata", "Aves", "Passeriformes", "Paridae", "Parus", "Parus minor"),
        ("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", "Pica", "Pica pica"),
        ("Plantae", "Tracheophyta", "Liliopsida", "Poales", "Poaceae", "Poa", "Poa annua"),
    ]
    builder = TaxonomyBuilder()
    for lineage in lineages:
        builder.add_lineage(list(zip(load("training_table.photos").RANKS, lineage)))
    taxonomy = builder.build()
    place = {taxonomy.class_taxon(c).name: c for c in range(4)}
    order = [place[one[-1]] for one in lineages]
    pairs = [(0, 0), (1, 0), (2, 0), (3, 0), (3, 3)]
    figures = judge.measure_names(*(np.array([order[pair[i]] for pair in pairs]) for i in (0, 1)), taxonomy)
    same = {
        rank: [lineages[a][at] == lineages[b][at] for a, b in pairs]
        for rank, at in (("species", 6), ("genus", 5), ("family", 4))
    }
    assert {name: figures[name] for name in same} == {name: np.mean(right) for name, right in same.items()}
    assert figures["top1"] == 2 / 5
    # The common taxon of a mistake: genus (height 1), order (3), and the root of all (7).
    assert figures["severity"] == pytest.approx((1 + 3 + 7) / 3)


def test_few_shot_is_the_nearest_of_centred_centroids(load: Load) -> None:
    judge = load("training_table.judge")
    rng = np.random.default_rng(1)
    # Two species apart in the second dimension, under a large common offset that only centring removes.
    labels = ["a"] * 20 + ["b"] * 20 + ["trained"] * 30
    features = rng.normal(0, 0.05, (70, 3)) + np.array([10, 0, 0])
    features[:20, 1] += 1
    features[20:40, 1] -= 1
    parts = np.array((["support"] * 10 + ["query"] * 10) * 2 + ["train"] * 30)
    figures = judge.measure_few_shot(labels, parts, features.astype(np.float32), np.ones(70, bool))
    assert figures == {"1-shot": 1.0, "5-shot": 1.0}
    swapped = [*labels[:10], *labels[20:30], *labels[20:30], *labels[10:20], *labels[40:]]
    figures = judge.measure_few_shot(swapped, parts, features.astype(np.float32), np.ones(70, bool))
    assert figures == {"1-shot": 0.0, "5-shot": 0.0}


def test_the_nearest_mean_names_photos(load: Load) -> None:
    judge = load("training_table.judge")
    features = judge.normalise(np.array([[1, 0], [1, 0.2], [0, 1], [0.9, 0.3], [0.2, 1]], np.float32))
    named = judge.name_by_nearest_mean(features, np.array([4, 4, 7, -1, -1]), np.array([True] * 3 + [False] * 2))
    assert named.tolist() == [4, 4, 7, 4, 7]


def test_pairs_have_students_interval(load: Load) -> None:
    stats = pytest.importorskip("scipy.stats")
    summary = load("training_table.summary")
    first, second = [0.5, 0.6, 0.8], [0.4, 0.3, 0.5]
    found = summary.pair(first, second)
    low, high = stats.ttest_rel(first, second).confidence_interval(0.95)
    assert found["interval95"] == pytest.approx([low, high], rel=1e-3)
    assert found["mean"] == pytest.approx(0.7 / 3) and found["verdict"] == "open" and found["seeds"] == 3
    assert summary.pair([1.0, 1.1, 1.2], [0.0, 0.1, 0.1])["verdict"] == "holds"
    assert summary.pair([0.0, 0.1, 0.1], [1.0, 1.1, 1.2])["verdict"] == "reversed"
    assert all(summary.T975[n] == pytest.approx(stats.t.ppf(0.975, n), abs=5e-4) for n in summary.T975)


def test_every_loss_is_trained_for_the_same_steps_on_the_same_photos(load: Load) -> None:
    rows = load("training_table.rows")
    assert set(rows.LOSSES) == LOSSES and set(rows.ROWS) == LOSSES | WAYS
    common: dict[str, Any] = {}
    for name, row in rows.LOSSES.items():
        config = rows.make_config(row, 1, Path("d"), Path("f"), Path("o"), epochs=4, steps=60, start=None)
        for field in (
            "data",
            "augment",
            "epochs",
            "batch_size",
            "learning_rate",
            "warmup_steps",
            "weight_decay",
            "seed",
        ):
            assert common.setdefault(field, config[field]) == config[field], (name, field)
        assert config["model"]["vision_cfg"] == rows.IMAGE_TOWER


def test_the_head_is_trained_first_for_half_of_the_steps(load: Load) -> None:
    rows = load("training_table.rows")
    configs = {
        name: rows.make_config(
            rows.ROWS[name], 1, Path("d"), Path("f"), Path("o"), epochs=rows.EPOCHS, steps=60, start=Path("m")
        )
        for name in ("ft", "lp-ft", "tuned-1", "tuned-2")
    }
    assert (configs["ft"]["probe_steps"], configs["lp-ft"]["probe_steps"]) == (0, 60)
    assert {config["model"] for config in configs.values()} == {"local-dir:m"}
    assert configs["tuned-1"]["seed"] != configs["tuned-2"]["seed"]


class FakeProcess:
    """A run that ends at once."""

    def __init__(self, exitcode: int) -> None:
        self.exitcode = exitcode

    def is_alive(self) -> bool:
        return False


def test_runs_wait_for_those_they_start_from_and_a_table_goes_on(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = load("training_table.runs")
    table = runs.Table(
        Path("data"),
        tmp_path,
        4,
        {name: {"train": {"photos": 960}} for name in ("grocery_produce", "tinyimagenet_bio")},
    )
    jobs = [runs.Job(row, 0) for row in ("uniform-soup", "tuned-1", "tuned-2", "tuned-3", "lit", "unicl", "clip")]
    started: list[str] = []
    failing = {"tuned-2"}

    def start(table: Any, job: Any) -> FakeProcess:
        started.append(job.row)
        if job.row in failing:
            return FakeProcess(1)
        line = {"row": job.row, "seed": job.seed, "identity": table.identify(job)}
        with (tmp_path / runs.JOURNAL).open("a") as handle:
            handle.write(json.dumps(line) + "\n")
        return FakeProcess(0)

    monkeypatch.setattr(runs, "_start", start)
    monkeypatch.setattr(runs.time, "sleep", lambda seconds: None)
    failed = runs.run_all(table, jobs, 2, tell=lambda text: None)
    assert started.index("clip") < min(started.index(name) for name in ("tuned-1", "tuned-2", "tuned-3", "lit"))
    assert [job.row for job in failed] == ["tuned-2", "uniform-soup"]
    failing.clear()
    started.clear()
    assert runs.run_all(table, jobs, 2, tell=lambda text: None) == []
    assert started == ["tuned-2", "uniform-soup"]
    assert {job.row for job in table.read()} == {job.row for job in jobs}
    longer = runs.Table(table.data, tmp_path, 5, table.counts)
    assert longer.read() == {}


@pytest.fixture
def results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RESULTS.read_text("utf-8"))
    return found


def test_the_page_shows_the_results_file(load: Load, results: dict[str, Any]) -> None:
    script = load("training_losses")
    shown = PAGE.read_text("utf-8").partition(script.BEGIN)[2].partition(script.END)[0]
    assert shown.strip() == script.tables(results)


def test_the_results_are_those_of_whole_seeds_and_equal_steps(load: Load, results: dict[str, Any]) -> None:
    summary, runs = load("training_table.summary"), load("training_table.runs")
    seeds = {row: {run["seed"] for run in results["runs"] if run["row"] == row} for row in LOSSES | WAYS}
    assert all({0, 1, 2} <= found for found in seeds.values()), seeds
    assert {run["steps"] for run in results["runs"] if run["row"] in LOSSES} == {results["size"]["steps"]}
    lines = {runs.Job(run["row"], run["seed"]): run for run in results["runs"]}
    assert summary.summarise(lines) == results["table"]
    assert summary.compare(lines) == results["comparisons"]
    assert len(results["comparisons"]) == 18


def test_the_table_runs_within_ninety_minutes_on_two_cores(results: dict[str, Any]) -> None:
    assert results["size"]["cpu_minutes"] / 2 <= 90
    assert math.isclose(sum(run["cpu_seconds"] for run in results["runs"]) / 60, results["size"]["cpu_minutes"])
