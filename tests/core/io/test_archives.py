"""Reading archives, and refusing unsafe ones."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from bioclip_x.errors import TaxonomyError
from bioclip_x.io import archives, compression
from bioclip_x.io.archives import is_archive, open_archive

TEXT = b"id\tname\n1\tParus\n"


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, files: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def read(path: Path, name: str) -> bytes:
    with open_archive(path) as archive, archive.open(name) as stream:
        return stream.read()


def test_zip_tar_folder_and_file_give_the_same_contents(tmp_path: Path) -> None:
    files = {"data/taxon.tsv": TEXT, "readme.txt": b"hello"}
    paths = [zipped(tmp_path / "a.zip", files)]
    paths += [tarred(tmp_path / f"a.{i}", files, mode) for i, mode in enumerate(("w", "w:gz", "w:bz2", "w:xz"))]
    folder = tmp_path / "folder"
    (folder / "data").mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    for path in (*paths, folder):
        with open_archive(path) as archive:
            assert sorted(archive.names) == sorted(files)
            assert archive.find("TAXON.tsv") == "data/taxon.tsv"
            assert archive.find("missing.tsv") == ""
        assert read(path, "data/taxon.tsv") == TEXT
        assert path.is_dir() or is_archive(path.read_bytes()[:512])
    plain = folder / "readme.txt"
    assert read(plain, "readme.txt") == b"hello"
    assert not is_archive(plain.read_bytes())


def test_system_files_are_left_out(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"taxon.tsv": TEXT, "__MACOSX/._taxon.tsv": b"x", ".DS_Store": b"x"})
    with open_archive(path) as archive:
        assert archive.names == ("taxon.tsv",)


@pytest.mark.parametrize("name", ["../taxon.tsv", "/etc/passwd", "a/../../b", "..\\b", "\\b", "C:\\b", "C:/b"])
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_paths_outside_the_archive_are_refused(tmp_path: Path, name: str, pack) -> None:  # type: ignore[no-untyped-def]
    path = pack(tmp_path / "a", {"taxon.tsv": TEXT, name: b"x"})
    with pytest.raises(TaxonomyError, match="outside the archive"), open_archive(path):
        pass


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("taxon.tsv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    paths = [tmp_path / "a.zip"]
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE):
        paths.append(tmp_path / f"a{kind!r}.tar")
        with tarfile.open(paths[-1], "w") as tar:
            info = tarfile.TarInfo("taxon.tsv")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    for path in paths:
        with pytest.raises(TaxonomyError, match=r"contains a link"), open_archive(path):
            pass


def test_zip_bombs_are_refused_before_they_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "UNPACKED_FREE", 1 << 20)
    bomb = b"\0" * (8 << 20)
    path = zipped(tmp_path / "a.zip", {"taxon.tsv": bomb})
    with pytest.raises(TaxonomyError, match="zip bomb"):
        read(path, "taxon.tsv")
    # A tar is unpacked to find its files, and so may not even be opened.
    with (
        pytest.raises(TaxonomyError, match="zip bomb"),
        open_archive(tarred(tmp_path / "a.tgz", {"taxon.tsv": bomb, "b": TEXT})),
    ):
        pass
    honest = os.urandom(2 << 20)
    assert read(zipped(tmp_path / "b.zip", {"taxon.tsv": honest}), "taxon.tsv") == honest


def test_a_zip_bomb_with_wrong_sizes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "UNPACKED_FREE", 1 << 20)
    path = zipped(tmp_path / "a.zip", {"taxon.tsv": b"\0" * (8 << 20)})
    data = path.read_bytes()
    # The unpacked size in the local header and in the directory: 8 MiB → 1 KiB.
    path.write_bytes(data.replace((8 << 20).to_bytes(4, "little"), (1 << 10).to_bytes(4, "little")))
    with pytest.raises(TaxonomyError):
        read(path, "taxon.tsv")


def test_a_zip_bomb_that_claims_to_be_large_when_packed_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"taxon.tsv": b"\0" * (80 << 20)})
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\x01\x02") + 20
    data[place : place + 4] = (1 << 30).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    with pytest.raises(TaxonomyError, match=r"damaged or incomplete|unpacks to more than"):
        read(path, "taxon.tsv")


def test_encrypted_damaged_and_unknown_archives_are_reported(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"taxon.tsv": TEXT * 100})
    whole = path.read_bytes()
    directory = whole.index(b"PK\x01\x02")
    encrypted = bytearray(whole)
    encrypted[6] |= 1
    encrypted[directory + 8] |= 1
    broken = {
        "encrypted": bytes(encrypted),
        "damaged or incomplete": whole[: len(whole) // 2],
        "is damaged or incomplete": gzip.compress(b"hello" * 100)[:20],
    }
    for message, data in broken.items():
        path.write_bytes(data)
        with pytest.raises(TaxonomyError, match=message), open_archive(path):
            pass
    damaged = bytearray(whole)
    damaged[45] ^= 0xFF
    path.write_bytes(bytes(damaged))
    with pytest.raises(TaxonomyError, match="cannot be read"):
        read(path, "taxon.tsv")


def test_a_tar_cut_short_is_an_error(tmp_path: Path) -> None:
    path = tarred(tmp_path / "a.tgz", {"taxon.tsv": os.urandom(100_000)})
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(TaxonomyError, match="damaged or incomplete"), open_archive(path):
        pass


def test_a_compressed_file_that_is_no_tar_is_an_archive_of_one_file(tmp_path: Path) -> None:
    path = tmp_path / "taxon.tsv.gz"
    path.write_bytes(gzip.compress(TEXT))
    with open_archive(path) as archive:
        assert archive.names == ("taxon.tsv",) and archive.where("taxon.tsv") == str(path)
    assert read(path, "taxon.tsv") == TEXT


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("taxon.tsv", "a")
        archive.writestr("taxon.tsv", "b")
    with pytest.raises(TaxonomyError, match="two files named"), open_archive(path):
        pass


def test_missing_archives_and_files_are_reported(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match="does not exist"), open_archive(tmp_path / "missing.zip"):
        pass
    path = zipped(tmp_path / "a.zip", {"taxon.tsv": TEXT})
    with pytest.raises(TaxonomyError, match=r"has no file name\.tsv; it has taxon\.tsv"):
        read(path, "name.tsv")


def test_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "ARCHIVE_FILES", 3)
    path = zipped(tmp_path / "a.zip", {f"{i}.tsv": b"" for i in range(4)})
    with pytest.raises(TaxonomyError, match="more than 3 files"), open_archive(path):
        pass
