"""Camtrap DP: deployments of cameras that a report takes, and packages whose boxes are read, with broken rows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from hostile.case import OK, REFUSED, Case, Outcome
from hostile.image_bytes import draw_drawing
from hostile.runs import check_others, classify_among

COLUMNS = "deploymentID,latitude,longitude,deploymentStart,deploymentEnd\n"


def cases() -> Iterator[Case]:
    yield from _of_deployments()
    yield from _of_options()
    yield from _of_packages()


def _of_deployments() -> Iterator[Case]:
    for name, row in (
        ("latitude-nan", "c1,nan,5,,"),
        ("latitude-91", "c1,91,5,,"),
        ("latitude-text", "c1,north,5,,"),
        ("latitude-superscript", "c1,5²,5,,"),
        ("longitude-inf", "c1,5,inf,,"),
        ("longitude-181", "c1,5,181,,"),
        ("start-13", "c1,5,5,2020-13-45T00:00:00Z,"),
        ("start-words", "c1,5,5,spring,"),
        ("end-before", "c1,5,5,2024-05-12T00:00:00Z,2023-05-12T00:00:00Z"),
        ("digits", "c1," + "9" * 400 + ",5,,"),
        ("open-quote", 'c1,"5,5,,'),
        ("underscores", "c1,1_0_0,5,,"),
    ):
        run = partial(_run_report, (COLUMNS + row + "\n").encode(), "deployments=d.csv")
        line = "1" if name == "open-quote" else "2"  # where the row begins
        yield Case(f"deployment-{name}", run, REFUSED, rf"d\.csv, line {line}")
    twice = (COLUMNS + "c1,5,5,,\nc1,6,6,,\n").encode()
    yield Case("deployment-twice", partial(_run_report, twice, "deployments=d.csv"), REFUSED, "line 3.*c1.*twice")
    for name, data in (
        ("empty", b""),
        ("nul", bytes(300)),
        ("latin-1", b"deploymentID,x\n\xff,1\n"),
        ("no-id", b"a,b\n1,2\n"),
        ("long-line", b"deploymentID\n" + b"x" * 3_000_000),
    ):
        yield Case(f"deployments-{name}", partial(_run_report, data, "deployments=d.csv"), REFUSED, r"d\.csv")
    for name, row in (
        ("blank", ",,,,"),
        ("ragged", "c1"),
        ("long", "c1,5,5,,,x,y,z"),
        ("other", "c9,5,5,,"),
        ("controls", "c\x1b[2J,5,5,,"),
    ):
        run = partial(_run_report, (COLUMNS + row + "\n").encode(), "deployments=d.csv")
        yield Case(f"deployment-row-{name}", run, (0, 2), check=_check_written)


def _run_report(data: bytes, options: str, folder: Path) -> list[str]:
    (folder / "d.csv").write_bytes(data)
    (folder / "out").mkdir()
    rows = "bird.png,c1,2024-05-12T07:30:00\nlast.png,c1,2024-05-12T07:31:00\n"
    (folder / "m.csv").write_text(f"path,deployment,date\n{rows}", "utf-8")
    arguments = [one for one in classify_among(folder) if one not in ("--format", "jsonl")]
    return [*arguments, "--metadata", "m.csv", "--format", f"camtrap-dp:{options}", "--output", "out/datapackage.json"]


def _check_written(outcome: Outcome) -> str:
    if outcome.status != 0:
        return ""
    media = (outcome.folder / "out" / "media.csv").read_text("utf-8")
    return "" if media.count("2024-05-12T07:3") >= 2 else f"media.csv: {media[:300]}"


def _of_options() -> Iterator[Case]:
    good = (COLUMNS + "c1,5,5,,\n").encode()
    for name, options in (
        ("zone-nowhere", "timezone=Nowhere/Land"),
        ("zone-path", "timezone=../../../etc/passwd"),
        ("zone-offset", "timezone=+99:99"),
        ("zone-nul", "timezone=a\0b"),
        ("zone-long", "timezone=" + "x" * 300),
        ("latitude-nan", "latitude=nan"),
        ("latitude-91", "latitude=91"),
        ("decimals-99", "decimals=99"),
        ("decimals-superscript", "decimals=²"),
        ("start-words", "start=spring"),
        ("deployments-missing", "deployments=gone.csv"),
        ("deployments-folder", "deployments=."),
        ("deployments-long", "deployments=" + "x" * 300),
    ):
        key = options.partition("=")[0]
        yield Case(
            f"option-{name}",
            partial(_run_report, good, options),
            REFUSED,
            "gone|folder|xxx" if key == "deployments" else key,
        )


def _of_packages() -> Iterator[Case]:
    media = "mediaID,deploymentID,filePath,timestamp\nm1,c1,a.png,2024-05-12T07:30:00Z\n"
    head = "observationID,mediaID,observationType,bboxX,bboxY,bboxWidth,bboxHeight\n"
    for name, row in (
        ("nan", "o1,m1,animal,nan,0,1,1"),
        ("text", "o1,m1,animal,a,b,c,d"),
        ("inf", "o1,m1,animal,0,0,inf,1"),
        ("superscript", "o1,m1,animal,²,0,1,1"),
    ):
        run = partial(_run_package, {"media.csv": media, "observations.csv": f"{head}{row}\n"})
        yield Case(f"observation-{name}", run, REFUSED, r"observations\.csv, line 2")
    for name, row in (
        ("of-no-media", "o1,m9,animal,0,0,1,1"),
        ("half-a-box", "o1,m1,animal,0,0,,"),
        ("ragged", "o1"),
        ("blank", ",,,,,,"),
        ("negative", "o1,m1,animal,0.5,0.5,-1,-1"),
    ):
        run = partial(_run_package, {"media.csv": media, "observations.csv": f"{head}{row}\n"})
        yield Case(f"observation-{name}", run, OK, check=check_others(0, 1))
    for name, files in (
        ("media-missing", {"observations.csv": head}),
        ("media-empty", {"media.csv": "", "observations.csv": head}),
        ("media-without-paths", {"media.csv": "mediaID\nm1\n", "observations.csv": head}),
        ("observations-empty", {"media.csv": media, "observations.csv": ""}),
        ("observations-without-boxes", {"media.csv": media, "observations.csv": "mediaID\nm1\n"}),
        ("media-open-quote", {"media.csv": media + '"m2', "observations.csv": head}),
        ("observations-nul", {"media.csv": media, "observations.csv": head + "\0"}),
    ):
        yield Case(f"package-{name}", partial(_run_package, files), REFUSED, r"(media|observations)\.csv")
    outside = "mediaID,filePath\nm1,../../../../etc/passwd\nm2,/etc/passwd\nm3,http://[\n"
    run = partial(_run_package, {"media.csv": outside, "observations.csv": f"{head}o1,m1,animal,0,0,1,1\n"})
    yield Case("package-of-paths-outside", run, OK, check=check_others(0, 1))


def _run_package(files: dict[str, str], folder: Path) -> list[str]:
    (folder / "p").mkdir()
    for name, text in files.items():
        (folder / "p" / name).write_text(text, "utf-8")
    draw_drawing().save(folder / "a.png")
    return [*classify_among(folder, "a.png"), "--boxes", "p"]
