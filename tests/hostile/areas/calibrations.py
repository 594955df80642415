"""Files of `bioclip-x calibrate`: damaged, of another model, with values that none could have."""

from __future__ import annotations

import copy
import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from threading import Lock
from typing import Any, Final

from hostile.case import OK, READ_OR_REFUSED, REFUSED, Case
from hostile.inputs import classify, prepare, write_image, write_labels
from hostile.shares import expect_shares

NAMES: Final = ("Parus major", "Cyanistes caeruleus", "Erithacus rubecula")
SCORER: Final = ("--scorer", "external:file=scores.csv,model=other")
PROBABILITIES: Final = (0.5, 0.25, 0.25)
NUMBERS: Final[dict[str, Any]] = {
    "nan": math.nan,
    "inf": math.inf,
    "minus-inf": -math.inf,
    "400-digits": int("9" * 400),
    "word": "high",
    "list": [0.5],
    "mapping": {"value": 0.5},
    "true": True,
}
_lock = Lock()


def cases() -> Iterator[Case]:
    yield Case("good", _use, OK, check=_expect_temperature)
    yield from _numbers()
    yield from _keys()
    yield from _conditions()
    yield from _files()
    yield from _fitting()


def _numbers() -> Iterator[Case]:
    """Values that decide on what is reported, one by one."""
    own = {"zero": 0, "negative": -0.5, "1e308": 1e308, "1e-308": 1e-308, "1e-46": 1e-46, "1e40": 1e40}
    for name, value in (NUMBERS | own).items():
        yield Case(f"temperature-{name}", _change(("temperature",), value), REFUSED, r"c\.json.*temperature")
    for place in (("refusal", "threshold"), ("refusal", "accept"), ("accuracy",), ("aurc",)):
        for name, value in (NUMBERS | {"null": None}).items():
            make = _change(place, value)
            yield Case(f"{'-'.join(place)}-{name}", make, REFUSED, rf"c\.json.*{place[-1]}")
    for name, value in {"zero": 0, "negative": -1, "above-one": 1.5}.items():
        yield Case(f"accept-{name}", _change(("refusal", "accept"), value), REFUSED, r"c\.json.*accept")
    for name, value in {"float": 60.5, "word": "many", "null": None, "negative": -1}.items():
        yield Case(f"fitted-{name}", _change(("fitted",), value), REFUSED, r"c\.json.*fitted")
    lowest = "none of these"
    yield Case("refusal-1e308", _change(("refusal", "threshold"), 1e308), OK, lowest)
    yield Case("refusal-minus-1e308", _change(("refusal", "threshold"), -1e308), OK, check=_expect_temperature)
    for name, value in (NUMBERS | {"negative": -1}).items():
        make = _change(("hedges", 1, "lambda_"), value, "--depth", "auto", "--accuracy", "0.9")
        yield Case(f"lambda-{name}", make, REFUSED, r"c\.json.*lambda_")
    for name, value in (NUMBERS | {"above-one": 1.5, "zero": 0}).items():
        make = _change(("hedges", 1, "accuracy"), value, "--depth", "auto", "--accuracy", "0.9")
        yield Case(f"hedge-accuracy-{name}", make, REFUSED, r"c\.json.*accuracy")
    sets = ("--head", "conformal:coverage=0.9,score=lac")
    for name, value in NUMBERS.items():
        yield Case(f"set-{name}", _change(("sets", 1, "threshold"), value, *sets), REFUSED, r"c\.json.*threshold")
    for name, value in {"above-one": 1.5, "negative": -1, "nan": math.nan}.items():
        yield Case(
            f"set-coverage-{name}", _change(("sets", 1, "coverage"), value, *sets), REFUSED, r"c\.json.*coverage"
        )
    yield Case("set-score-other", _change(("sets", 1, "score"), "top", *sets), REFUSED, r"c\.json.*score")
    yield Case(
        "no-set-of-coverage",
        partial(_use, more=("--head", "conformal:coverage=0.7")),
        REFUSED,
        "no sets for coverage 0.7",
    )
    yield Case(
        "no-depth-of-accuracy", partial(_use, more=("--depth", "auto", "--accuracy", "0.7")), REFUSED, "accuracy 0.7"
    )
    yield Case("method-other", _change(("refusal", "method"), "luck"), REFUSED, r"c\.json.*method")
    yield Case("method-relative", _change(("refusal", "method"), "relative"), REFUSED, "relative")


def _keys() -> Iterator[Case]:
    """Keys that are missing, or of something else."""
    for key in ("conditions", "temperature", "refusal", "hedges", "coverages", "before", "source", "date"):
        yield Case(f"without-{key}", _change((key,), ...), REFUSED, rf"c\.json.*{key}")
    for place in (
        ("conditions", "model"),
        ("conditions", "texts"),
        ("refusal", "threshold"),
        ("hedges", 0, "accuracy"),
    ):
        yield Case(f"without-{place[0]}-{place[-1]}", _change(place, ...), REFUSED, rf"c\.json.*{place[-1]}")
    for place in (("extra",), ("refusal", "extra"), ("conditions", "extra"), ("hedges", 0, "extra")):
        yield Case(f"foreign-{'-'.join(map(str, place))}", _change(place, 1), REFUSED, r"c\.json.*extra")
    shapes: dict[str, Any] = {
        "null": None,
        "number": 7,
        "text": "a",
        "list": [],
        "list-of-numbers": [1, 2],
        "mapping": {},
    }
    for key in ("conditions", "refusal", "hedges", "coverages", "sets"):
        for name, value in shapes.items():
            if (key in ("hedges", "coverages", "sets")) != (name == "list"):
                yield Case(f"{key}-{name}", _change((key,), value), REFUSED, rf"c\.json.*{key}")
    for key in ("source", "date", "version"):
        for name, value in {"null": None, "number": 7, "list": []}.items():
            yield Case(f"{key}-{name}", _change((key,), value), REFUSED, rf"c\.json.*{key}")


def _conditions() -> Iterator[Case]:
    for key in ("model", "revision", "precision", "preprocessing", "taxonomy", "texts", "pooling", "scorer"):
        yield Case(
            f"other-{key}", _change(("conditions", key), "other than this"), REFUSED, rf"other conditions.*{key}"
        )
        yield Case(f"number-{key}", _change(("conditions", key), 7), REFUSED, rf"c\.json.*{key}")
    yield Case("of-other-labels", _use_with_other_labels, REFUSED, "other conditions.*taxonomy")


def _files() -> Iterator[Case]:
    documents = {"null": None, "number": 7, "text": "a", "list": [], "empty": {}, "list-of-it": [{}]}
    for name, document in documents.items():
        yield Case(f"document-{name}", partial(_use_text, json.dumps(document).encode()), REFUSED, r"c\.json")
    nested = b"[" * 100_000 + b"]" * 100_000
    texts = {"empty-file": b"", "nul": b"\0" * 100, "nested": nested, "text": b"hello", "binary": bytes(range(256))}
    for name, raw in texts.items():
        yield Case(f"file-{name}", partial(_use_text, raw), REFUSED, r"c\.json", seconds=5)
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        yield Case(f"cut-at-{share}".replace(".", "-"), partial(_use_cut, share), REFUSED, r"c\.json")
    for number in range(12):
        yield Case(f"flipped-{number}", partial(_use_flipped, number), READ_OR_REFUSED)
    yield Case("missing", partial(_use_path, "missing.json"), REFUSED, r"missing\.json")
    yield Case("a-folder", partial(_use_path, "."), REFUSED, "folder")
    yield Case("empty-name", partial(_use_path, ""), REFUSED, "folder")
    yield Case("nul-name", partial(_use_path, "c\udc80.json"), REFUSED, "calibration|exist")
    yield Case("long-name", partial(_use_path, "c" * 300 + ".json"), REFUSED, "calibration: expected")
    yield Case("stored-damaged", _use_stored, REFUSED, r"calibrations.*\.json")


def _fitting() -> Iterator[Case]:
    """What is fitted on."""
    yield Case("fit-no-images", partial(_fit, "path,label\n"), REFUSED, "image|usable")
    yield Case("fit-one-image", partial(_fit, "path,label\n0.png,Parus major\n"), REFUSED, "1 usable|at least")
    yield Case("fit-unknown-labels", partial(_fit, "path,label\n" + "0.png,Puma\n" * 3), REFUSED, "usable|none")
    for flag, values in {
        "--accept": ("0", "-1", "2", "nan", "inf", "²", "", "1e400"),
        "--accuracy": ("0", "1", "nan", "-inf", "1e308"),
        "--coverage": ("0", "1", "nan", "word"),
        "--seed": ("-1", "1.5", "²", "9" * 400, ""),
    }.items():
        for value in values:
            name = value[:8].encode().hex()
            yield Case(
                f"fit{flag[1:]}-{name}", partial(_fit, None, flag, value), REFUSED, f"{flag}|digit|seed", seconds=5
            )
    for name, output in {"folder": ".", "below-a-file": "labels.txt/c.json", "null": "/dev/null/c.json"}.items():
        yield Case(f"fit-output-{name}", partial(_fit, None, "--output", output), REFUSED, "output|written|folder")
    for name in ("labels.txt", "truth.csv", "scores.csv"):
        yield Case(f"fit-output-is-{name[:-4]}", partial(_fit, None, "--output", name), REFUSED, name)


@cache
def _prepare() -> tuple[str, dict[str, Any]]:
    """Returns the scores of 120 images, and a calibration of them."""
    from numpy.random import default_rng

    random = default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows, labels = [], []
        for i in range(120):
            logits = random.normal(size=3) + 2 * (random.permutation(3) * 0 + [i % 3 == j for j in range(3)])
            shares = [math.exp(x) for x in logits]
            rows.append(",".join([f"{i}.png", *(f"{share / sum(shares):.6f}" for share in shares)]))
            labels.append(f"{i}.png,{NAMES[i % 3]}")
        scores = "\n".join([",".join(("image", *NAMES)), *rows, "bird.png,0.5,0.25,0.25", ""])
        (folder / "scores.csv").write_text(scores)
        (folder / "truth.csv").write_text("\n".join(["path,label", *labels, ""]))
        write_labels(folder)
        prepare(folder, "calibrate", "truth.csv", "--labels", "labels.txt", *SCORER, "--output", "c.json", "--quiet")
        return scores, json.loads((folder / "c.json").read_text())


def _load() -> tuple[str, dict[str, Any]]:
    with _lock:
        scores, calibration = _prepare()
    return scores, copy.deepcopy(calibration)


def _expect_temperature(outcome: Any) -> str:
    temperature = _load()[1]["temperature"]
    powers = [share ** (1 / temperature) for share in PROBABILITIES]
    return expect_shares(dict(zip(NAMES, (one / sum(powers) for one in powers))), outcome)


def _use(folder: Path, *, raw: bytes | None = None, more: Sequence[str] = (), file: str = "c.json") -> list[str]:
    scores, calibration = _load()
    write_image(folder)
    write_labels(folder)
    (folder / "scores.csv").write_text(scores)
    (folder / "c.json").write_bytes(json.dumps(calibration).encode() if raw is None else raw)
    return classify("--quiet", *SCORER, "--calibration", file, *more)


def _use_text(raw: bytes, folder: Path) -> list[str]:
    return _use(folder, raw=raw)


def _use_path(file: str, folder: Path) -> list[str]:
    return _use(folder, file=file)


def _use_cut(share: float, folder: Path) -> list[str]:
    raw = json.dumps(_load()[1], indent=2).encode()
    return _use(folder, raw=raw[: int(share * len(raw))])


def _use_flipped(number: int, folder: Path) -> list[str]:
    raw = bytearray(json.dumps(_load()[1]).encode())
    raw[len(raw) * number // 12] ^= 0x15
    return _use(folder, raw=bytes(raw))


def _use_with_other_labels(folder: Path) -> list[str]:
    arguments = _use(folder)
    write_labels(folder, "Parus major\nCyanistes caeruleus\n")
    return arguments


def _use_stored(folder: Path) -> list[str]:
    """The calibration that is found by its conditions, in the folder of the user's data."""
    from hashlib import sha256

    arguments = _use(folder)
    text = json.dumps(_load()[1]["conditions"], sort_keys=True)
    place = folder / ".data" / "calibrations" / f"{sha256(text.encode()).hexdigest()[:16]}.json"
    place.parent.mkdir(parents=True)
    place.write_text("{")
    return [*arguments[:-2], "--calibration", "auto"]


def _change(place: Sequence[str | int], value: Any, *more: str) -> partial[list[str]]:
    return partial(_use_changed, tuple(place), value, more)


def _use_changed(place: Sequence[str | int], value: Any, more: Sequence[str], folder: Path) -> list[str]:
    """value: ... removes the key."""
    document: Any = _load()[1]
    above = document
    for key in place[:-1]:
        above = above[key]
    if value is ...:
        del above[place[-1]]
    else:
        above[place[-1]] = value
    return _use(folder, raw=json.dumps(document).encode(), more=more)


def _fit(truth: str | None, *more: Any) -> list[str]:
    *flags, folder = more
    _use(folder)
    rows = "".join(f"{i}.png,{NAMES[i % 3]}\n" for i in range(120))
    (folder / "truth.csv").write_text(f"path,label\n{rows}" if truth is None else truth)
    return ["calibrate", "truth.csv", "--labels", "labels.txt", *SCORER, "--quiet", *flags]
