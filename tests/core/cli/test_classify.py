from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bioclip_x.cli.main import main
from helpers import picture, write_video


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tiny_model: str, birds_csv: Path):  # type: ignore[no-untyped-def]
    """Runs `bioclip-x classify` on the tiny model and the birds; returns exit status, stdout and stderr."""

    def run(*arguments: object, taxonomy: bool = True) -> tuple[int, str, str]:
        given = ["--taxonomy", str(birds_csv)] if taxonomy else []
        with pytest.raises(SystemExit) as done:
            main(["classify", "--model", tiny_model, *given, *map(str, arguments)])
        out, err = capsys.readouterr()
        return int(done.value.code or 0), out, err

    return run


def test_table(run, pictures: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = run("--plugin", "rollup", pictures)
    assert code == 0
    for expected in ("a.png", "kingdom", "Animalia", "species", "not calibrated"):
        assert expected in out
    assert "have no common name" not in err


def test_csv_is_pybioclips_first(run, pictures: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = run("--format", "csv", "--k", "2", pictures)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0 and len(rows) == 6
    assert list(rows[0])[:11] == [
        "file_name", "kingdom", "phylum", "class", "order", "family", "genus", "species_epithet", "species",
        "common_name", "score",
    ]  # fmt: skip
    code, out, _ = run("--format", "csv", "--labels", "red fox,gray wolf", pictures, taxonomy=False)
    assert out.splitlines()[0].startswith("file_name,classification,score")


def test_every_output_carries_where_it_came_from(run, pictures: Path, tmp_path: Path, tiny_model: str) -> None:  # type: ignore[no-untyped-def]
    reports = [tmp_path / f"out.{suffix}" for suffix in ("csv", "json", "jsonl", "html")]
    asked = [argument for report in reports for argument in ("--report", report)]
    code, out, _ = run("--format", "jsonl", *asked, "--head", "rollup", pictures)
    assert code == 0
    told = [
        json.loads(out.splitlines()[0])["provenance"],
        json.loads((tmp_path / "out.json").read_text())["provenance"],
        json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])["provenance"],
        json.loads((tmp_path / "out.csv.provenance.json").read_text()),
    ]
    for provenance in told:
        assert provenance["model"] == tiny_model and provenance["revision"].startswith("sha256:")
        assert "birds.csv" in provenance["taxonomy"] and provenance["version"]
        assert provenance["recipe"]["head"] == "rollup"
    page = (tmp_path / "out.html").read_text()
    assert "data:image/jpeg;base64" in page and "sha256:" in page and "rollup" in page


def test_bad_images_are_rows_and_exit_status_1(run, pictures: Path) -> None:  # type: ignore[no-untyped-def]
    (pictures / "bad.png").write_text("no")
    code, out, err = run("--format", "jsonl", pictures, pictures / "gone.png")
    assert code == 1
    results = [json.loads(line) for line in out.splitlines()[1:]]
    assert [bool(r["error"]) for r in results] == [False, False, True, False, True]
    assert "2 images failed; the output has the reasons" in err


def test_names_that_could_do_harm_stay_text(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    nasty = ["<script>alert(1)</script>", 'a, "b"', "=1+1", "狐", "‮ evil", "[red]markup[/red]"]
    table = tmp_path / "nasty.csv"
    with table.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([["family", "species"], *(["F", name] for name in nasty)])
    picture().save(tmp_path / "p.png")
    report = tmp_path / "out.html"
    code, out, _ = run(
        "--taxonomy", table, "--k", 6, "--format", "csv", "--report", report, tmp_path / "p.png", taxonomy=False
    )
    assert code == 0
    assert {row["species"] for row in csv.DictReader(io.StringIO(out))} == set(nasty)
    assert "<script>alert" not in report.read_text("utf-8")
    code, out, _ = run("--taxonomy", table, "--k", 6, tmp_path / "p.png", taxonomy=False)
    assert "[red]markup[/red]" in out


def test_paths_on_stdin(run, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{pictures}/a.png\n{pictures}/b.jpg\n"))
    code, out, _ = run("--format", "jsonl", "-")
    assert code == 0 and len(out.splitlines()) == 3


def test_labels_from_a_file(run, pictures: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "labels.txt"
    file.write_text("red fox\n\ngray wolf\n")
    _, out, _ = run("--labels", file, "--format", "csv", pictures / "a.png", taxonomy=False)
    assert {row["classification"] for row in csv.DictReader(io.StringIO(out))} == {"red fox", "gray wolf"}
    code, _, err = run("--labels", " , ", pictures, taxonomy=False)
    assert code == 2 and "names nothing" in err
    code, _, err = run("--labels", tmp_path / "gone.txt", pictures, taxonomy=False)
    assert code == 2 and "gone.txt: no such file" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--report", "out.docx"], "there is no report for .docx; known: .csv"),
        (
            ["--format", "xml"],
            "no report is called 'xml'; known: camtrap-dp, csv, darwin-core, geojson, heat-maps, html, inaturalist, json, ",
        ),
        (
            ["--head", "hedgehog"],
            "no head is called 'hedgehog'; known: chils, conformal, crm, flat, hedge, rollup, top-down",
        ),
        (["--head", "rollup:size=1"], "head 'rollup' has no option 'size'; known: size_prior"),
        (["--rank", "tribe"], "no table at rank 'tribe'"),
        (["--plugin", "unicorn"], "no plugin and no module is called 'unicorn'"),
        (["--descriptors", "gone.yaml"], "gone.yaml does not exist"),
        (["--recipe", "gone.yaml"], "gone.yaml does not exist"),
        (["--bins", "bins.csv"], "--bins and --taxonomy were both given"),
    ],
)
def test_requests_that_are_wrong(run, pictures: Path, arguments: list[str], message: str) -> None:  # type: ignore[no-untyped-def]
    code, out, err = run(*arguments, pictures)
    assert (code, out) == (2, "") and message in err and err.count("\n") == 1


def test_an_empty_folder_is_a_wrong_request(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "empty").mkdir()
    code, _, err = run("--quiet", tmp_path / "empty")
    assert code == 2 and "contains no images" in err


def test_a_recipe_file_does_what_flags_do(run, pictures: Path, tmp_path: Path, birds_csv: Path) -> None:  # type: ignore[no-untyped-def]
    shutil.copy(birds_csv, tmp_path / "species.csv")
    file = tmp_path / "recipe.yaml"
    file.write_text("taxonomy: species.csv\nhead: rollup\nrank: family\nk: 1\n")
    _, by_file, _ = run("--recipe", file, "--format", "csv", pictures, taxonomy=False)
    _, by_flags, _ = run("--rank", "family", "--k", 1, "--format", "csv", pictures)
    assert [line.split(",")[:7] for line in by_file.splitlines()] == [
        line.split(",")[:7] for line in by_flags.splitlines()
    ]


def test_camera_trap_images(run, shared_data: Path) -> None:  # type: ignore[no-untyped-def]
    folder = shared_data / "speciesnet" / "test_data"
    code, out, _ = run("--format", "jsonl", folder)
    noted = {Path(r["source"]).stem: r["notes"] for r in map(json.loads, out.splitlines()[1:]) if r["notes"]}
    assert code == 0 and noted == {"african_elephants_truncated_file": ["file truncated: 86.5% read"]}
    code, out, _ = run("--format", "jsonl", "--truncated", "refuse", folder)
    failed = [r for r in map(json.loads, out.splitlines()[1:]) if r["error"]]
    assert code == 1 and [Path(r["source"]).stem for r in failed] == ["african_elephants_truncated_file"]


def test_the_suffix_of_output_is_the_format(run, pictures: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for suffix, begins in [("csv", "file_name,"), ("json", "{"), ("html", "<!doctype html>")]:
        file = tmp_path / f"out.{suffix}"
        assert run("--output", file, pictures)[0] == 0
        assert file.read_text("utf-8").lower().startswith(begins)
    assert "data:image/jpeg;base64" in (tmp_path / "out.html").read_text("utf-8")
    assert run("--output", tmp_path / "out.json", "--format", "jsonl", pictures)[0] == 0
    assert len((tmp_path / "out.json").read_text().splitlines()) == 4


def test_a_csv_on_stdout_tells_its_provenance_on_stderr(run, pictures: Path) -> None:  # type: ignore[no-untyped-def]
    _, _, err = run("--format", "csv", pictures)
    told = json.loads(next(line for line in err.splitlines() if line.startswith("provenance: "))[12:])
    assert told["recipe"]["text"] == ["taxonomic"] and told["version"]
    assert run("--format", "csv", "--quiet", pictures)[2] == ""


def test_the_table_tells_the_whole_recipe(run, pictures: Path) -> None:  # type: ignore[no-untyped-def]
    _, out, _ = run(pictures)
    told = " ".join(out.split())
    assert "bioclip-x 0." in told and "pooling: mean" in told and "head: flat" in told


def test_a_reader_who_leaves_early(tmp_path: Path, tiny_model: str, birds_csv: Path) -> None:
    """`| head -1`: exit status 141 by itself; a report to a file is finished all the same."""
    for i in range(80):
        picture(i, (8, 8)).save(tmp_path / f"{i:02}.png")
    command = [sys.executable, "-m", "bioclip_x", "classify", "--model", tiny_model, "--taxonomy", str(birds_csv)]
    command += ["--batch-size", "4", "--format", "jsonl", str(tmp_path)]
    for extra, status, lines in [([], 141, None), (["--report", str(tmp_path / "out.jsonl")], 0, 81)]:
        process = subprocess.Popen([*command, *extra], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
        process.stderr.close()
        assert process.wait() == status, errors
        assert "Traceback" not in errors and "BrokenPipe" not in errors
        if lines:
            assert len((tmp_path / "out.jsonl").read_text().splitlines()) == lines


def test_parquet_by_suffix_and_name(run, pictures: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    written = [tmp_path / name for name in ("a.parquet", "b.pq", "c.data", "d.parquet")]
    asked = ["--output", written[0], "--report", written[1], "--report", written[3], pictures]
    assert run(*asked)[0] == run("--format", "parquet", "--output", written[2], pictures)[0] == 0
    tables = [pq.read_table(file) for file in written]
    assert all(table.equals(tables[0]) for table in tables)
    _, out, _ = run("--format", "csv", pictures)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert tables[0].column_names == list(rows[0]) and tables[0]["species"].to_pylist() == [
        row["species"] or None for row in rows
    ]


def test_a_terminal_is_spared_parquet_before_the_model_is_loaded(run, monkeypatch, pictures: Path) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    code, _, err = run("--model", "no-such-model", "--format", "parquet", pictures)
    assert code == 2 and "parquet is binary" in err


def test_bins(run, pictures: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    bins = tmp_path / "bins.csv"
    bins.write_text("label,bin\nred fox,canid\ngray wolf,canid\nbrown bear,bear\n")
    code, out, _ = run("--bins", bins, "--format", "csv", pictures, taxonomy=False)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0 and list(rows[0])[:3] == ["file_name", "classification", "score"] and len(rows) == 6
    for first, second in zip(rows[::2], rows[1::2]):
        assert {first["classification"], second["classification"]} == {"canid", "bear"}
        assert float(first["score"]) + float(second["score"]) == pytest.approx(1) and first["score"] > second["score"]
    code, _, err = run("--bins", tmp_path / "gone.csv", pictures, taxonomy=False)
    assert code == 2 and "gone.csv does not exist" in err


def test_nodes_with_several_parents_are_taken_as_asked(run, pictures: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "diamond.txt"
    file.write_text("animal pet\nanimal canine\npet dog\ncanine dog\n")
    asked = ("--taxonomy", file, "--taxonomy-format", "edge-list", "--format", "csv", "--quiet", pictures / "a.png")
    code, _, err = run(*asked, taxonomy=False)
    assert code == 2 and "dog has several parents" in err
    code, out, _ = run(*asked, "--dag", "all", taxonomy=False)
    assert code == 0 and "dog" in out


def test_every_image_and_video_is_a_row_and_the_rest_is_one_line(run, pictures: Path) -> None:  # type: ignore[no-untyped-def]
    (pictures / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42\0\0\0\0")
    (pictures / "eps.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    (pictures / "notes.txt").write_text("prose")
    (pictures / "@eaDir").mkdir()
    (pictures / "@eaDir" / "a.png").write_bytes(b"x")
    code, out, err = run("--format", "csv", pictures)
    rows = {Path(row["file_name"]).name: row["error"] for row in csv.DictReader(io.StringIO(out))}
    assert code == 1 and set(rows) == {"a.png", "b.jpg", "c.png", "clip.mp4", "eps.jpg"}
    assert rows["clip.mp4"] == "a video; classify its frames with --frames 1/s, or extract them as JPEG or PNG"
    assert rows["eps.jpg"].startswith("a PostScript or Illustrator file")
    assert "note: left out: 1 file that is no image (.txt 1); 1 folder @eaDir\n" in err
    assert "left out" not in run("--quiet", "--format", "csv", pictures)[2]


def test_a_table_of_images_with_notes(run, pictures: Path) -> None:  # type: ignore[no-untyped-def]
    frames = [picture(i) for i in range(3)]
    frames[0].save(pictures / "three.tif", save_all=True, append_images=frames[1:])
    (pictures / "t.csv").write_text("path\nthree.tif\na.png\n")
    code, out, _ = run("--format", "csv", "--k", 1, pictures / "t.csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0 and [Path(row["file_name"]).name for row in rows] == ["three.tif", "a.png"]
    assert [row["image_notes"] for row in rows] == ["first of 3 frames", ""]


def test_a_name_of_300_letters_is_a_row(run, pictures: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = run("--format", "jsonl", pictures / "a.png", "x" * 300 + ".jpg")
    assert code == 1 and "Traceback" not in err
    assert json.loads(out.splitlines()[2])["error"] == "cannot be read: File name too long"


def test_metadata_comes_through_to_the_outputs(run, pictures: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    table = tmp_path / "sites.tsv"
    table.write_text("file_name\tdecimalLatitude\tsite\na.png\t51.5\twood\nz.png\t1\tmoor\n", "utf-8")
    code, out, err = run("--format", "jsonl", "--metadata", table, pictures)
    found = [json.loads(line).get("metadata") for line in out.splitlines()[1:]]
    assert code == 0 and found == [{"latitude": 51.5, "site": "wood"}, {}, {}]
    assert err.count("note: sites.tsv: 2 of 3 images without a row; 1 row of no image\n") == 1
    assert "sites.tsv" not in run("--quiet", "--metadata", table, pictures)[2]
    code, _, err = run("--metadata", tmp_path / "missing.csv", pictures)
    assert code == 2 and "missing.csv: the table cannot be read: No such file" in err
    code, _, err = run("--metadata", table, "--format", "csv", "--output", table, pictures)
    assert code == 2 and "--metadata" in err


def test_frames_of_videos(run, pictures: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip("av", reason="PyAV is not installed")
    clip = write_video(pictures / "clip.mp4", [i / 10 for i in range(25)])
    (pictures / "broken.avi").write_bytes(clip.read_bytes()[:400])
    out = tmp_path / "out.csv"
    code, _, _ = run("--output", out, "--frames", "1/s", "--k", "1", pictures)
    with out.open(encoding="utf-8", newline="") as stream:
        rows = {Path(row["file_name"]).name: row for row in csv.DictReader(stream)}
    assert code == 1 and len(rows) == 7
    for seconds in ("0.0", "1.0", "2.0"):
        row = rows[f"clip.mp4#t={seconds}"]
        assert not row["error"] and json.loads(row["metadata"])["video"] == "clip.mp4"
    assert rows["broken.avi"]["error"].startswith("the video cannot be read")
    code, _, err = run("--frames", "often", pictures)
    assert code == 2 and "expected frames per second such as 1/s" in err
