"""Corrected names: a table that data sets read, written at once, kept for the next session."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("starlette")

from bioclip_x.app.labels import Label, LabelFile
from bioclip_x.app.limits import AppError
from bioclip_x.errors import BioclipXError
from core.app.conftest import DRAWINGS, MakeSession
from core.app.pages import Page

AGARIC = DRAWINGS / "amanita-muscaria.png"
LABEL = Label("Parus major", "species", "a.png", "Parus ater")


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_label_is_a_row_and_a_copy(tmp_path: Path) -> None:
    labels = LabelFile(tmp_path / "labels.csv")
    assert labels.read() == {} and not labels.path.exists()
    labels.set("d1", AGARIC, LABEL)
    [row] = read(labels.path)
    assert row == {
        "path": "labels-photos/d1.png",
        "label": "Parus major",
        "rank": "species",
        "file": "a.png",
        "predicted": "Parus ater",
    }
    assert (tmp_path / row["path"]).read_bytes() == AGARIC.read_bytes()
    labels.set("d1", AGARIC, Label("Parus", "genus", "a.png", "Parus ater"))
    assert [row["label"] for row in read(labels.path)] == ["Parus"]
    labels.remove("d1")
    assert read(labels.path) == [] and list(labels.folder.iterdir()) == []


def test_rows_and_columns_of_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("note,path,label\nold,x/y.jpg,Turdus merula\n")
    labels = LabelFile(path)
    labels.set("d1", AGARIC, LABEL)
    first, second = read(path)
    assert first["note"] == "old" and first["label"] == "Turdus merula" and second["label"] == "Parus major"
    path.write_text(path.read_text() + "by hand,z.jpg,Pica pica,,,\n")  # while the app runs
    labels.set("d2", AGARIC, LABEL)
    assert [row["label"] for row in read(path)] == ["Turdus merula", "Parus major", "Pica pica", "Parus major"]


def test_the_same_content_is_one_row_whatever_its_suffix(tmp_path: Path) -> None:
    labels = LabelFile(tmp_path / "labels.csv")
    labels.set("d1", AGARIC, LABEL)
    other = tmp_path / "other.jpeg"
    other.write_bytes(AGARIC.read_bytes())
    labels.set("d1", other, Label("Parus", "genus", "other.jpeg", "Parus ater"))
    assert [(row["path"], row["label"]) for row in read(labels.path)] == [("labels-photos/d1.png", "Parus")]
    assert [file.name for file in labels.folder.iterdir()] == ["d1.png"]


def test_contradictory_rows_become_one(tmp_path: Path) -> None:
    """As files have them that were written before rows were matched by content."""
    labels = LabelFile(tmp_path / "labels.csv")
    labels.set("d1", AGARIC, LABEL)
    with labels.path.open("a") as stream:
        stream.write("labels-photos/d1.jpeg,Pica pica,species,a.jpeg,\nx/y.jpg,Turdus merula,,,\n")
    labels.set("d1", AGARIC, Label("Parus", "genus", "a.png", ""))
    assert [row["label"] for row in read(labels.path)] == ["Parus", "Turdus merula"]
    labels.remove("d1")
    assert [row["label"] for row in read(labels.path)] == ["Turdus merula"]


def test_a_table_that_would_lose_cells_is_refused(tmp_path: Path) -> None:
    labels = LabelFile(tmp_path / "labels.csv")
    content = "path,label\nx.jpg,Pica pica,seen, too\n"
    labels.path.write_text(content)
    with pytest.raises(AppError, match=r"row 1 \('x.jpg'\) has 4"):
        labels.set("d1", AGARIC, LABEL)
    assert labels.path.read_text() == content and not labels.folder.exists()


def test_names_with_controls_stay_one_row(tmp_path: Path) -> None:
    labels = LabelFile(tmp_path / "labels.csv")
    labels.set("d1", AGARIC, Label('a,"b"\nc', "", "x\r\n\u202ey.png", ""))
    [row] = read(labels.path)
    assert row["label"] == 'a,"b"\\nc' and "\u202e" not in row["file"]


@pytest.mark.parametrize(
    ("content", "folder", "message"),
    [
        ("a,b\n1,2\n", None, "lacks path and label"),
        (
            "path,label\nx.jpg,Pica pica,seen, too\n",
            None,
            r"expected 2 cells, as in the header; row 1 \('x.jpg'\) has 4",
        ),
        ("path,label,note,note\n", None, "'note' is there twice"),
        (b"\xff\xfe\x00", None, "cannot be read"),
        (None, "/elsewhere", "below"),
    ],
)
def test_what_is_no_such_table_is_refused(
    tmp_path: Path, content: str | bytes | None, folder: str | None, message: str
) -> None:
    path = tmp_path / "labels.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BioclipXError, match=message):
        LabelFile(path, Path(folder) if folder else None)


def test_no_csv_and_no_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BioclipXError, match="CSV"):
        LabelFile(tmp_path / "labels.xlsx")
    with pytest.raises(BioclipXError, match="no folder"):
        LabelFile(tmp_path / "nowhere" / "labels.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    labels = LabelFile(tmp_path / "labels.csv")
    tmp_path.chmod(0o500)
    with pytest.raises(AppError, match="cannot be written"):
        labels.set("d1", AGARIC, LABEL)


def test_a_later_session_knows_the_photo_again(make_session: MakeSession) -> None:
    first = Page(make_session())
    first.send(AGARIC)
    answer = first.post("/api/photos/1/label", {"label": "death cap"})
    assert answer == {"label": "Amanita phalloides", "rank": "species", "is_listed": True}
    assert first.items()[0]["label"] == {"label": "Amanita phalloides", "rank": "species"}
    second = Page(make_session())
    second.send(("renamed.png", AGARIC.read_bytes()))
    assert second.items()[0]["label"]["label"] == "Amanita phalloides"
    second.post("/api/photos/1/label", {"label": ""})
    assert read(second.session.label_file.path) == []


def test_labels_of_any_rank_and_off_the_list(make_session: MakeSession) -> None:
    page = Page(make_session())
    page.send(AGARIC)
    assert page.post("/api/photos/1/label", {"label": "amanitaceae"})["rank"] == "family"
    off = page.post("/api/photos/1/label", {"label": "Canis lupus"})
    assert off == {"label": "Canis lupus", "rank": "", "is_listed": False}


def test_a_photo_with_several_regions_gets_no_label(make_session: MakeSession) -> None:
    page = Page(make_session())
    page.send(AGARIC)
    session = page.session
    page.post("/api/photos/1/label", {"label": "Amanita"})
    result, photo = session.get_result("1"), session.get_photo("1")
    for number in range(2):
        session.put_result(photo, replace(result, region_number=number, n_regions=2), None, session.loaded)
    for key in ("1", "1.1"):
        told = page.post(f"/api/photos/{key}/label", {"label": "Parus major"}, 409)["error"]
        assert "2 regions" in told and "one per photo" in told
    assert [(item["n_results"], item["label"]) for item in page.items()] == [(2, None), (2, None)]
    assert [row["label"] for row in read(session.label_file.path)] == ["Amanita"]


def test_a_photo_without_a_result_gets_no_label(make_session: MakeSession) -> None:
    page = Page(make_session())
    page.session.stop()  # nobody works
    with AGARIC.open("rb") as content:
        key = page.session.add_photo("a.png", content)
    assert "no result yet" in page.post(f"/api/photos/{key}/label", {"label": "Parus major"}, 409)["error"]


def test_evaluate_reads_the_labels(
    make_session: MakeSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Page(make_session())
    page.send(AGARIC, DRAWINGS / "aglais-io.png")
    page.post("/api/photos/1/label", {"label": "Amanita muscaria"})
    page.post("/api/photos/2/label", {"label": "Aglais urticae"})
    from bioclip_x.cli.main import main

    with pytest.raises(SystemExit) as done:
        main(["evaluate", str(page.session.label_file.path), "--plugin", "descriptors", "--format", "json", "--quiet"])
    assert done.value.code == 0
    document = json.loads(capsys.readouterr().out)
    assert document["pictures"] == 2 and document["classes"] == 2
    [texts] = document["texts"]
    assert texts["top1"]["value"] == 0.5  # one of the two names was corrected to another
