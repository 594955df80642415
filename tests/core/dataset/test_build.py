"""Whole builds: repeated, changed, interrupted at any moment, and on a full disk."""

from __future__ import annotations

import hashlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.errors import BioclipXError, DatasetError
from data_set_builds import (
    SPECIES,
    TAXA,
    build,
    draw,
    find_times,
    hash_outputs,
    lay_source,
    read_catalogue,
    write_config,
    write_rows,
)

pytest.importorskip("duckdb", reason="needs the extra dataset")
pytest.importorskip("imagehash", reason="needs the extra dataset")

ALWAYS = (
    "counts.json", "catalogue.parquet", "taxonomy.csv", "lock", "sources.json", "samples.parquet", "failed.parquet",
    "captions.parquet", "inputs.json", "README.md", "card.html", "train.yaml",
)  # fmt: skip
"""Files that each run writes, from tables that it keeps."""


def list_redone(before: dict[str, int], after: dict[str, int], skip: tuple[str, ...] = ALWAYS) -> set[str]:
    """The stages, and the tar files, that hold a file that was written again."""
    changed = [name for name, at in after.items() if before.get(name) != at and not name.endswith(skip)]
    return {name.split("/")[1] if name.startswith("work/") else name.split("/")[0] for name in changed}


def test_every_row_has_one_outcome(tmp_path: Path) -> None:
    rows = lay_source(tmp_path, 20)
    (tmp_path / "park/cut.jpg").write_bytes((tmp_path / "park/001.jpg").read_bytes()[:300])
    (tmp_path / "rare.txt").write_text("# rare\nTurdus merula\n")
    write_rows(
        tmp_path / "park.jsonl",
        [
            *rows,
            rows[0] | {"source_id": "copy"},
            rows[0],
            rows[1] | {"source_id": "cut", "image": "park/cut.jpg"},
            rows[1] | {"source_id": "gone", "image": "park/gone.jpg"},
            rows[1] | {"source_id": "reserved", "licence": "© Jo Doe"},
            rows[1] | {"source_id": "lost", "name": "Nonesuch alba"},
            rows[1] | {"source_id": "blank", "image": ""},
        ],
    )
    counts, _ = build(write_config(tmp_path, held_out={"species": "rare.txt"}))
    assert counts["images"] == 27 == sum(counts["outcomes"].values())
    assert counts["outcomes"] == {
        "used": 15, "duplicate": 1, "held out": 5, "unreadable": 2, "unlicensed": 1, "unnamed": 1, "repeated": 1,
        "incomplete": 1,
    }  # fmt: skip
    of = read_catalogue(tmp_path / "out")
    assert of["copy"]["duplicate_of"] == of["000"]["id"] and of["gone"]["reason"] == "no such file"
    assert of["reserved"]["reason"] == "all rights reserved" and of["blank"]["reason"] == "the row names no image"


def test_the_second_run_does_nothing(tmp_path: Path) -> None:
    lay_source(tmp_path, 20)
    file = write_config(tmp_path)
    first, _ = build(file)
    before, digests = find_times(tmp_path / "out"), hash_outputs(tmp_path / "out")
    second, notes = build(file)
    assert second == first and not notes
    assert hash_outputs(tmp_path / "out") == digests
    assert list_redone(before, find_times(tmp_path / "out")) == set()


@pytest.mark.parametrize(
    ("changes", "redone"),
    [
        ({"licences.allow": ["CC-BY"]}, {"plan", "duplicates", "decided"}),
        ({"seed": 1}, {"decided", "shards"}),
        ({"images.quality": 50}, {"shards"}),
        ({"names.least": "full"}, {"plan", "duplicates", "decided"}),
        ({"duplicates.perceptual": 2}, {"duplicates", "decided"}),
        ({"title": "Park"}, set()),
        ({"memory": "1GB"}, set()),
        ({"workers": 1}, set()),
    ],
)
def test_a_change_redoes_only_what_depends_on_it(tmp_path: Path, changes: dict[str, Any], redone: set[str]) -> None:
    lay_source(tmp_path, 12)
    file = write_config(tmp_path)
    build(file)
    before = find_times(tmp_path / "out")
    build(file, **changes)
    after = list_redone(before, find_times(tmp_path / "out"))
    assert not {"rows", "images", "given", "names"} & after
    assert redone <= after | {"duplicates"} and after <= redone | {"duplicates", "samples"}
    fresh = tmp_path / "fresh"
    build(file, output=str(fresh), **changes)
    assert hash_outputs(fresh) == hash_outputs(tmp_path / "out")


def test_a_changed_taxonomy_redoes_the_names_and_no_image(tmp_path: Path) -> None:
    lay_source(tmp_path, 12)
    file = write_config(tmp_path)
    build(file)
    before = find_times(tmp_path / "out")
    (tmp_path / "taxa.csv").write_text(TAXA.replace("Paridae,Parus,", "Titidae,Parus,"))
    _, notes = build(file)
    redone = list_redone(before, find_times(tmp_path / "out"))
    assert "names" in redone and not {"rows", "images", "given"} & redone and notes
    assert read_catalogue(tmp_path / "out")["000"]["family"] == "Titidae"


def test_added_images_are_all_that_is_read(tmp_path: Path) -> None:
    rows = lay_source(tmp_path, 12)
    more = lay_source(tmp_path, 5, "lake", first=100)
    file = write_config(tmp_path)
    build(file)
    before = find_times(tmp_path / "out")
    sources = [{"name": "listed", "path": f"{name}.jsonl", "as": name} for name in ("park", "lake")]
    file = write_config(tmp_path, sources=sources)
    build(file)
    after = find_times(tmp_path / "out")
    kept = [name for name in before if name.startswith(("work/rows/000/rows", "work/images/000/images"))]
    assert kept and all(before[name] == after[name] for name in kept)
    of = read_catalogue(tmp_path / "out")
    assert len(of) == len(rows) + len(more) and of["100"]["source"] == "lake"
    build(file, output=str(tmp_path / "fresh"))
    assert hash_outputs(tmp_path / "fresh") == hash_outputs(tmp_path / "out")


def test_of_two_equal_images_the_one_of_the_first_source_is_kept_however_the_order_changes(tmp_path: Path) -> None:
    lay_source(tmp_path, 8)
    lay_source(tmp_path, 8, "lake")
    park, lake = ({"name": "listed", "path": f"{name}.jsonl", "as": name} for name in ("park", "lake"))
    for number, order in enumerate(([park, lake], [lake, park])):
        file = write_config(tmp_path, sources=order, duplicates={"pictures": 0})
        counts, _ = build(file)
        used = {(one["source"], one["images"]) for one in counts["by_source"] if one["outcome"] == "used"}
        assert used == {("park" if number == 0 else "lake", 8)}
    build(file, output="fresh")
    assert hash_outputs(tmp_path / "fresh") == hash_outputs(tmp_path / "out")


@pytest.mark.parametrize("names", [("garden", "lake"), ("lake", "park")])
def test_sources_may_be_renamed_even_to_one_anothers_names(tmp_path: Path, names: tuple[str, str]) -> None:
    lay_source(tmp_path, 8)
    lay_source(tmp_path, 6, "lake", first=3)

    def name(park: str, lake: str) -> Path:
        paths = {"park": park, "lake": lake}
        sources = [{"name": "listed", "path": f"{path}.jsonl", "as": one} for path, one in paths.items()]
        return write_config(tmp_path, sources=sources, duplicates={"pictures": 0})

    build(name("park", "lake"))
    counts, _ = build(name(*names))
    assert counts["images"] == 14
    build(name(*names), output="fresh")
    assert hash_outputs(tmp_path / "fresh") == hash_outputs(tmp_path / "out")


def test_a_moved_data_set_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    lay_source(tmp_path / "here", 8)
    build(write_config(tmp_path / "here"))
    before = hash_outputs(tmp_path / "here/out")
    (tmp_path / "here").rename(tmp_path / "there")
    _, notes = build(tmp_path / "there/build.yaml")
    assert hash_outputs(tmp_path / "there/out") == before
    assert any("rows of park: done again" in note for note in notes)


def test_downloads_are_kept_where_the_data_set_is_moved(tmp_path: Path) -> None:
    rows = lay_source(tmp_path, 8)
    write_rows(tmp_path / "park.jsonl", [row | {"image": f"file://{tmp_path}/{row['image']}"} for row in rows])
    file = write_config(tmp_path)
    build(file)
    before = hash_outputs(tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "moved")
    shutil.rmtree(tmp_path / "park")
    shutil.rmtree(tmp_path / "moved/shards")
    build(file, output="moved")
    assert hash_outputs(tmp_path / "moved") == before


def test_a_build_goes_on_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_source(tmp_path, 8)
    file = write_config(tmp_path)
    monkeypatch.chdir(tmp_path)
    build(Path(file.name))
    before = find_times(tmp_path / "out")
    monkeypatch.chdir(tmp_path / "park")
    _, notes = build(Path("..") / file.name)
    assert not notes and list_redone(before, find_times(tmp_path / "out")) == set()


def test_an_image_that_changes_after_it_was_read_is_not_written_as_it_was_judged(tmp_path: Path) -> None:
    lay_source(tmp_path, 8)
    file = write_config(tmp_path)
    build(file, until="duplicates")
    before = (tmp_path / "park/003.jpg").read_bytes()
    (tmp_path / "park/004.jpg").unlink()
    draw(99).save(tmp_path / "park/003.jpg", quality=95)
    counts, _ = build(file)
    of = read_catalogue(tmp_path / "out")
    assert counts["outcomes"]["unreadable"] == 2 and of["003"]["reason"].startswith("changed while")
    counts, _ = build(file)
    of = read_catalogue(tmp_path / "out")
    assert of["003"]["outcome"] == "used" and of["004"]["reason"] == "no such file"
    assert of["003"]["sha256"].lower() == hashlib.sha256((tmp_path / "park/003.jpg").read_bytes()).hexdigest()
    assert (tmp_path / "park/003.jpg").read_bytes() != before
    build(file, output="fresh")
    assert hash_outputs(tmp_path / "fresh") == hash_outputs(tmp_path / "out")


def test_images_are_held_out_by_paths_relative_to_the_configuration(tmp_path: Path) -> None:
    lay_source(tmp_path, 8)
    (tmp_path / "held.txt").write_bytes("\ufeff000\r\npark/001.jpg\r\n002.jpg\r\npark/none.jpg\r\n".encode())
    counts, notes = build(write_config(tmp_path, held_out={"images": "held.txt"}))
    assert counts["outcomes"]["held out"] == 3
    assert any("1 of 4" in note and "park/none.jpg" in note for note in notes)


def test_pages_of_what_is_no_longer_looked_for_are_deleted(tmp_path: Path) -> None:
    rows = lay_source(tmp_path, 4)
    write_rows(tmp_path / "park.jsonl", [*rows, rows[0] | {"source_id": "copy"}])
    file = write_config(tmp_path)
    build(file)
    assert (tmp_path / "out/duplicates/exact.html").exists()
    build(file, **{"duplicates.pictures": 0})
    assert not list((tmp_path / "out/duplicates").glob("*"))


def test_rows_without_an_outcome_are_told(tmp_path: Path) -> None:
    from bioclip_x.dataset.build import check_counts
    from bioclip_x.dataset.context import Made

    lay_source(tmp_path, 4)
    counts, _ = build(write_config(tmp_path))
    rows = Made(tuple((tmp_path / "out/work/rows/000").glob("*.parquet")), "")
    check_counts(counts, rows)
    with pytest.raises(DatasetError, match="accounts for 3 of the 4 rows"):
        check_counts(counts | {"images": 3}, rows)


def test_what_a_killed_database_spilled_is_deleted(tmp_path: Path) -> None:
    lay_source(tmp_path, 4)
    (tmp_path / "out/work/spill").mkdir(parents=True)
    (tmp_path / "out/work/spill/duckdb_temp_storage-0.tmp").write_bytes(b"x")
    build(write_config(tmp_path))
    assert not list((tmp_path / "out/work/spill").glob("*"))


def test_a_review_table_that_is_filled_in_is_not_lost(tmp_path: Path) -> None:
    rows = lay_source(tmp_path, 4)
    write_rows(tmp_path / "park.jsonl", [*rows[:3], rows[3] | {"name": "Zzz alba"}])
    build(write_config(tmp_path))
    review = tmp_path / "out/review.csv"
    header, line = review.read_text().splitlines()
    review.write_text(f"{header}\n{line.removesuffix(',,,')},Parus major,,\n")
    with pytest.raises(DatasetError, match="copy it"):
        build(write_config(tmp_path, names={"corrections": "out/review.csv"}))
    shutil.copy(review, tmp_path / "corrections.csv")
    counts, notes = build(write_config(tmp_path, names={"corrections": "corrections.csv"}))
    assert counts["outcomes"]["used"] == 4 and any("review-filled-in.csv" in note for note in notes)
    assert "Parus major" in (tmp_path / "out/review-filled-in.csv").read_text()


def test_an_identifier_goes_to_the_row_that_has_an_image(tmp_path: Path) -> None:
    rows = lay_source(tmp_path, 8)
    write_rows(tmp_path / "park.jsonl", [rows[0] | {"image": ""}, *rows])
    counts, _ = build(write_config(tmp_path))
    assert (counts["outcomes"]["used"], counts["outcomes"]["incomplete"]) == (8, 1)


@pytest.mark.parametrize("row", [{"licence": "All rights reserved"}, {"name": "Nonesuch alba"}])
def test_an_image_of_a_test_set_holds_out_its_copies_whatever_its_licence_and_name(
    tmp_path: Path, row: dict[str, str]
) -> None:
    rows = lay_source(tmp_path, 8)
    write_rows(tmp_path / "test.jsonl", [rows[3] | row])
    held = {"sources": [{"name": "listed", "path": "test.jsonl", "as": "test"}]}
    counts, _ = build(write_config(tmp_path, held_out=held))
    assert (counts["outcomes"]["used"], counts["outcomes"]["held out"]) == (7, 2)
    assert read_catalogue(tmp_path / "out")["003"]["outcome"] == "held out"


def test_the_number_of_processes_changes_nothing(tmp_path: Path) -> None:
    lay_source(tmp_path, 30)
    file = write_config(tmp_path)
    build(file)
    build(file, output="two", workers=2)
    assert hash_outputs(tmp_path / "out") == hash_outputs(tmp_path / "two")


def test_only_one_process_builds_a_data_set(tmp_path: Path) -> None:
    from bioclip_x.dataset.folder import open_folder

    lay_source(tmp_path, 4)
    file = write_config(tmp_path)
    with open_folder(tmp_path / "out", print), pytest.raises(DatasetError, match="another process builds"):
        build(file)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"taxonomies": ["none.csv"]}, r"none\.csv does not exist"),
        ({"held_out": {"species": "none.txt"}}, r"none\.txt"),
        ({"sources": [{"name": "listed", "path": "none.jsonl"}]}, r"none\.jsonl"),
        ({"sources": [{"name": "nonesuch"}]}, "nonesuch"),
        ({"taxonomies": ["cyclic"]}, r"cyclic.*synonyms of each other"),
        ({"output": "park"}, "holds other files"),
        ({"output": "park.jsonl"}, "is a file; expected a folder"),
    ],
)
def test_bad_inputs_are_named(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    (tmp_path / "cyclic").mkdir()
    rows = ["taxonID\tacceptedNameUsageID\tscientificName\ttaxonRank\ttaxonomicStatus", "0\t0\tAus\tgenus\taccepted"]
    rows += ["1\t2\tAus bus\tspecies\tsynonym", "2\t1\tAus cus\tspecies\tsynonym"]
    (tmp_path / "cyclic/taxon.txt").write_text("\n".join(rows) + "\n")
    lay_source(tmp_path, 4)
    with pytest.raises(BioclipXError, match=message) as problem:
        build(write_config(tmp_path, **fields))
    assert "\n" not in str(problem.value) and "cannot be written" not in str(problem.value)


def start(file: Path, output: str, *options: str, **how: Any) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "bioclip_x", "dataset", "build", str(file), "--quiet"]
    return subprocess.Popen(
        [*command, "--output", output, *options], env=environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, **how,
    )  # fmt: skip


def lay_large(folder: Path) -> Path:
    """Enough images that a build takes some seconds: two sources with duplicates, in several tasks and shards."""
    rows = lay_source(folder, 40)
    more = [rows[n % 40] | {"source_id": f"x{n}", "name": SPECIES[n % 4]} for n in range(600)]
    for n, row in enumerate(more):
        if n % 3:
            row["image"] = f"park/x{n}.jpg"
            draw(1000 + n, (160, 120)).save(folder / row["image"], quality=95)
    write_rows(folder / "lake.jsonl", more)
    sources = [{"name": "listed", "path": f"{name}.jsonl", "as": name} for name in ("park", "lake")]
    return write_config(folder, sources=sources, shards={"images": 60}, images={"size": 64}, duplicates={"pictures": 0})


def test_killed_at_any_moment_and_run_again_the_data_set_is_the_same(tmp_path: Path) -> None:
    file = lay_large(tmp_path)
    began = time.monotonic()
    process = start(file, str(tmp_path / "whole"))
    _, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    whole = time.monotonic() - began
    drawn = random.Random(0)
    kills = 0
    for number in range(6):
        workers = ("--set", "workers=2") if number % 3 == 2 else ()
        process = start(file, str(tmp_path / "broken"), *workers)
        try:
            process.communicate(timeout=whole * drawn.uniform(0.4, 0.95))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
    process = start(file, str(tmp_path / "broken"))
    _, err = process.communicate(timeout=200)
    assert process.returncode == 0 and not err, err
    assert kills
    assert hash_outputs(tmp_path / "broken") == hash_outputs(tmp_path / "whole")
    assert not [name for name in hash_outputs(tmp_path / "broken") if "tmp" in name]


def test_killed_between_any_two_replacements_the_data_set_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stops right before each file that appears whole, one after another, until a run comes to its end."""
    from bioclip_x.io.storage import replacement, temporary

    lay_source(tmp_path, 24)
    file = write_config(tmp_path, shards={"images": 6}, duplicates={"pictures": 0})
    build(file, output="whole")
    left = [0]

    class Killed(BaseException):
        pass

    def count_down(*arguments: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return temporary.move_into_place(*arguments)

    monkeypatch.setattr(replacement, "open_temporary", partial(temporary.open_temporary, move=count_down))
    stops = 0
    for allowed in range(100):
        left[0] = allowed
        try:
            build(file)
            break
        except Killed:
            stops += 1
    assert stops > 3
    assert hash_outputs(tmp_path / "out") == hash_outputs(tmp_path / "whole")


@pytest.mark.parametrize("limit", [2_000, 6_000, 20_000])
def test_a_full_disk_is_said_and_the_same_command_goes_on(tmp_path: Path, limit: int) -> None:
    """A limit on the size of files stands in for a full disk: the write fails likewise."""
    lay_source(tmp_path, 40)
    file = write_config(tmp_path, shards={"images": 40}, duplicates={"pictures": 0})

    def limit_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = start(file, str(tmp_path / "out"), preexec_fn=limit_files)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 2 and "Traceback" not in err, err
    assert "cannot be written" in err or "File too large" in err
    process = start(file, str(tmp_path / "out"))
    _, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    build(file, output="whole")
    assert hash_outputs(tmp_path / "out") == hash_outputs(tmp_path / "whole")
