from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from bioclip_x.errors import ImageError
from bioclip_x.images.decoding import decode_file
from bioclip_x.images.truncation import has_many_scans


def scene(size: tuple[int, int] = (160, 128)) -> Image.Image:
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    noise = np.random.default_rng(0).integers(0, 20, (size[1], size[0]))
    return Image.fromarray(np.dstack([x + noise, y + 60 + noise, 200 - y + noise]).clip(0, 255).astype(np.uint8))


def encode(format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    scene().save(buffer, format_, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("format_", "options"),
    [
        ("JPEG", {"quality": 90}),
        ("JPEG", {"quality": 90, "subsampling": 0}),
        ("JPEG", {"quality": 90, "progressive": True}),
        ("PNG", {}),
        ("BMP", {}),
        ("PPM", {}),
    ],
)
def test_what_is_there_is_read_with_a_note(tmp_path: Path, format_: str, options: dict[str, object]) -> None:
    data = encode(format_, **options)
    path = tmp_path / "cut"
    path.write_bytes(data[: int(len(data) * 0.9)])
    opened = decode_file(path, {}, "read")
    [note] = opened.notes
    if options.get("progressive"):
        assert note == "file truncated: all but the end of its last pass read"
    else:
        assert note.startswith("file truncated: ") and note.endswith("% read")
        assert float(note.split()[2].rstrip("%")) == pytest.approx(90, abs=6)
    middle = slice(20, 108)  # BMP begins with the last row
    assert abs(np.asarray(opened.image, float)[middle] - np.asarray(scene(), float)[middle]).mean() < 12
    with pytest.raises(ImageError, match=r"the file is truncated: .* of it is there; --truncated read takes that"):
        decode_file(path, {}, "refuse")


@pytest.mark.parametrize(("progressive", "keep"), [(False, 0.1), (False, 0.6), (True, 0.1), (True, 0.4)])
def test_too_little_is_refused(tmp_path: Path, progressive: bool, keep: float) -> None:
    data = encode("JPEG", quality=90, progressive=progressive)
    path = tmp_path / "cut.jpg"
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(ImageError, match=r"the file is truncated: .*at least 75% are needed"):
        decode_file(path, {}, "read")


@pytest.mark.parametrize("keep", [0.98, 0.9, 0.8])
def test_the_share_is_measured_on_the_decoder(tmp_path: Path, keep: float) -> None:
    data = encode("JPEG", quality=95)
    path = tmp_path / "cut.jpg"
    path.write_bytes(data[: int(len(data) * keep)])
    share = float(decode_file(path, {}, "read").notes[0].split()[2].rstrip("%"))
    assert share == pytest.approx(100 * keep, abs=3)


def test_a_thumbnail_in_the_file_is_not_mistaken_for_it(tmp_path: Path) -> None:
    """The thumbnail's own end-of-image marker does not end the file."""
    data = encode("JPEG", quality=90)
    inner = encode("JPEG", quality=20)
    segment = b"Exif\0\0" + inner
    marked = data[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + data[2:]
    path = tmp_path / "cut.jpg"
    path.write_bytes(marked[:-200])
    assert decode_file(path, {}, "read").notes


def test_a_file_that_was_reserved_but_not_filled_is_truncated(tmp_path: Path) -> None:
    data = encode("JPEG", quality=90)
    path = tmp_path / "cut.jpg"
    kept = int(len(data) * 0.9)
    path.write_bytes(data[:kept] + bytes(len(data) - kept))
    assert decode_file(path, {}, "read").notes[0].startswith("file truncated: ")
    path.write_bytes(data + bytes(40_000))
    assert decode_file(path, {}, "refuse").notes == (), "a camera's padding of a complete file"


def test_of_an_interlaced_or_compressed_image_no_part_is_read(tmp_path: Path) -> None:
    data = encode("WEBP", quality=90)
    path = tmp_path / "cut"
    path.write_bytes(data[: int(len(data) * 0.9)])
    with pytest.raises(ImageError):
        decode_file(path, {}, "read")


def test_the_switch_of_the_process_is_left_alone(tmp_path: Path) -> None:
    test_what_is_there_is_read_with_a_note(tmp_path, "JPEG", {"quality": 90})
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_half_an_interlaced_gif_is_not_taken_for_most_of_it(tmp_path: Path) -> None:
    data = encode("GIF")  # which Pillow interlaces: its first lines are spread over the whole image
    (tmp_path / "a.gif").write_bytes(data[: round(0.6 * len(data))])
    with pytest.raises(ImageError, match="interlaced"):
        decode_file(tmp_path / "a.gif", {}, "read")


def repeat_last_scan(number: int) -> bytes:
    data = encode("JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * number + b"\xff\xd9"


def test_scans_are_counted_up_to_the_end_of_the_image() -> None:
    few, many = io.BytesIO(repeat_last_scan(1)), io.BytesIO(repeat_last_scan(200))
    many.seek(5)
    assert has_many_scans(many, 100) and many.tell() == 5
    assert not has_many_scans(few, 100) and not has_many_scans(many, 300)
    own = few.getvalue().count(b"\xff\xda")
    assert has_many_scans(few, own - 1) and not has_many_scans(few, own)
    behind = io.BytesIO(few.getvalue() + b"\xff\xda" * 500)  # such as a video behind a photo
    within = few.getvalue()[:2] + b"\xff\xfe\x04\x02" + b"\xff\xda" * 512 + few.getvalue()[2:]
    assert not has_many_scans(behind, 100) and not has_many_scans(io.BytesIO(within), 100)


def test_a_jpeg_of_very_many_scans_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(repeat_last_scan(200))
    with pytest.raises(ImageError, match="more than 100 scans"):
        decode_file(tmp_path / "a.jpg", {}, "read")
