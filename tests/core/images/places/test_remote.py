from __future__ import annotations

import http.server
import socket
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import fsspec
import numpy as np
import pytest

from bioclip_x.errors import ImageError
from bioclip_x.images.files import ImageFiles
from bioclip_x.images.places.folders import LeftOut
from bioclip_x.images.places.remote import is_url, read_url
from bioclip_x.images.places.tables import resolve_reference
from bioclip_x.images.sources import check_sources, expand_sources
from helpers import picture


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a web server of tmp_path."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_web_addresses(tmp_path: Path, server: str) -> None:
    picture().save(tmp_path / "a.png")
    sources = list(expand_sources([f"{server}/a.png?size=large&x=[1]", f"{server}/gone.png"]))
    assert [source.name for source in sources] == [f"{server}/a.png?size=large&x=[1]", f"{server}/gone.png"]
    read = ImageFiles().read
    np.testing.assert_array_equal(np.asarray(read(sources[0]).image), np.asarray(picture()))
    with pytest.raises(ImageError, match="no such file"):
        read(sources[1])


def test_a_server_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ImageError, match="cannot be fetched"):
        read_url("http://127.0.0.1:9/a.png")


def test_a_table_beside_its_images(tmp_path: Path, server: str) -> None:
    picture().save(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text(f"path\na.png\n{server}/a.png\n")
    sources = list(expand_sources([f"{server}/t.csv"]))
    assert [source.url for source in sources] == [f"{server}/a.png"] * 2


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[str]:
    """A folder of fsspec's memory file system."""
    system = fsspec.filesystem("memory")
    root = f"/{tmp_path.name}"
    picture().save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    for name in ("a.png", "b/c.png", "b/notes.txt", "@eaDir/d.png"):
        system.pipe_file(f"{root}/{name}", data)
    yield f"memory://{root}"
    system.rm(root, recursive=True)


def test_folders_and_patterns_of_a_file_system(bucket: str) -> None:
    left_out = LeftOut()
    sources = list(expand_sources([bucket], left_out=left_out))
    assert [source.name for source in sources] == [f"{bucket}/a.png", f"{bucket}/b/c.png"]
    assert left_out.describe() == "left out: 1 file that is no image (.txt 1); 1 folder @eaDir"
    assert ImageFiles().read(sources[1]).image.size == (40, 30)
    assert [source.name for source in expand_sources([f"{bucket}/b/*.png"])] == [f"{bucket}/b/c.png"]
    assert [source.error for source in expand_sources([f"{bucket}/*.jpg"])] == ["there are no images"]


def test_files_of_this_machine(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.png")
    [source] = expand_sources([f"file://{tmp_path}/a.png"])
    assert ImageFiles().read(source).image.size == (40, 30)


def test_unknown_schemes_and_missing_libraries_are_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    check_sources(["nonsense://a/b.png", "a.png"])
    [source] = expand_sources(["nonsense://a/b.png"])
    assert "nonsense" in source.error and "expected https://, s3://" in source.error
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(ImageError, match=r"pip install 'bioclip-x\[remote\]'"):
        read_url("https://e.org/a.png")


def test_urls_are_told_from_paths() -> None:
    assert is_url("https://e.org") and is_url("s3://b/k") and not is_url("C:\\a.jpg") and not is_url("a/b://c")


def test_a_file_without_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from bioclip_x.images.places import remote

    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://long.jpg", "wb") as stream:
        stream.write(b"x" * 1001)
    monkeypatch.setattr(remote, "DOWNLOADED_IMAGE_BYTES", 1001)
    assert len(remote.read_url("memory://long.jpg")) == 1001
    monkeypatch.setattr(remote, "DOWNLOADED_IMAGE_BYTES", 1000)
    with pytest.raises(ImageError, match="too large"):
        remote.read_url("memory://long.jpg")


def test_passwords_are_not_shown() -> None:
    [source] = expand_sources(["http://me:secret@127.0.0.1:9/a.png"])
    assert source.name == "http://…@127.0.0.1:9/a.png" and source.url == "http://me:secret@127.0.0.1:9/a.png"
    for url in ("http://me:secret@127.0.0.1:9/a.png", "http://me:secret@127.0.0.1:abc/a.png"):
        with pytest.raises(ImageError) as caught:
            read_url(url)
        assert "secret" not in str(caught.value)


def test_devices_behind_urls_are_not_read() -> None:
    for url in ("file:///dev/zero", "zip://a.png::/dev/zero", "zip://a.png::file:///dev/zero"):
        with pytest.raises(ImageError, match="a pipe or device"):
            read_url(url)


def test_a_server_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from bioclip_x.images.places import remote

    monkeypatch.setattr(remote, "FETCH_CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ImageError, match="no answer within"):
        read_url(f"http://127.0.0.1:{silent.getsockname()[1]}/a.png")


def test_a_remote_table_names_no_file_of_this_machine() -> None:
    assert "a file of this machine" in resolve_reference("file:///etc/passwd", "https://example.org/t.csv").error
    assert resolve_reference("file:///a.png", "t.csv").url == "file:///a.png"
