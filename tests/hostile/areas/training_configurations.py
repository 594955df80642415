"""Configurations of training runs: every kind of wrong field, and data that is broken."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from hostile.areas.checkpoints import CONFIG, MODEL, write_data
from hostile.areas.models import check_nothing_ran, make_pickles
from hostile.case import OK, READ_OR_REFUSED, REFUSED, Case, Outcome
from hostile.inputs import make_png

NAN, INFINITY = float("nan"), float("inf")
NUMBERS: tuple[Any, ...] = ("x", None, [1], {"a": 1}, NAN, INFINITY, -1, 1e308, 10**400)


def cases() -> Iterator[Case]:
    yield from _files()
    yield from _fields()
    yield from _nested()
    yield from _changes()
    yield from _manifests()
    yield from _shards()


def _train(config: dict[str, Any], folder: Path, *more: str) -> list[str]:
    write_data(folder, config)
    return ["train", "train.yaml", *more]


def _is_untouched(outcome: Outcome) -> str:
    """Nothing was trained: there is no checkpoint."""
    found = [str(path) for path in outcome.folder.rglob("checkpoint-*")]
    return f"trained: {found}" if found else ""


def _field(name: str, config: dict[str, Any], says: str, statuses: tuple[int, ...] = REFUSED, **limits: Any) -> Case:
    return Case(name, partial(_train, config), statuses, says, check=_is_untouched, **limits)


# The file


def _files() -> Iterator[Case]:
    texts: dict[str, bytes] = {
        "empty": b"", "null": b"null", "list": b"[1]", "number": b"3", "text": b"x", "binary": b"\xff\xfe\0\x01", "nul": b"a: \0",
        "deep": b"[" * 100_000, "deep-mappings": b"{a: " * 50_000, "deep-block": b"".join(b" " * i + b"a:\n" for i in range(1500)),
        "tag": b"!!python/object/apply:os.mkdir ['ran']", "tag-field": b"model: !!python/object/apply:os.mkdir ['ran']\n",
        "twice": b"seed: 1\nseed: 2\n", "tabs": b"\tseed: 1", "open": b'seed: "1', "self": b"&a [*a]", "alias": b"seed: *nothing",
        "date": b"seed: 2020-13-45\n", "merge-self": b"a: &a\n  <<: *a\n", "long-key": b"? " + b"k" * 200_000 + b"\n: 1\n",
        "bomb": b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
            b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9)) for i in range(9)
        ),
    }  # fmt: skip
    for name, text in texts.items():
        make = partial(_write_config, text)
        yield Case(f"file-{name}", make, REFUSED, "train.yaml", check=check_nothing_ran, seconds=5)
    for kind in ("folder", "missing", "zero", "loop", "nowhere"):
        yield Case(f"file-{kind}", partial(_place_config, kind), REFUSED, "train.yaml", seconds=5)
    for name, extends in {
        "self": "train.yaml", "missing": "none.yaml", "list": ["a"], "number": 3, "folder": ".", "nul": "a\0b", "zero": "/dev/zero",
        "long": "a" * 3000, "empty": "",
    }.items():  # fmt: skip
        yield _field(
            f"extends-{name}", CONFIG | {"extends": extends}, "extends|none.yaml|train.yaml|dev/zero", seconds=5
        )
    yield Case("extends-cycle", _write_cycle, REFUSED, "extends", seconds=5)
    yield Case("extends-chain", _write_chain, REFUSED, "extend one another", seconds=10)


def _write_config(text: bytes, folder: Path) -> list[str]:
    (folder / "train.yaml").write_bytes(text)
    return ["train", "train.yaml"]


def _place_config(kind: str, folder: Path) -> list[str]:
    file = folder / "train.yaml"
    if kind == "folder":
        file.mkdir()
    elif kind != "missing":
        file.symlink_to({"zero": "/dev/zero", "loop": "train.yaml", "nowhere": "nowhere"}[kind])
    return ["train", "train.yaml"]


def _write_cycle(folder: Path) -> list[str]:
    for i in range(5):
        (folder / f"{i}.yaml").write_text(f"extends: {(i + 1) % 5}.yaml\n")
    return ["train", "0.yaml"]


def _write_chain(folder: Path) -> list[str]:
    for i in range(300):
        (folder / f"{i}.yaml").write_text(f"extends: {i + 1}.yaml\n")
    (folder / "300.yaml").write_text("{}")
    return ["train", "0.yaml"]


# Fields


def _fields() -> Iterator[Case]:
    numbers = (
        "epochs", "batch_size", "learning_rate", "warmup_steps", "weight_decay", "seed", "layer_decay", "texts_per_picture", "own_text",
        "accumulate", "keep", "bank_every", "shuffle_shards", "cooldown_steps", "probe_steps", "max_logit_scale", "patch_dropout",
    )  # fmt: skip
    for number, name in enumerate(numbers):
        # Every field with some of the values: the same code reads them all.
        for i in range(3):
            at = (number * 3 + i) % len(NUMBERS)
            value = NUMBERS[at]
            yield _field(f"{name.replace('_', '-')}-{at}", CONFIG | {name: value}, name)
        yield _field(f"{name.replace('_', '-')}-text", CONFIG | {name: "many"}, name)
    huge: dict[str, Any] = {
        "epochs": 10**30, "batch_size": 10**30, "workers": 10**9, "threads": 10**9, "texts_per_picture": 10**12, "image_size": 10**7,
        "keep": 10**30, "accumulate": 10**30, "shuffle_shards": 10**30, "warmup_steps": 10**30,
        "checkpoint_every": 10**30, "probe_steps": 10**30,
    }  # fmt: skip
    for name, value in huge.items():
        yield _field(
            f"huge-{name.replace('_', '-')}", CONFIG | {name: value}, name.replace("image_size", "image"), seconds=10
        )
    for name in ("learning_rate", "weight_decay"):
        for i, value in enumerate((1e308, 1e40)):
            yield _field(f"huge-{name.replace('_', '-')}-{i}", CONFIG | {name: value}, name, seconds=10)
    others: dict[str, tuple[Any, ...]] = {
        "model": (None, 3, [], {}, "no-such", "local-dir:none", "local-dir:/dev/zero", "hf-hub:../x", "", {"embed_dim": 10**9}),
        "encoder": ("no-such", 3, [], {"name": 1}, {"name": "open_clip", "code": 1}),
        "taxonomy": (None, 3, ["a"], "none.csv", ".", "/dev/zero", "a\0b", "", "a" * 5000),
        "taxonomy_format": ("no-such", 3, []),
        "text": (None, [], "no-such", 3, [3], [[]], {"name": "scientific", "weight": NAN}, {"name": "scientific", "weight": 0}, {"weight": 2},
                 {"name": "scientific", "code": 1}, {"name": ["a"]}),
        "data": (None, [], "no-such", 3, {"name": "image-folder"}, {"name": "image-folder", "path": "none"}, {"name": "image-folder", "path": 3},
                 {"name": "image-folder", "path": "taxonomy.csv"}, {"name": "image-folder", "path": "squares", "share": -1},
                 {"name": "image-folder", "path": "squares", "share": NAN}, {"name": "image-folder", "path": "squares", "balance": 2},
                 {"name": "image-folder", "path": "a\0b"}, {"name": "image-folder", "path": "/dev/zero"}),
        "loss": ("no-such", 3, [None], {"name": "clip", "weight": NAN}, {"name": "clip", "weight": -1}, {"name": "clip", "learning_rate": 0},
                 {"name": "clip", "code": 1}, {"name": "clip", "source": "none"}),
        "adapter": ("no-such", 3, {"name": "lora", "rank": -1}, {"name": "lora", "rank": 10**12}),
        "descriptors": ("none.yaml", 3, "."),
        "lock": (3, {"image_groups": -1}, {"code": 1}, []),
        "phases": (3, [{}], [{"until": 2}], [{"until": NAN}], [{"until": 0.5}, {"until": 0.5}], [{"until": 0.5, "image_size": 0}]),
        "augment": (3, {"crop_scale": [1, 0]}, {"crop_scale": [NAN, 1]}, {"crop_scale": [0.5]}, {"colour_jitter": 1}, {"code": 1},
                    {"crop_ratio": [0, 1]}, {"crop_ratio": [INFINITY, INFINITY]}),
        "views": (3, {"greyscale": 2}),
        "validation": (3, {}, {"data": "no-such"}, {"data": {"name": "image-folder", "path": "none"}}, {"data": [], "every_epochs": 0}),
        "callbacks": ("no-such", 3, {"name": "early-stopping", "patience": -1}, {"name": "early-stopping", "code": 1}),
        "betas": (3, [0.9], [0.9, 1], [NAN, 0.9], [-1, 0.9], ["a", "b"]),
        "schedule": ("xyz", 3, None), "precision": ("fp8", 3), "device": ("xyz", "cuda:99", 3, "", "cuda:x"), "shard": ("xyz",),
        "compile": ("maybe", 3), "language": (3, []), "ema": (0, 1, NAN, "x"), "grad_clip": (0, -1, NAN),
        "output": (3, None, "taxonomy.csv", "/proc/none", "a\0b", "/dev/null/x", "b" * 300),
        "card": (3, []), "plugins": (3, "no_such_plugin", ["none.py"], [3], [""]), "card_": (1,), "Model": (1,), "epoch": (1,),
        "text_ranks": (3, ["no-such"]), "truncated": ("xyz",), "text_per": ("xyz",), "bank_precision": ("xyz",), "base": ("x",),
    }  # fmt: skip
    for name, values in others.items():
        for i, value in enumerate(values):
            says = name.split("_")[0].rstrip("s")
            yield _field(
                f"{name.replace('_', '-')}-wrong-{i}", CONFIG | {name: value}, f"(?i){says}|path|none.py", seconds=10
            )
    for name in ("model", "taxonomy", "text", "data", "epochs", "batch_size"):
        config = {key: value for key, value in CONFIG.items() if key != name}
        yield _field(f"without-{name.replace('_', '-')}", config, name)


def _nested() -> Iterator[Case]:
    """What a description of a new model says."""
    values: dict[str, tuple[Any, ...]] = {
        "embed_dim": (0, 10**9, "8", None), "vision_cfg": (None, [], {"layers": 10**9}, {"width": 0}, {"image_size": 10**6}),
        "text_cfg": (None, {"layers": 10**9}, {"context_length": 10**9}, {"vocab_size": 10**12}, {"heads": 0}, {"width": 65536, "layers": 999}),
        "preprocess": (3, {"size": 0}, {"size": 10**7}, {"mean": [NAN] * 3}, {"std": [0, 0, 0]}, {"code": 1}, {"interpolation": "x"}),
        "code": (1,),
    }  # fmt: skip
    for key, some in values.items():
        for i, value in enumerate(some):
            model = MODEL | {key: MODEL[key] | value if isinstance(value, dict) else value}
            name = f"model-{key.replace('_', '-')}-{i}"
            yield _field(name, CONFIG | {"model": model}, "model", seconds=10, bytes=3 << 29)


# --set


def _changes() -> Iterator[Case]:
    changes = {
        "no-value": "epochs", "no-name": "=3", "empty": "", "unknown": "epoch=3", "nested": "epochs.a=3", "deep": "augment.a.b.c=3",
        "brackets": "augment=" + "[" * 50_000, "open": "augment={", "tag": "model=!!python/object/apply:os.mkdir ['ran']",
        "nan": "learning_rate=.nan", "date": "seed=2020-13-45", "huge": "seed=" + "9" * 5000, "dots": "...=1", "long": "a" * 9000 + "=1",
        "bomb": "card=[&a [x,x,x,x,x,x,x,x], &b [*a,*a,*a,*a,*a,*a,*a], &c [*b,*b,*b,*b,*b,*b,*b], &d [*c,*c,*c,*c,*c,*c,*c], "
                "&e [*d,*d,*d,*d,*d,*d,*d], &f [*e,*e,*e,*e,*e,*e,*e], &g [*f,*f,*f,*f,*f,*f,*f], *g]",
        "self": "card=&a {x: *a}", "nul": "output=a\u0001", "lone": "output=\udcff\udcfe", "twice": "augment={a: 1, a: 2}",
        "dots-deep": ".".join(["a"] * 3000) + "=1",
    }  # fmt: skip
    for name, change in changes.items():
        # A name of a folder may well be a strange one; the run is never begun, since it needs two epochs' worth of images.
        make = partial(
            _train,
            CONFIG | {"batch_size": 64},
        )
        yield Case(f"set-{name}", partial(_train_set, make, change), REFUSED, check=check_nothing_ran, seconds=5)


def _train_set(make: Callable[[Path], list[str]], change: str, folder: Path) -> list[str]:
    return [*make(folder), "--set", change]


# Tables of images


def _manifests() -> Iterator[Case]:
    good = "path,label\n" + "".join(
        f"squares/{name}/{i}.png,{name.replace('_', ' ')}\n"
        for name in ("Rubrus_primus", "Viridis_secundus")
        for i in range(2)
    )
    tables: dict[str, bytes] = {
        "empty": b"", "header": b"path,label\n", "no-label": b"path\na.png\n", "no-path": b"label\nx\n", "twice": b"path,path,label\na,b,c\n",
        "binary": b"\xff\xfe\0\x80", "nul": b"path,label\na\0b.png,Rubrus primus\n", "long-line": b"path,label\n" + b"a" * (3 << 20) + b",x\n",
        "unknown": b"path,label\na.png,No such\n", "quote": b'path,label\n"a.png,Rubrus primus\n', "ragged": b"path,label\na.png\n,,,,\n",
    }  # fmt: skip
    for name, table in tables.items():
        yield Case(
            f"manifest-{name}", partial(_train_table, table), REFUSED, "table.csv|image|path", check=_is_untouched
        )
    rows = {
        "away": "../../x.png", "absolute": "/etc/passwd", "missing": "none.png", "folder": "squares", "zero": "/dev/zero", "pipe": "pipe",
        "long": "a" * 3000, "url": "http://[", "file-url": "file:///etc/passwd", "text": "taxonomy.csv", "empty-file": "empty.png",
    }  # fmt: skip
    for name, row in rows.items():
        table = (good + f"{row},Rubrus primus\n").encode()
        outside = name in ("away", "absolute", "zero", "file-url")
        statuses = REFUSED if outside else OK
        make = partial(_train_table, table)
        yield Case(
            f"manifest-row-{name}",
            make,
            statuses,
            "outside" if outside else "cannot be read",
            seconds=10,
        )


def _train_table(table: bytes, folder: Path) -> list[str]:
    arguments = _train(CONFIG | {"data": {"name": "manifest", "path": "table.csv"}, "batch_size": 5}, folder)
    (folder / "table.csv").write_bytes(table)
    (folder / "empty.png").touch()
    os.mkfifo(folder / "pipe")
    return arguments


# Shards


def _shards() -> Iterator[Case]:
    good = [
        (f"{i:03}.{kind}", raw)
        for i in range(4)
        for kind, raw in (("png", make_png()), ("taxon.txt", b"Rubrus primus"))
    ]
    archives: dict[str, tuple[bytes, tuple[int, ...], str]] = {
        "whole": (_tar(good), OK, ""),
        "empty": (b"", REFUSED, "shard"),
        "text": (b"not an archive" * 100, REFUSED, "shard"),
        "zeros": (bytes(10240), REFUSED, "shard"),
        "cut": (_tar(good)[:7000], OK, "damaged|cut|truncated|end"),
        "cut-header": (_tar(good)[:300], REFUSED, "shard"),
        "no-images": (_tar([("000.txt", b"x")]), REFUSED, "shard|image"),
        "no-texts": (_tar([("000.png", make_png())]), REFUSED, "shard|image|neither"),
        "bad-image": (_tar([*good, ("004.png", b"x"), ("004.taxon.txt", b"Rubrus primus")]), OK, "cannot be read"),
        "empty-image": (_tar([*good, ("004.png", b""), ("004.taxon.txt", b"Rubrus primus")]), OK, "cannot be read"),
        "keys-twice": (_tar([*good, *good]), READ_OR_REFUSED, ""),
        "absolute": (
            _tar([*good, ("/etc/x.png", make_png()), ("/etc/x.taxon.txt", b"Rubrus primus")]),
            READ_OR_REFUSED,
            "",
        ),
        "above": (
            _tar([*good, ("../../x.png", make_png()), ("../../x.taxon.txt", b"Rubrus primus")]),
            READ_OR_REFUSED,
            "",
        ),
        "no-utf8": (_tar([*good, ("004.png", make_png()), ("004.taxon.txt", b"\xff\xfe\x80")]), OK, ""),
        "long-text": (_tar([*good, ("004.png", make_png()), ("004.taxon.txt", b"a" * (3 << 20))]), OK, ""),
        "deep-json": (_tar([*good, ("004.png", make_png()), ("004.json", b"[" * 100_000)]), OK, ""),
        "links": (_links(good), OK, ""),
        "gzip-bomb": (_gzip(), REFUSED, "shard"),
        "huge-entry": (_huge(), REFUSED, "shard"),
    }
    for name, (raw, statuses, says) in archives.items():
        yield Case(
            f"shard-{name}",
            partial(_train_shard, raw, name.endswith("-image")),
            statuses,
            says,
            check=_reads_nothing_outside,
            seconds=10,
        )
    for name, content in make_pickles().items():
        raw = _tar(
            [
                *good,
                ("004.pyd", content),
                ("004.pth", content),
                ("004.pkl", content),
                ("004.npy", content),
                ("004.png", make_png()),
            ]
        )
        yield Case(f"shard-pickle-{name}", partial(_train_shard, raw, False), OK, check=check_nothing_ran)
    paths = {
        "missing": "none.tar", "url": "http://localhost:1/x.tar", "pipe": "pipe:touch ran", "braces": "{0..100000000}.tar", "open": "{0..",
        "zero": "/dev/zero", "folder": ".", "glob": "**/**/**/*.tar", "nul": "a\0b", "fifo": "fifo",
    }  # fmt: skip
    for name, path in paths.items():
        config = CONFIG | {"data": {"name": "webdataset", "path": path}}
        yield Case(
            f"shards-{name}",
            partial(_train_fifo, config),
            REFUSED,
            "(?i)shard|path|tar",
            check=check_nothing_ran,
            seconds=10,
        )


def _train_fifo(config: dict[str, Any], folder: Path) -> list[str]:
    os.mkfifo(folder / "fifo")
    return _train(config, folder)


def _train_shard(raw: bytes, all_: bool, folder: Path) -> list[str]:
    arguments = _train(
        CONFIG | {"data": {"name": "webdataset", "path": "shard.tar"}} | ({"batch_size": 5} if all_ else {}), folder
    )
    (folder / "shard.tar").write_bytes(raw)
    return arguments


def _reads_nothing_outside(outcome: Outcome) -> str:
    return "read a file outside" if "root:" in outcome.stdout + outcome.stderr else ""


def _tar(files: list[tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def _links(files: list[tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO(_tar(files))
    with tarfile.open(fileobj=stream, mode="a") as archive:
        for number, kind in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)):
            for suffix in ("png", "taxon.txt"):
                info = tarfile.TarInfo(f"9{number}.{suffix}")
                info.type, info.linkname = kind, "/etc/passwd"
                archive.addfile(info)
    return stream.getvalue()


def _gzip() -> bytes:
    import gzip

    return gzip.compress(bytes(100 << 20))


def _huge() -> bytes:
    """A header that promises more than there is."""
    info = tarfile.TarInfo("000.png")
    info.size = 1 << 40
    return info.tobuf() + bytes(1024)
