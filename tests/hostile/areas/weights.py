"""Weights of texts and priors on classes: numbers that float32 does not hold, and files of species and records."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from hostile.case import OK, REFUSED, Case
from hostile.inputs import write_image
from hostile.shares import check_shares, expect_shares

NAMES: Final = ("Aglais io", "Alcedo atthis", "Papaver rhoeas")
DRAWING: Final = Path(__file__).parents[3] / "examples" / "drawings" / "aglais-io.png"
LONG_INTEGER: Final = "9" * 400
WRONG: Final = {
    "1e308": "1.0e+308",
    "1e40": "1.0e+40",
    "1e-46": "1.0e-46",
    "1e-320": "1.0e-320",
    "zero": "0",
    "negative": "-1",
    "nan": ".nan",
    "inf": ".inf",
    "400-digits": LONG_INTEGER,
    "word": "much",
    "list": "[1]",
    "true": "yes",
}
SHARES: Final = dict(zip(NAMES, (0.5, 0.25, 0.25)))


def cases() -> Iterator[Case]:
    yield from _texts()
    yield from _lists()
    yield from _records()


def _texts() -> Iterator[Case]:
    for name, value in WRONG.items():
        yield Case(f"yaml-{name}", partial(_describe, value, 1), REFUSED, r"d\.yaml.*(weight|number)")
        if name not in ("list", "true"):
            plain = {".nan": "nan", ".inf": "inf"}.get(value, value)
            yield Case(f"csv-{name}", partial(_describe_in_table, plain), REFUSED, r"d\.csv.*weight")
    fine = {
        "largest": ("1.0e+6", "1"),
        "smallest": ("1.0e-6", "1"),
        "both": ("1.0e+6", "1.0e-6"),
        "all-largest": ("1.0e+6",) * 2,
    }
    fine |= {"all-smallest": ("1.0e-6", "1.0e-6"), "integer": ("1000000", "1")}
    for name, (one, other) in fine.items():
        for pooling in ("mean", "ensemble", "max") if name == "both" else ("mean",):
            make = partial(_describe, one, other, more=("--pooling", pooling))
            yield Case(f"yaml-{name}-{pooling}", make, OK, check=check_shares)
    for name, value in {
        "1e308": "1e308",
        "nan": "nan",
        "negative": "-1",
        "two": "2",
        "word": "a",
    }.items():
        make = partial(_describe, 1, 1, more=("--text", f"descriptors:inherit={value}"))
        yield Case(f"inherit-{name}", make, REFUSED, "inherit")
    yield Case(
        "inherit-1e-46-apart",
        partial(_describe, 1, 1, more=("--text", "descriptors:inherit=1e-46")),
        OK,
        check=check_shares,
    )
    for option in (
        "templates:openai-80,seed=-1",
        "random-words:seed=1e30",
        "random-words:seed=" + "9" * 30,
    ):
        name = option.partition(":")[0] + str(len(option))
        yield Case(f"seed-{name}", partial(_describe, 1, 1, more=("--text", option)), REFUSED, "seed")


def _lists() -> Iterator[Case]:
    option = "species-list:file=list.txt,mode=prior,strength="
    numbers = {
        "1e308": "1.0e+308",
        "1e40": "1.0e+40",
        "nan": ".nan",
        "inf": ".inf",
        "zero": "0",
        "negative": "-1",
        "word": "much",
    }
    for name, value in (numbers | {"400-digits": LONG_INTEGER, "true": "yes", "1e-46-list": "[1]"}).items():
        yield Case(f"strength-{name}", partial(_adjust, option + value), REFUSED, "strength")
    for name, value in {"1e30": "1.0e+30", "1e-30": "1.0e-30", "1e-46": "1.0e-46", "100": "100"}.items():
        yield Case(f"strength-{name}", partial(_adjust, option + value), OK, check=check_shares)
    twice = ("--adjust", "species-list:file=list.txt,mode=prior,strength=1.0e+30")
    yield Case("strength-1e30-and-other", partial(_adjust, option + "2.0e+29", more=twice), OK, check=check_shares)
    yield Case(
        "hard",
        partial(_adjust, "species-list:file=list.txt"),
        OK,
        check=partial(expect_shares, dict(zip(NAMES, (2 / 3, 1 / 3, 0)))),
    )
    texts = {
        "empty": "",
        "comments": "# a\n# b\n",
        "foreign": "Puma concolor\n",
        "blank": "\n \n",
        "nul": "Aglais\0io\n",
    }
    texts |= {
        "separators": ";;;\n>>>\n",
        "long": "x" * 2_000_000 + "\n",
        "controls": "\x1b[2J\n",
        "html": "<script>alert(1)</script>\n",
    }
    for name, text in texts.items():
        yield Case(
            f"list-{name}",
            partial(_adjust, "species-list:file=list.txt", text=text),
            REFUSED,
            r"list\.txt|species-list",
        )
    for name, place in {"missing": "none.txt", "folder": ".", "device": "/dev/null", "long-name": "x" * 300}.items():
        yield Case(
            f"list-{name}",
            partial(_adjust, f"species-list:file={place}"),
            REFUSED,
            r"list|exist|folder|long|path|empty",
        )


def _records() -> Iterator[Case]:
    head = "occurrences:file=records.csv,"
    wrong = {
        "1e308": "1.0e+308",
        "1e40": "1.0e+40",
        "1e-46": "1.0e-46",
        "nan": ".nan",
        "inf": ".inf",
        "zero": "0",
        "negative": "-1",
    }
    wrong |= {"400-digits": LONG_INTEGER, "word": "much", "true": "yes"}
    for option in ("a", "weight", "radius", "season"):
        for name, value in wrong.items():
            if name != "1e-46" or option in ("radius", "season"):
                yield Case(f"records-{option}-{name}", partial(_adjust, f"{head}{option}={value}"), REFUSED, option)
    yield Case("records-weight-1e30", partial(_adjust, f"{head}weight=1.0e+30"), REFUSED, "weight of at most 1000")
    for option in ("a", "weight"):
        fine = {"1e-30": "1.0e-30", "1e-46": "1.0e-46", "1000": "1000"} | ({"1e30": "1.0e+30"} if option == "a" else {})
        for name, value in fine.items():
            yield Case(
                f"records-{option}-{name}",
                partial(_adjust, f"{head}{option}={value}", placed=True),
                OK,
                check=check_shares,
            )
    for option in ("radius=km", "radius=5miles", "season=d", "season=400d", "season=²d", "radius=1e5km"):
        name = f"records-{option.replace('=', '-').replace('²', 'superscript')}"
        yield Case(name, partial(_adjust, head + option), REFUSED, option.partition("=")[0])
    rows = {
        "nan": "nan,1",
        "far": "91,181",
        "1e308": "1e308,1",
        "words": "north,east",
        "blank": ",",
        "400-digits": f"{LONG_INTEGER},1",
    }
    for name, place in rows.items():
        text = f"species,decimalLatitude,decimalLongitude,eventDate\nAglais io,{place},2020-13-45\n"
        yield Case(f"records-row-{name}", partial(_adjust, head.strip(","), records=text), REFUSED, "no record")
    tables = {
        "empty": "",
        "no-columns": "a,b\n1,2\n",
        "header-only": "species,decimalLatitude,decimalLongitude\n",
        "binary": "\0\1\2",
    }
    for name, text in tables.items():
        yield Case(f"records-{name}", partial(_adjust, head.strip(","), records=text), REFUSED, r"records\.csv")


@cache
def _read_drawing() -> bytes:
    return DRAWING.read_bytes()


def _describe(one: Any, other: Any, folder: Path, *, more: tuple[str, ...] = ()) -> list[str]:
    (folder / "bird.png").write_bytes(_read_drawing())
    classes = "".join(
        f"  {name}:\n    descriptor:\n    - {{phrase: red wings, weight: {one}}}\n    - {{phrase: a back, weight: {other}}}\n"
        for name in NAMES
    )
    text = f"format: bioclip-x/descriptors/1\nprovenance: {{}}\nclasses:\n{classes}"
    (folder / "d.yaml").write_text(text)
    return [
        "classify",
        "bird.png",
        "--labels",
        ",".join(NAMES),
        "--descriptors",
        "d.yaml",
        "--format",
        "json",
        "--quiet",
        *more,
    ]


def _describe_in_table(weight: str, folder: Path) -> list[str]:
    arguments = _describe(1, 1, folder)
    rows = "".join(f"{name},red wings,{weight}\n" for name in NAMES)
    (folder / "d.csv").write_text(f"class,descriptor,weight\n{rows}")
    return [one.replace("d.yaml", "d.csv") for one in arguments]


def _adjust(
    option: str,
    folder: Path,
    *,
    text: str = "Aglais io\nAlcedo atthis\n",
    records: str | None = None,
    more: tuple[str, ...] = (),
    placed: bool = False,
) -> list[str]:
    """A prior on precomputed scores. placed: the image's place is known."""
    write_image(folder)
    (folder / "scores.csv").write_text(",".join(("image", *NAMES)) + "\nbird.png,0.5,0.25,0.25\n")
    (folder / "list.txt").write_text(text)
    good = "species,decimalLatitude,decimalLongitude,eventDate\nAglais io,50,10,2020-05-01\nAlcedo atthis,50,10,2020-05-01\n"
    (folder / "records.csv").write_text(good if records is None else records)
    (folder / "places.csv").write_text("path,latitude,longitude,date\nbird.png,50,10,2020-05-01\n")
    place = ("--metadata", "places.csv") if placed or records is not None else ()
    scorer = ("--scorer", "external:file=scores.csv", "--labels", ",".join(NAMES))
    return ["classify", "bird.png", *scorer, "--adjust", option, *place, "--format", "json", "--quiet", *more]
