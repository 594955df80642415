"""Descriptor files: ours, and the ones Menon & Vondrick published."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.errors import DescriptorError
from bioclip_x.prompts import Descriptor, DescriptorSet, load_descriptors, write_descriptors

EMPTY = {"food101": 5, "places365": 1}
"""Classes for which the published files have nothing."""


def written(folder: Path, text: str, name: str = "d.yaml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_round_trip(tmp_path: Path) -> None:
    classes = {
        "Parus major": (Descriptor("a black head"), Descriptor("woods and gardens", "background")),
        "no: 1": (Descriptor('ends in "quotes": yes'), Descriptor("grün, 5 µm")),
        "Emys": (),
    }
    about = {"model": "m", "date": "2024-05-01T00:00:00+00:00", "tokens": {"prompt": 1}}
    path = tmp_path / "new" / "d.yaml"
    write_descriptors(path, DescriptorSet(classes, "here", "has", about))
    read = load_descriptors(path)
    assert (dict(read.classes), read.style, read.provenance, read.notes) == (classes, "has", about, ())
    assert (read.source, read.empty_classes) == (str(path), ("Emys",))
    assert [p.name for p in path.parent.iterdir()] == ["d.yaml"]


def test_a_class_without_descriptors_is_written_as_an_empty_list(tmp_path: Path) -> None:
    write_descriptors(tmp_path / "d.yaml", DescriptorSet({"Emys": ()}, ""))
    assert "Emys: []" in (tmp_path / "d.yaml").read_text("utf-8")


def test_a_class_called_format_is_a_class(tmp_path: Path) -> None:
    read = load_descriptors(written(tmp_path, '{"format": ["a sheet"], "hen": ["red comb"]}', "cbd.json"))
    assert list(read.classes) == ["format", "hen"]


def test_published_json(tmp_path: Path) -> None:
    read = load_descriptors(written(tmp_path, '{"hen": ["red comb", " two\\n legs "], "tench": []}', "cbd.json"))
    assert read.classes == {"hen": (Descriptor("red comb"), Descriptor("two legs")), "tench": ()}
    assert read.empty_classes == ("tench",)


def test_blank_and_repeated_phrases_are_noted(tmp_path: Path) -> None:
    path = written(tmp_path, '{"hen": ["red comb", "  ", "red  comb"]}', "d.json")
    read = load_descriptors(path)
    assert read.classes["hen"] == (Descriptor("red comb", times=2),)
    assert read.notes == (
        f"{path}: 'hen': skipped a blank descriptor ''", f"{path}: 'hen': skipped a repeated descriptor 'red comb'",
    )  # fmt: skip


def test_html_is_text_like_any_other(tmp_path: Path) -> None:
    phrase = "<script>alert(1)</script> & <b>red</b>"
    path = tmp_path / "d.yaml"
    write_descriptors(path, DescriptorSet({"hen": (Descriptor(phrase),)}, ""))
    assert load_descriptors(path).classes["hen"][0].phrase == phrase


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{hen: [red comb, 3]}", "'hen': expected phrases, got 3"),
        ("{hen: [red comb, null]}", "'hen': expected phrases, got None"),
        ("{hen: [red comb, [a, b]]}", r"'hen': expected phrases, got \['a', 'b'\]"),
        ("{hen: [yes]}", "'hen': expected phrases, got True"),
        ("{hen: null}", "'hen': expected a list of phrases, got nothing"),
        ("{hen: red comb}", "'hen': expected a list of phrases, got a str"),
        ("{hen: 5}", "'hen': expected a list of phrases, got a int"),
        ("{hen: {habitat: [woods]}}", "'hen' has the unknown kind habitat; known kinds are descriptor, background"),
        ("{hen: {background: woods}}", "'hen': expected a list of phrases, got a str"),
        ("{hen: [a], hen: [b]}", "line 1: not valid YAML: the key 'hen' is given twice"),
        ("[hen, tench]", "expected a mapping of classes to lists of descriptors, got a list"),
        ("", "got nothing"),
        ("{}", "got a dict"),
        ("{hen: [red", "not valid YAML"),
        ("{format: other/1, classes: {hen: [a]}}", "format 'other/1' is not known"),
        ("{format: bioclip-x/descriptors/1, classes: {}}", "'classes' holds no class"),
        ("{format: bioclip-x/descriptors/1, classes: null}", "'classes' holds no class"),
        ("hen: !!python/object/apply:os.system [ls]", "not valid YAML"),
        ("{no: [red comb]}", "expected the name of a class, got False; put it in quotes"),
        ("{1: [a], '1': [b]}", "expected the name of a class, got 1; put it in quotes"),
        (
            "{format: bioclip-x/descriptors/1, classes: {hen: [a]}, stlye: has}",
            "unknown keys stlye; known: format, .*style",
        ),
        ("{format: bioclip-x/descriptors/1, clases: {hen: [a]}}", "unknown keys clases; known: format, .*classes"),
        ("{format: bioclip-x/descriptors/1, style: has}", "no 'classes'; expected a mapping of classes"),
        ("{format: bioclip-x/descriptors/1, style: no, classes: {hen: [a]}}", "'style' must be a name, got a bool"),
        ("{format: bioclip-x/descriptors/1, provenance: me, classes: {hen: [a]}}", "'provenance' must be a mapping"),
    ],
)
def test_what_is_no_descriptor_file_names_the_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DescriptorError, match=message) as problem:
        load_descriptors(written(tmp_path, text))
    assert "d.yaml" in str(problem.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DescriptorError, match="does not exist"):
        load_descriptors(tmp_path / "missing.json")
    with pytest.raises(DescriptorError, match="is a folder"):
        load_descriptors(tmp_path)
    (tmp_path / "latin.json").write_bytes('{"hen": ["grün"]}'.encode("latin-1"))
    with pytest.raises(DescriptorError, match="line 1: not valid utf-8"):
        load_descriptors(tmp_path / "latin.json")


def test_every_published_file_loads(shared_data: Path, tmp_path: Path) -> None:
    files = sorted((shared_data / "descriptors" / "cbd").glob("*.json"))
    if not files:
        pytest.skip("shared/data has no descriptors/cbd/*.json")
    for file in files:
        read = load_descriptors(file)
        assert len(read.empty_classes) == EMPTY.get(file.stem.removeprefix("descriptors_"), 0), file.name
        again = tmp_path / f"{file.stem}.yaml"
        write_descriptors(again, read)
        assert load_descriptors(again).classes == read.classes
