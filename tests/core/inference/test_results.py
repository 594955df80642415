"""Classifier in one call: results as lists, tables, reports and HTML; threads; pickling."""

from __future__ import annotations

import csv
import json
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from bioclip_x import Classifier, Recipe, Taxonomy
from bioclip_x.errors import BioclipXError, RecipeError
from bioclip_x.hooks.registry import Registry, create_registry
from bioclip_x.inference.results import Results
from bioclip_x.records import Result
from helpers import picture

HEAD = """
from bioclip_x.plugin import ComponentSpec, hookimpl
from bioclip_x_plugins.heads.flat import Flat


class Mine(Flat):
    pass


@hookimpl
def heads():
    return [ComponentSpec("mine", "mine", f"{__name__}:Mine")]
"""


def names(results: Results | list[Result]) -> list[tuple[str, str, float]]:
    return [
        (one.source, one.predictions[0].taxon.name, pytest.approx(one.predictions[0].probability, abs=1e-5))
        for one in results
    ]


def test_a_plugin_a_recipe_file_a_recipe_or_none(
    tiny_model: str, birds_csv: Path, pictures: Path, tmp_path: Path
) -> None:
    by_plugin = Classifier.from_recipe("rollup", model=tiny_model, taxonomy=birds_csv)
    assert by_plugin.recipe.plugins == ("rollup",)
    file = tmp_path / "recipe.yaml"
    file.write_text(f"model: '{tiny_model}'\ntaxonomy: {birds_csv.name}\nplugins: [rollup]\n", "utf-8")
    by_file = Classifier.from_recipe(file, k=2)
    assert by_file.recipe.k == 2 and by_file.recipe.head == by_plugin.recipe.head
    by_recipe = Classifier.from_recipe(by_plugin.recipe, k=2)
    assert by_recipe.recipe == by_plugin.recipe.model_copy(update={"k": 2})
    by_none = Classifier.from_recipe(model=tiny_model, taxonomy=birds_csv)
    assert by_none.recipe.plugins == ()
    assert names(by_plugin(pictures)) == names(by_file(pictures)) == names(by_recipe(pictures))
    labels = Classifier.from_recipe(by_plugin.recipe, labels="red fox,gray wolf")
    assert labels.recipe.labels == ("red fox", "gray wolf") and labels.recipe.taxonomy is None
    with pytest.raises(RecipeError, match="flavour"):
        Classifier.from_recipe(by_plugin.recipe, flavour="sour")


def test_results_are_a_list(tiny_model: str, birds_csv: Path, pictures: Path) -> None:
    classifier = Classifier(tiny_model, taxonomy=birds_csv)
    results = classifier([*sorted(pictures.glob("*.*")), b"no image"])
    assert len(results) == 3 and names(results[:2]) == names(list(classifier.classify(sorted(pictures.glob("*.*")))))
    assert results[-1].error and isinstance(results[1:], Results) and isinstance(results[0], Result)
    assert results[0].thumbnail and not classifier(pictures, thumbnails=False)[0].thumbnail


def test_one_line_tells_what_it_is(tiny_model: str, birds_csv: Path, pictures: Path) -> None:
    classifier = Classifier(tiny_model, taxonomy=birds_csv)
    results = classifier([pictures / "a.png", b"no image"])
    best = results[0].predictions[0]
    assert best.explanation is None if hasattr(best, "explanation") else True
    assert "6 classes of" in repr(classifier) and tiny_model in repr(classifier) and "head=flat" in repr(classifier)
    assert repr(results) == f"Results(1 named, 1 failed; {tiny_model})"
    assert repr(best) == f"Prediction({best.taxon.name}, {best.taxon.rank}, {best.probability:.3f})"
    assert best.taxon.name in repr(results[0]) and "a.png" in repr(results[0])
    assert "error: " in repr(results[1])
    why = results[0].explanation
    assert why is not None and repr(why).startswith(f"Explanation({why.winner} over {why.runner_up}: margin ")
    assert "birds.csv" in repr(classifier.taxonomy) and "6 classes" in repr(classifier.taxonomy)
    for one in (classifier, results, *results, best, why, classifier.taxonomy):
        assert "\n" not in repr(one) and len(repr(one)) < 400


def test_tables_are_those_of_the_reports(tiny_model: str, birds_csv: Path, pictures: Path, tmp_path: Path) -> None:
    results = Classifier(tiny_model, taxonomy=birds_csv, k=2)([pictures / "a.png", b"no image"])
    results.write(tmp_path / "names.csv")
    with (tmp_path / "names.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    table = results.to_arrow()
    assert table.column_names == list(rows[0]) and table.num_rows == len(rows) == 3
    assert [value or "" for value in table["name"].to_pylist()] == [row["name"] for row in rows]
    assert b"bioclip_x.provenance" in table.schema.metadata
    pandas = pytest.importorskip("pandas")
    frame = results.to_frame()
    assert isinstance(frame, pandas.DataFrame) and list(frame.columns) == list(rows[0])
    assert frame["score"].tolist()[:2] == [one.probability for one in results[0].predictions]


def test_missing_pandas_is_named(tiny_model: str, birds_csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = Classifier(tiny_model, taxonomy=birds_csv)([picture(0)])
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(BioclipXError, match="pip install pandas"):
        results.to_frame()


def test_reports_are_written_from_python(tiny_model: str, birds_csv: Path, pictures: Path, tmp_path: Path) -> None:
    classifier = Classifier(tiny_model, taxonomy=birds_csv)
    results = classifier(pictures)
    results.write(tmp_path / "page.html")
    assert "data:image/jpeg" in (tmp_path / "page.html").read_text("utf-8")
    results.write(tmp_path / "names", format="jsonl")
    lines = [json.loads(line) for line in (tmp_path / "names").read_text("utf-8").splitlines()]
    assert [line["source"] for line in lines[1:]] == [one.source for one in results]
    failed = classifier.write([pictures / "a.png", b"no image"], tmp_path / "a.csv", tmp_path / "a.html")
    assert failed == 1 and (tmp_path / "a.csv").exists()
    assert "data:image/jpeg" in (tmp_path / "a.html").read_text("utf-8")
    with pytest.raises(RecipeError, match=r"there is no report for \.xyz"):
        results.write(tmp_path / "names.xyz")


def test_html_for_notebooks_is_escaped_and_keeps_the_place(tiny_model: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Canon"
    picture(0).save(tmp_path / "<b>&.jpg", exif=exif)
    results = Classifier(tiny_model, labels=("<script>fox</script>", "wolf"))(tmp_path / "<b>&.jpg")
    assert results[0].metadata == {"camera_make": "Canon"}
    html = results._repr_html_()
    assert html == results[0]._repr_html_() and "data:image/jpeg;base64," in html and "<details>" in html
    assert "<script>" not in html and "<b>&." not in html and "&lt;script&gt;fox" in html and "Canon" not in html
    why = results[0].explanation
    assert why is not None and why._repr_html_() in html and "&lt;script&gt;" in why._repr_html_()
    many = Results(results.results * 25, results.provenance, results.registry)
    assert "… and 5 more" in many._repr_html_()


def test_threads_share_a_classifier(tiny_model: str, birds_csv: Path) -> None:
    classifier = Classifier(tiny_model, taxonomy=birds_csv, plugins=["rollup"], batch_size=2)
    images = [[picture(i + j) for j in range(3)] for i in range(8)]
    expected = [names(classifier(one)) for one in images]
    with ThreadPoolExecutor(4) as pool:
        assert [names(one) for one in pool.map(classifier, images)] == expected


def test_pickled_with_the_plugins_of_files_and_objects(tiny_model: str, birds_csv: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(HEAD, "utf-8")
    registry = create_registry([str(plugin)])
    own = registry.make("heads", "mine")
    classifier = Classifier(tiny_model, registry=registry, taxonomy=birds_csv, head=own)
    image = tmp_path / "a.png"
    picture(0).save(image)
    results = classifier(image)
    pickled = tmp_path / "pickled"
    pickled.write_bytes(pickle.dumps((classifier, results)))
    code = (
        "import pickle, sys; from pathlib import Path\n"
        f"classifier, results = pickle.loads(Path({str(pickled)!r}).read_bytes())\n"
        f"again = classifier({str(image)!r})\n"
        "assert again[0].predictions[0].taxon == results[0].predictions[0].taxon, again\n"
        "assert abs(again[0].predictions[0].probability - results[0].predictions[0].probability) < 1e-6\n"
        "print(type(classifier.head).__name__, *classifier.registry.components('heads'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == "Mine" and "mine" in done.stdout.split()


def test_records_are_pickled(tiny_model: str, birds_csv: Path) -> None:
    classifier = Classifier(tiny_model, taxonomy=birds_csv)
    results = classifier([picture(0)])

    def again(value: object) -> object:
        return pickle.loads(pickle.dumps(value))

    assert again(classifier.recipe) == classifier.recipe and isinstance(classifier.recipe, Recipe)
    assert again(results[0]) == results[0] and again(results[0].explanation) == results[0].explanation
    tree = again(classifier.taxonomy)
    assert isinstance(tree, Taxonomy) and list(tree.names) == list(classifier.taxonomy.names)
    registry = again(classifier.registry)
    assert isinstance(registry, Registry) and registry.plugins == classifier.registry.plugins
    assert registry.distributions.keys() == classifier.registry.distributions.keys()
    for kind in ("heads", "reports", "text_builders"):
        assert registry.in_order(kind) == classifier.registry.in_order(kind)
    given = Classifier(tiny_model, taxonomy=classifier.taxonomy)
    restored = again(given)
    assert isinstance(restored, Classifier) and names(restored([picture(0)])) == names(results)
