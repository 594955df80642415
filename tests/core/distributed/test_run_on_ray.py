"""`--engine ray` on a Ray of two cores: the rows of one process, whatever happens to the workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest

from bioclip_x.cli.main import main
from bioclip_x.distributed.cluster import connect
from bioclip_x.distributed.part_folder import JOURNAL, PROVENANCE
from helpers import picture

pytest.importorskip("ray.data")

Run = Callable[..., tuple[int, str, str]]

PLUGIN = '''
import os, signal, sys, time
from pathlib import Path
from bioclip_x.plugin import ComponentSpec, ImageDecoderCapabilities, ImageError, hookimpl

class Trouble:
    """Reads files "KILL N MARKER", at which the process dies the first N times, and "SLEEP SECONDS"."""
    capabilities = ImageDecoderCapabilities(suffixes=(".trouble",))
    def recognises(self, head, suffix):
        return head.startswith((b"KILL", b"SLEEP"))
    def decode(self, stream):
        word, value, *rest = stream.read().decode().split()
        if word == "SLEEP":
            time.sleep(float(value))
            raise ImageError("slept")
        marker = Path(rest[0])
        marker.touch()
        if marker.stat().st_size < int(value):
            with marker.open("a") as file:
                file.write("x")
            os.kill(os.getpid(), signal.SIGKILL)
        raise ImageError("survived")

@hookimpl
def image_decoders():
    return [ComponentSpec("trouble", "kills its process", f"{__name__}:Trouble")]
'''


@pytest.fixture(scope="module")
def two_cores() -> Iterator[None]:
    """A Ray that the runs of this module share."""
    with connect(None):
        yield


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Seven images, one of which is none."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(7):
        picture(number).save(folder / f"{number}.png")
    (folder / "3.png").write_text("no image")
    return folder


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "trouble.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tiny_model: str, birds_csv: Path) -> Run:
    """Runs a command in batches of two; returns exit status, stdout and stderr."""

    def run(command: str, *arguments: object) -> tuple[int, str, str]:
        fixed = ["--model", tiny_model, "--batch-size", 2, "--workers", 1]
        fixed += ["--taxonomy", birds_csv] if command == "classify" else []
        with pytest.raises(SystemExit) as done:
            main([command, *map(str, (*fixed, *arguments))])
        out, err = capsys.readouterr()
        return int(done.value.code or 0), out, err

    return run


RAY = ("--engine", "ray", "--partition-size", 2)


def read(path: Path) -> pd.DataFrame:
    """All rows, those of an image together, in the order of images."""
    return pq.read_table(path).to_pandas().sort_values("file_name", kind="stable", ignore_index=True)


@pytest.mark.usefixtures("two_cores")
def test_classify_writes_the_rows_of_one_process(run: Run, images: Path, tmp_path: Path) -> None:
    table = tmp_path / "images.csv"
    urls = [(images / f"{number}.png").as_uri() for number in range(7)]
    rows = "\n".join(f"{url},2024-0{number + 1}-01" for number, url in enumerate([*urls, "s4://none/8.png"]))
    table.write_text(f"url,date\n{rows}\n")
    one, many = tmp_path / "one.parquet", tmp_path / "many"
    assert run("classify", table, "--output", one)[0] == 1
    code, out, err = run("classify", table, "--output", many, *RAY, "--ray-workers", 2)
    assert (code, out) == (1, "") and "2 images failed" in err
    pd.testing.assert_frame_equal(read(many), read(one), rtol=0, atol=1e-5)
    assert sorted(path.name for path in many.iterdir()) == [
        JOURNAL, PROVENANCE, *(f"part-0000{number}.parquet" for number in range(4))
    ]  # fmt: skip
    assert json.loads((many / PROVENANCE).read_text())["n_classes"] == 6


@pytest.mark.usefixtures("two_cores")
def test_embed_writes_the_rows_of_one_process(run: Run, images: Path, tmp_path: Path) -> None:
    """More workers than cores share these."""
    one, many = tmp_path / "one.parquet", tmp_path / "many"
    assert run("embed", images, "--output", one)[0] == 1
    code, out, _ = run("embed", images, "--output", many, *RAY, "--ray-workers", 3)
    assert (code, out) == (1, "")
    pd.testing.assert_frame_equal(read(many), read(one), rtol=0, atol=1e-5)
    assert len(read(many)) == 7


@pytest.mark.usefixtures("two_cores")
def test_a_second_run_computes_what_is_missing(run: Run, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("classify", images, "--output", out, *RAY)[0] == 1
    before = {path.name: path.read_bytes() for path in out.glob("part-*")}
    (out / "part-00001.parquet").unlink()
    times = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    (images / "3.png").write_text("no image either")
    code, _, err = run("classify", images, "--output", out, *RAY)
    assert code == 1 and "has 3 finished parts" in err and (out / PROVENANCE).exists()
    assert {path.name: path.read_bytes() for path in out.glob("part-*")} == before
    assert {name: (out / name).stat().st_mtime_ns for name in times} == times

    picture(3).save(images / "3.png")  # the failure was temporary
    code, _, err = run("classify", images, "--output", out, *RAY)
    assert code == 0 and "has 3 finished parts" in err and "1 part with images that failed: computed again" in err
    assert {name: (out / name).stat().st_mtime_ns for name in times} == times
    assert not read(out)["error"].any() and len(set(read(out)["file_name"])) == 7 and (out / PROVENANCE).exists()
    before["part-00001.parquet"] = (out / "part-00001.parquet").read_bytes()

    code, _, err = run("classify", images, "--output", out, *RAY, "--k", 2)
    assert code == 2 and "holds the parts of another run: recipe.k was 5 and is 2" in err
    (images / "2.png").unlink()
    code, _, err = run("classify", images, "--output", out, *RAY)
    assert code == 2 and "is of a run of other images: part 1" in err
    assert {path.name: path.read_bytes() for path in out.glob("part-*")} == before


@pytest.mark.usefixtures("two_cores")
def test_the_part_of_a_worker_that_is_killed_is_done_again(
    run: Run, images: Path, plugin: Path, tmp_path: Path
) -> None:
    """The process gets SIGKILL in the middle of a part: nothing is missing, and nothing is there twice."""
    (images / "2.trouble").write_text(f"KILL 1 {tmp_path / 'killed'}")
    out, one = tmp_path / "out", tmp_path / "one.parquet"
    code, _, _ = run("classify", images, "--plugin", plugin, "--output", out, *RAY, "--ray-workers", 2)
    assert code == 1 and (tmp_path / "killed").read_text() == "x"
    run("classify", images, "--plugin", plugin, "--output", one)
    pd.testing.assert_frame_equal(read(out), read(one), rtol=0, atol=1e-5)
    assert list(read(out).loc[lambda rows: rows["error"] == "survived", "file_name"]) == [str(images / "2.trouble")]


@pytest.mark.usefixtures("two_cores")
def test_a_part_at_which_every_worker_dies_ends_the_run(run: Run, images: Path, plugin: Path, tmp_path: Path) -> None:
    (images / "2.trouble").write_text(f"KILL 99 {tmp_path / 'killed'}")
    code, _, err = run("classify", images, "--plugin", plugin, "--output", tmp_path / "out", *RAY, "--ray-workers", 2)
    first = images / "2.png"
    assert code == 2 and f"the worker processes died 4 times at the 2 images from '{first}' on (part 1)" in err
    assert (tmp_path / "killed").read_text() == "xxxx" and not (tmp_path / "out" / PROVENANCE).exists()


def test_ctrl_c_ends_in_seconds_and_keeps_the_parts(
    images: Path, plugin: Path, tiny_model: str, birds_csv: Path, tmp_path: Path
) -> None:
    """With a Ray of its own, of which no process stays."""
    for number in range(400):  # minutes, if it is not stopped
        (images / f"{number + 10}.trouble").write_text("SLEEP 0.5")
    out = tmp_path / "out"
    command = [
        sys.executable, "-m", "bioclip_x", "classify", images, "--model", tiny_model, "--taxonomy", birds_csv,
        "--plugin", plugin, "--batch-size", 2, "--workers", 1, "--output", out, *RAY, "--ray-workers", 2,
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        deadline = time.monotonic() + 120
        while not list(out.glob("part-*.parquet")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
        below = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        stdout, stderr = process.communicate(timeout=60)
    assert time.monotonic() - started < 60
    assert process.returncode == 130 and stdout == "" and "the same command goes on" in stderr, stderr
    _, alive = psutil.wait_procs(below, timeout=10)
    assert below and not alive
    finished = sorted(out.glob("part-*.parquet"))
    assert finished and all(len(pq.read_table(path)) for path in finished) and not (out / PROVENANCE).exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--format", "csv"), "--engine ray writes Parquet files; leave out --format csv"),
        (("--report", "a.html"), "leave out --report a.html"),
        (("--output", "taken"), "expected a folder"),
        (("--ray-address", "127.0.0.1:1"), "--ray-address 127.0.0.1:1: no connection to Ray"),
    ],
)
def test_requests_that_ray_cannot_do(
    run: Run, images: Path, arguments: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are told before a Ray is started."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").touch()
    monkeypatch.setattr("ray.init", None)
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    code, out, err = run("classify", images, "--output", tmp_path / "out", *RAY, *arguments)
    assert (code, out) == (2, "") and told in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("{images}", "--engine", "ray"), "--engine ray needs --output FOLDER"),
        (("{images}", "--ray-workers", "2", "--output", "a.csv"), "--ray-workers was given without --engine ray"),
        (("{images}/*.gif", "--engine", "ray", "--output", "out"), "nothing matches"),
        (("--engine", "ray", "--output", "out"), "IMAGES"),
    ],
)
def test_incomplete_requests(run: Run, images: Path, arguments: tuple[str, ...], told: str, tmp_path: Path) -> None:
    code, out, err = run("classify", *(argument.format(images=images) for argument in arguments))
    assert (code, out) == (2, "") and told in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--texts", "a,b"), "--engine ray embeds images"),
        (("{images}", "--format", "csv"), "leave out --format csv"),
    ],
)
def test_embeddings_that_ray_does_not_compute(
    run: Run, images: Path, arguments: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    given = (argument.format(images=images) for argument in arguments)
    code, _, err = run("embed", *given, "--engine", "ray", "--output", tmp_path / "out")
    assert code == 2 and told in err
