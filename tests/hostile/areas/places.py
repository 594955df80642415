"""Where images are: paths, folders, patterns, pipes, devices and URLs that are not what they should be."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from hostile.case import OK, REFUSED, SOME_FAILED, Case, Outcome
from hostile.image_bytes import draw_drawing, make_file
from hostile.runs import check_others, classify_among, read_rows
from hostile.web import start_server

Write = Callable[[Path], None]


def cases() -> Iterator[Case]:
    for maker in (_of_names, _of_special_files, _of_pipes, _of_folders, _of_lists, _of_urls, _of_servers):
        yield from maker()


def _among(
    name: str, given: str, statuses: tuple[int, ...], says: str = "", write: Write | None = None, **more: float
) -> Case:
    """A case of one input among good ones."""
    n_failed = {OK: 0, SOME_FAILED: 1}.get(statuses)
    check = check_others(n_failed) if statuses != REFUSED else lambda outcome: ""
    return Case(name, partial(_run, given, write), statuses, says, check, **more)  # type: ignore[arg-type]


def _run(given: str, write: Write | None, folder: Path) -> list[str]:
    if write is not None:
        write(folder)
    return classify_among(folder, given.replace("{folder}", str(folder)))


def _of_names() -> Iterator[Case]:
    for name, given in (
        ("missing", "missing.png"),
        ("missing-folder", "no/such/a.png"),
        ("file-as-folder", "labels.txt/a.png"),
        ("newline", "a\nb.png"),
        ("escape", "a\x1bcb.png"),
        ("right-to-left", "a\u202egnp.exe"),
        ("blank", " "),
        ("tilde", "~nobody/a.png"),
        ("tilde-alone", "~"),
        ("dollar", "$HOME/a.png"),
        ("backslashes", "C:\\photos\\a.png"),
        ("drive", "C:/photos/a.png"),
        ("long", "x" * 300 + ".png"),
        ("long-path", "/".join(["x" * 200] * 30)),
        ("surrogate", "a\udc80b.png"),
        ("lone-surrogate", "a\ud800b.png"),
        ("nul", "a\0b.png"),
        ("dots", "../" * 3000 + "a.png"),
        ("braces", "{a,b}.png"),
        ("emoji", "\U0001f426.png"),
        ("flag", "./--help"),
    ):
        yield _among(f"name-{name}", given, SOME_FAILED, alone=False)
    for name, given in (
        ("nothing", ""),
        ("brackets", "[a.png"),
        ("star", "*.jpg"),
        ("many-stars", "*" * 3000),
        ("deep-stars", "**/" * 500 + "x"),
    ):
        yield Case(f"name-{name}", partial(_run, given, None), (1, 2), seconds=5)
    for name in (
        "long" + "x" * 240,
        "new\nline",
        "\u202egnp.exe",
        "esc\x1b[31m",
        "quote'\"",
        "=cmd()",
        "<script>",
        "ü",
        "u\u0308",
        "\udcff\udcfe",
    ):
        file = f"{name}.png"

        def write(folder: Path, file: str = file) -> None:
            draw_drawing().save(folder / file)

        yield _among(f"file-named-{name.encode('utf-8', 'surrogateescape').hex()[:30]}", file, OK, write=write)


def _of_special_files() -> Iterator[Case]:
    for device in ("zero", "random", "null", "full", "tty", "stdin"):
        yield _among(f"dev-{device}", f"/dev/{device}", SOME_FAILED, seconds=5)
    yield _among("proc-mem", "/proc/self/mem", SOME_FAILED, seconds=5)
    yield _among("proc-version", "/proc/version", SOME_FAILED)
    yield _among("etc-passwd", "/etc/passwd", SOME_FAILED, "not an image")

    def link(target: str, name: str = "a.png") -> Write:
        return lambda folder: (folder / name).symlink_to(target)

    yield _among("broken-link", "a.png", SOME_FAILED, "a broken link", link("gone.png"))
    yield _among("link-to-itself", "a.png", SOME_FAILED, "", link("a.png"))
    yield _among("link-to-zero", "a.png", SOME_FAILED, "a device", link("/dev/zero"))
    yield _among("link-to-a-good-one", "a.png", OK, "", link("bird.png"))

    def listen(folder: Path) -> None:
        here = os.getcwd()  # noqa: PTH109
        os.chdir(folder)  # a socket's path is short
        try:
            with socket.socket(socket.AF_UNIX) as one:
                one.bind("s.png")
        finally:
            os.chdir(here)

    yield _among("socket", "s.png", SOME_FAILED, "a device", listen)


def _feed(data: Callable[[], Iterator[bytes]], name: str = "p.png") -> Write:
    """Makes a FIFO to which a thread writes."""

    def write(folder: Path) -> None:
        os.mkfifo(folder / name)

        def feed() -> None:
            try:
                with (folder / name).open("wb", buffering=0) as stream:
                    for part in data():
                        stream.write(part)
            except OSError:
                pass

        threading.Thread(target=feed, daemon=True).start()

    return write


def _of_pipes() -> Iterator[Case]:
    yield _among("pipe-of-an-image", "p.png", OK, "", _feed(lambda: iter([make_file("png")])))
    yield _among(
        "pipe-of-parts", "p.png", OK, "", _feed(lambda: (make_file("png")[i : i + 100] for i in range(0, 20_000, 100)))
    )
    yield _among("pipe-of-half", "p.png", SOME_FAILED, "", _feed(lambda: iter([make_file("png")[:900]])))
    yield _among("pipe-of-nothing", "p.png", SOME_FAILED, "empty", _feed(lambda: iter([])))
    yield _among("pipe-of-text", "p.png", SOME_FAILED, "not an image", _feed(lambda: iter([b"no image"])))
    yield _among(
        "pipe-without-end",
        "p.png",
        SOME_FAILED,
        "too large",
        _feed(lambda: (bytes(1 << 20) for _ in range(5000))),
        seconds=10,
    )
    yield _among(
        "pipe-of-a-table", "t.csv", SOME_FAILED, "not an image", _feed(lambda: iter([b"path\nbird.png\n"]), "t.csv")
    )
    yield _among(
        "pipe-that-nobody-writes-to",
        "p.png",
        SOME_FAILED,
        "nothing was written",
        lambda folder: os.mkfifo(folder / "p.png"),
    )


def _of_folders() -> Iterator[Case]:
    yield _among("folder-empty", "d", REFUSED, "contains no images", lambda folder: (folder / "d").mkdir())
    yield _among(
        "folder-named-as-image", "d.png", REFUSED, "contains no images", lambda folder: (folder / "d.png").mkdir()
    )

    def fill(folder: Path) -> None:
        below = folder / "d" / "a" / "b"
        below.mkdir(parents=True)
        draw_drawing().save(below / "x.png")
        for name in ("one", "two", "three"):  # every way round the loop is another path
            (below / name).symlink_to(folder / "d")
            (folder / "d" / name).symlink_to(below)
        os.mkfifo(below / "pipe.png")
        (below / ".hidden.png").write_bytes(b"x")
        (below / "notes.txt").write_text("x", "utf-8")

    for given in ("d", "d/**", "d/**/*.png", "d/**/**", "d/*/**", "**/x.png", "./d/a/../**/x.png"):
        check = check_others(None, None)
        yield Case(
            f"loops-{given.encode().hex()}",
            partial(_run, given, fill),
            (0, 1),
            check=partial(_check_once, check, "x.png"),
            seconds=5,
        )

    def nest(folder: Path) -> None:
        here = os.getcwd()  # noqa: PTH109
        os.chdir(folder)
        try:
            for _ in range(120):  # longer than the longest path
                os.mkdir("d" * 60)  # noqa: PTH102
                os.chdir("d" * 60)
            draw_drawing().save("deep.png")
        finally:
            os.chdir(here)

    for given in ("d" * 60, "d*/**", "**/deep.png"):
        yield Case(f"deep-{given[-8:].encode().hex()}", partial(_run, given, nest), (0, 1, 2), seconds=8)

    def spread(folder: Path) -> None:
        (folder / "many").mkdir()
        for i in range(3000):
            (folder / "many" / f"{i}.txt").write_bytes(b"x")
        draw_drawing().save(folder / "many" / "x.png")

    yield Case("folder-of-3000-others", partial(_run, "many", spread), OK, check=check_others(0, 1), seconds=5)


def _check_once(check: Callable[[Outcome], str], name: str, outcome: Outcome) -> str:
    found = [row["source"] for row in read_rows(outcome) if row["source"].endswith(name)]
    most = 4 if any("/one/" in one for one in found) else 1  # a `*` matches the links, too
    return check(outcome) or ("" if 1 <= len(found) <= most else f"{name} has {len(found)} rows: {found[:5]}")


def _of_lists() -> Iterator[Case]:
    """A table as a list of images."""
    for name, text in (
        ("missing", b"path\nno.png\n"),
        ("urls-malformed", b"url\nhttp://[\n"),
        ("nul", b"path\na\0b.png\n"),
        ("parent", b"path\n../../../../../../etc/passwd\n"),
        ("device", b"path\n/dev/zero\n"),
        ("fields", b'path\n"open\n'),
        ("long", b"path\n" + b"x" * 100_000 + b"\n"),
        ("huge-line", b"path\n" + b"x" * 3_000_000 + b"\n"),
        ("itself", b"path\nt.csv\n"),
        ("blank", b"path,url\n,\n"),
    ):
        run = partial(_run, "t.csv", lambda folder, text=text: (folder / "t.csv").write_bytes(text))
        yield Case(f"list-{name}", run, (1, 2), check=_check_if_run, seconds=5)
    for name, text in (
        ("empty", b""),
        ("no-column", b"a,b\n1,2\n"),
        ("latin-1", b"path\n\xff\xfe\xfd.png\n"),
        ("zeros", bytes(3000)),
    ):
        run = partial(_run, "t.csv", lambda folder, text=text: (folder / "t.csv").write_bytes(text))
        yield Case(f"list-{name}", run, REFUSED, r"t\.csv")


def _check_if_run(outcome: Outcome) -> str:
    return check_others(1, 1)(outcome) if outcome.status == 1 else ""


def _of_urls() -> Iterator[Case]:
    for name, url in (
        ("bracket", "http://["),
        ("bracket-closed", "http://[]/"),
        ("port-abc", "http://127.0.0.1:abc/a.png"),
        ("port-0", "http://127.0.0.1:0/a.png"),
        ("port-99999", "http://127.0.0.1:99999/a.png"),
        ("port-negative", "http://127.0.0.1:-1/a.png"),
        ("no-host", "http:///a.png"),
        ("only-scheme", "https://"),
        ("unknown-scheme", "nonsense://a/b.png"),
        ("chained", "zip://a.png::file:///dev/zero"),
        ("data", "data:image/png;base64,iVBORw0KGgo="),
        ("javascript", "javascript:alert(1)"),
        ("ftp", "ftp://127.0.0.1:9/a.png"),
        ("closed-port", "http://127.0.0.1:9/a.png"),
        ("passwd", "file:///etc/passwd"),
        ("file-zero", "file:///dev/zero"),
        ("no-such-host", "http://no-such-host.invalid/a.png"),
        ("blank-host", "http://a b/c.png"),
        ("nul", "http://127.0.0.1:9/a\0.png"),
        ("s3", "s3://bucket/a.png"),
        ("gs", "gs://bucket/a.png"),
        ("ssh", "ssh://127.0.0.1:9/a.png"),
        ("hf", "hf://a/b/c.png"),
        ("github", "github://"),
        ("memory", "memory://no.png"),
        ("reference", "reference://a.png"),
        ("git", "git://a.png"),
    ):
        yield _among(f"url-{name}", url, SOME_FAILED, seconds=6)
    secret = "http://me:secret-word@127.0.0.1:9/a.png"
    yield Case("url-with-password", partial(_run, secret, None), SOME_FAILED, check=_check_no_secret)
    bad = "http://me:secret-word@127.0.0.1:abc/a.png"
    yield Case("url-with-password-malformed", partial(_run, bad, None), SOME_FAILED, check=_check_no_secret)


def _check_no_secret(outcome: Outcome) -> str:
    said = outcome.stdout.partition('"source"')[2] + outcome.stderr
    return check_others(1, 1)(outcome) or ("a password is shown" if "secret-word" in said else "")


def _of_servers() -> Iterator[Case]:
    for name in ("good", "elsewhere"):
        yield Case(f"server-{name}", partial(_fetch, name), OK, check=check_others(0, 1))
    for name in (
        "gone",
        "fault",
        "page",
        "loop",
        "tofile",
        "tonowhere",
        "early",
        "negative",
        "nolength",
        "empty",
        "notgzip",
        "unknowncoding",
        "badchunks",
        "nothttp",
        "headers",
        "nothing",
    ):
        statuses = (0, 1) if name in ("unknowncoding", "negative", "nolength") else SOME_FAILED
        check = check_others(None if statuses == (0, 1) else 1, 1)
        yield Case(f"server-{name}", partial(_fetch, name), statuses, check=check, seconds=6)
    yield Case("server-longer", partial(_fetch, "longer"), SOME_FAILED, check=check_others(1, 1))
    for name in ("bomb", "endless"):
        yield Case(f"server-{name}", partial(_fetch, name), SOME_FAILED, "too large", check_others(1, 1), seconds=10)


def _fetch(name: str, folder: Path) -> list[str]:
    return classify_among(folder, f"{start_server()}/{name}.png")
