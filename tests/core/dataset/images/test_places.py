"""Where the bytes of images are: files, archives of all kinds, whole and damaged, and a server that fails now and then."""

from __future__ import annotations

import io
import tarfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.dataset.images import places
from bioclip_x.dataset.images.places import Place, find_places
from bioclip_x.errors import ImageError

CONTENT = {f"a/{n}.jpg": bytes([n]) * (700 + n) for n in range(5)}


def pack(path: Path, mode: str, content: dict[str, bytes] = CONTENT) -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, raw in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            tar.addfile(info, io.BytesIO(raw))
    return path


def read_all(images: list[tuple[str, str]], folder: Path | None = None) -> list[bytes | str]:
    """The bytes of each image, or the reason why there are none."""
    found: list[bytes | str] = []
    for place in find_places(images, folder):
        try:
            if isinstance(place, ImageError):
                raise place
            found.append(place.read())
        except ImageError as problem:
            found.append(str(problem))
    return found


@pytest.mark.parametrize(
    ("name", "mode"), [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.tgz", "w:gz"), ("a.tar.xz", "w:xz")]
)
def test_members_of_tar_files_in_any_order(tmp_path: Path, name: str, mode: str) -> None:
    archive = str(pack(tmp_path / name, mode))
    order = [3, 0, 4, 4, 1]
    found = read_all([(archive, f"a/{n}.jpg") for n in order] + [(archive, "a/none.jpg")], tmp_path)
    assert found == [CONTENT[f"a/{n}.jpg"] for n in order] + [f"{archive} has no a/none.jpg"]
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_members_of_zip_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in CONTENT.items():
            archive.writestr(name, raw)
    path = str(tmp_path / "a.zip")
    assert read_all([(path, "a/2.jpg"), (path, "none")]) == [CONTENT["a/2.jpg"], f"{path} has no none"]


def test_files_and_what_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"abc")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "gone")
    paths = [str(tmp_path / name) for name in ("a.jpg", "none.jpg", "link.jpg")] + [str(tmp_path)]
    assert read_all([(path, "") for path in paths]) == [b"abc", "no such file", "a broken link", "no such file"]


def test_a_place_in_a_file_that_has_become_shorter(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"abc")
    place = Place(str(tmp_path / "a.jpg"), 0, 3)
    (tmp_path / "a.jpg").write_bytes(b"ab")
    with pytest.raises(ImageError, match="has become shorter"):
        place.read()


@pytest.mark.parametrize(("name", "mode"), [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.tar.xz", "w:xz")])
@given(kept=st.floats(0, 1))
def test_archives_cut_short_give_whole_members_or_a_reason(
    tmp_path_factory: pytest.TempPathFactory, name: str, mode: str, kept: float
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    path = pack(folder / name, mode)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * kept)])
    for (name_of_member, content), found in zip(
        CONTENT.items(), read_all([(str(path), member) for member in CONTENT], folder), strict=True
    ):
        assert found == content or (isinstance(found, str) and name in found and "\n" not in found), name_of_member


@pytest.mark.parametrize("name", ["a.tar", "a.zip", "a.tar.gz"])
@pytest.mark.parametrize("content", [b"", b"no archive at all" * 50])
def test_files_that_are_no_archives(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    gone = str(tmp_path / f"none-{name}")
    found = read_all([(str(tmp_path / name), "a.jpg"), (gone, "a.jpg")])
    assert all(isinstance(one, str) for one in found) and found[1] == f"{gone} does not exist"


def test_a_tar_file_that_was_written_again_is_read_again(tmp_path: Path) -> None:
    path = str(pack(tmp_path / "a.tar", "w"))
    assert read_all([(path, "a/0.jpg")]) == [CONTENT["a/0.jpg"]]
    time.sleep(0.02)
    pack(tmp_path / "a.tar", "w", {"b.jpg": b"x" * 2000, "a/0.jpg": b"new"})
    assert read_all([(path, "a/0.jpg")]) == [b"new"]


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "STORED_IMAGE_BYTES", 600)
    (tmp_path / "a.jpg").write_bytes(bytes(601))
    path = str(pack(tmp_path / "a.tar", "w"))
    assert read_all([(str(tmp_path / "a.jpg"), ""), (path, "a/0.jpg")]) == [
        "too large: 601 bytes",
        "too large: 700 bytes",
    ]


class Server(ThreadingHTTPServer):
    """Answers /N with N bytes; /busy/K fails K times before; /gone has nothing."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.open = self.most_open = 0
        self.counting = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        with self.server.counting:
            self.server.asked[self.path] += 1
            times = self.server.asked[self.path]
        *_, kind, number = ("", *self.path.split("/"))
        if "gone" in self.path:
            self.send_error(404)
        elif kind == "busy" and times <= int(number):
            self.send_error(503)
        else:
            raw = b"x" * int(number)
            self.send_response(200)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    pytest.importorskip("aiohttp", reason="needs the extra remote")
    monkeypatch.setattr(places, "PAUSE", 0.01)
    with Server() as one:
        threading.Thread(target=one.serve_forever, daemon=True).start()
        yield one
        one.shutdown()


def test_urls_in_order_with_failures_tried_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"abc")
    root = f"http://127.0.0.1:{server.server_port}"
    paths = [*(f"/{n}" for n in range(40)), "/busy/2", "/busy/9", "/gone", "/7"]
    images = [(root + path, "") for path in paths]
    images.insert(5, (str(tmp_path / "a.jpg"), ""))
    found = read_all(images)
    assert found.pop(5) == b"abc"
    assert found[:40] == [b"x" * n for n in range(40)]
    assert found[40] == b"xx" and server.asked["/busy/2"] == 3
    assert "503" in str(found[41]) and server.asked["/busy/9"] == places.ATTEMPTS
    assert found[42] == "no such file" and server.asked["/gone"] == 1
    assert found[43] == b"x" * 7


def test_few_downloads_are_ahead_of_their_use(server: Server) -> None:
    root = f"http://127.0.0.1:{server.server_port}"
    found = find_places([(f"{root}/{n}", "") for n in range(200)])
    next(found)
    time.sleep(0.3)
    assert server.asked.total() <= 3 * places.CONNECTIONS
    found.close()  # type: ignore[attr-defined]


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("aiohttp", reason="needs the extra remote")
    monkeypatch.setattr(places, "PAUSE", 0.01)
    (found,) = read_all([("http://127.0.0.1:9/a.jpg", "")])
    assert isinstance(found, str) and "cannot be fetched" in found
