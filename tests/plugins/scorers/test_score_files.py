"""Formats of score files, and errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from bioclip_x.errors import ScoresError
from bioclip_x_plugins.scorers.score_files import read_scores

WIDE = "file_name,Parus major,oak\n7.jpg,0.75,0.25\n007,0.5,0.5\n"


def written(folder: Path, text: str, name: str = "s.csv") -> Path:
    (folder / name).write_text(text, "utf-8")
    return folder / name


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_wide_tables(tmp_path: Path, separator: str) -> None:
    table = read_scores(written(tmp_path, WIDE.replace(",", separator)))
    assert table.images == ("7.jpg", "007") and table.columns == ("Parus major", "oak") and not table.is_long
    assert table.values_nm.tolist() == [[0.75, 0.25], [0.5, 0.5]]


def test_decimal_commas_and_a_mark(tmp_path: Path) -> None:
    text = "\ufefffile_name;name;score\nx;a;0,9\ny;b;0,4\n"
    assert np.array_equal(
        read_scores(written(tmp_path, text)).values_nm, [[0.9, np.nan], [np.nan, 0.4]], equal_nan=True
    )
    with pytest.raises(ScoresError, match="n,a"):
        read_scores(written(tmp_path, "file_name;name;score\nx;a;n,a\n"))


def test_the_image_column_may_be_anywhere_and_row_numbers_are_ignored(tmp_path: Path) -> None:
    table = read_scores(written(tmp_path, ",a,Path,b\n0,1,x.jpg,2\n1,3,y.jpg,-inf\n"))  # as pandas writes it
    assert table.images == ("x.jpg", "y.jpg") and table.columns == ("a", "b")
    assert table.values_nm.tolist() == [[1, 2], [3, -np.inf]]


def test_long_tables(tmp_path: Path) -> None:
    table = read_scores(written(tmp_path, "image,class,score\nx,a,0.9\ny,b,0.4\nx,b,0.1\n"))
    assert (table.images, table.columns, table.is_long) == (("x", "y"), ("a", "b"), True)
    assert np.array_equal(table.values_nm, [[0.9, 0.1], [np.nan, 0.4]], equal_nan=True)


def test_an_image_without_scores_stays_in_a_long_table(tmp_path: Path) -> None:
    table = read_scores(written(tmp_path, "image,class,score\nx,a,0.9\ny,,\n"))
    assert table.images == ("x", "y") and table.columns == ("a",) and np.isnan(table.values_nm[1]).all()


def test_lists_of_predictions_are_long_tables_and_their_rank_class_is_not_a_name(tmp_path: Path) -> None:
    head = "file_name,kingdom,class,species,common_name,score\n"
    table = read_scores(written(tmp_path, head + "x,Animalia,Aves,Parus major,great tit,0.9\n"))
    assert table.columns == ("Parus major",) and table.images == ("x",)


def test_parquet_and_npz_equal_csv(tmp_path: Path) -> None:
    expected = read_scores(written(tmp_path, WIDE))
    columns = {"file_name": ["7.jpg", "007"], "Parus major": [0.75, 0.5], "oak": [0.25, 0.5]}
    parquet.write_table(pa.table(columns), tmp_path / "s.parquet")
    scores = np.array([[0.75, 0.25], [0.5, 0.5]], np.float32)
    np.savez(tmp_path / "s.npz", images=["7.jpg", "007"], classes=["Parus major", "oak"], scores=scores)
    for name in ("s.parquet", "s.npz"):
        table = read_scores(tmp_path / name)
        assert (table.images, table.columns) == (expected.images, expected.columns)
        assert np.array_equal(table.values_nm, expected.values_nm)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("file_name,a\n", "has no image"),
        ("file_name\nx\n", "has no class"),
        ("file_name,a\nx,\n", r"s.csv, row 2 \(x\): the score of 'a' is missing"),
        ("file_name,a\nx,1\ny,high\n", r"Row #3.*'high'"),
        ("file_name,a\nx,nan\n", r"s.csv, row 2 \(x\): the score of 'a' is missing"),
        ("file_name,a\nx,inf\n", "the score of 'a' is inf"),
        ("file_name,a\nx,1\nx,2\n", "has the image x more than once"),
        ("file_name,a,a\nx,1,2\n", "column a more than once"),
        ("file_name,a\nx,1,2\n", "Expected 2 columns, got 3"),
        ("image,class,score\nx,a,1\nx,a,2\n", "row 3: 'a' of x occurs twice"),
        ("image,class,score\nx,,0.5\n", "row 2: the class is missing"),
        ("image,class,score\nx,a,nan\n", "row 2: 'a' of x has the score nan"),
    ],
)
def test_errors_name_the_row(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ScoresError, match=message):
        read_scores(written(tmp_path, text))


def test_invalid_files(tmp_path: Path) -> None:
    with pytest.raises(ScoresError, match="does not exist"):
        read_scores(tmp_path / "gone.csv")
    for name in ("s.npz", "s.parquet"):
        with pytest.raises(ScoresError, match="cannot be read"):
            read_scores(written(tmp_path, "prose", name))
    np.savez(tmp_path / "odd.npz", images=["x"], classes=["a", "b"], scores=np.zeros((1, 3)))
    with pytest.raises(ScoresError, match=r"expected scores of shape \(1, 2\), got \(1, 3\)"):
        read_scores(tmp_path / "odd.npz")
    np.savez(tmp_path / "less.npz", a=np.zeros(3))
    with pytest.raises(ScoresError, match="expected the arrays images, classes and scores, got a"):
        read_scores(tmp_path / "less.npz")
    np.savez(tmp_path / "pickle.npz", images=np.array([{}], object), classes=["a"], scores=np.zeros((1, 1)))
    with pytest.raises(
        ScoresError, match=r"cannot be read: save names as arrays of text, np\.array\(names, dtype=str\)"
    ):
        read_scores(tmp_path / "pickle.npz")
    parquet.write_table(pa.table({"file_name": ["x", "y"], "a": [0.5, None]}), tmp_path / "null.parquet")
    with pytest.raises(ScoresError, match=r"row 2 \(y\): the score of 'a' is missing"):
        read_scores(tmp_path / "null.parquet")


def test_a_logit_far_below_excludes_as_minus_infinity_does(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text("image,a,b\nx.png,-3.4028235e38,1\n")
    assert read_scores(file).values_nm[0, 0] < -1e38
    file.write_text("image,a,b\nx.png,1e30,1\n")
    with pytest.raises(ScoresError, match="expected a number"):
        read_scores(file)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.array("x.png")}, "one axis"),
        ({"scores": np.ones((1, 2), complex)}, "expected the arrays"),
        ({"images": np.array(["x.png"], object)}, "arrays of text"),
        ({"images": np.array([b"\xff"])}, "UTF-8"),
        ({"images": np.array([""])}, "an image without a name"),
    ],
)
def test_arrays_that_are_no_scores(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    good = {"images": np.array(["x.png"]), "classes": np.array(["a", "b"]), "scores": np.ones((1, 2))}
    np.savez(tmp_path / "s.npz", **{**good, **arrays})
    with pytest.raises(ScoresError, match=message):
        read_scores(tmp_path / "s.npz")


def test_arrays_of_bytes_are_names(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "s.npz", images=np.array([b"x.png"]), classes=np.array([b"a"]), scores=np.asfortranarray([[2.0]])
    )
    table = read_scores(tmp_path / "s.npz")
    assert (table.images, table.columns, table.values_nm.tolist()) == (("x.png",), ("a",), [[2.0]])
