"""Checks of image decoders. They need a file of the format, as the example `file`."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

from bioclip_x.errors import ImageError
from bioclip_x.hooks.capabilities import ImageDecoderCapabilities, get_capabilities
from bioclip_x.records import OpenedImage
from bioclip_x.testing.checks import Subject, expect_defaults

ODD = (b"", b"\0", b"\xff" * 5000, b"%PDF-1.7", "é".encode() * 3000)


def write_others() -> dict[str, bytes]:
    """Returns small files of the formats that Pillow reads."""
    files = {}
    for name in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"):
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8), (200, 30, 30)).save(buffer, name)
        files[name] = buffer.getvalue()
    return files


def list_suffixes(subject: Subject) -> tuple[str, ...]:
    return get_capabilities(subject.make(), ImageDecoderCapabilities).suffixes


def decode(subject: Subject, content: bytes) -> OpenedImage:
    """Has a new decoder read a file, whose pixels are then loaded."""
    opened = subject.make().decode(io.BytesIO(content))
    assert isinstance(opened, OpenedImage), f"expected an OpenedImage, got {type(opened).__name__}"
    assert isinstance(opened.image, Image.Image), f"expected an image of Pillow, got {type(opened.image).__name__}"
    opened.image.load()
    return opened


def check_options_have_defaults(subject: Subject) -> None:
    """Every option has a default: it is made whenever an image may be of its format."""
    expect_defaults(subject)


def check_it_never_fails_to_tell(subject: Subject) -> None:
    """`recognises` answers True or False for any content, also of an empty file."""
    for head in ODD:
        for suffix in ("", ".jpg", *list_suffixes(subject)):
            answer = subject.make().recognises(head, suffix)
            assert isinstance(answer, bool), f"expected True or False, got {answer!r}"


def check_it_leaves_other_formats_alone(subject: Subject) -> None:
    """It does not recognise what Pillow reads, JPEG and PNG among them: it would be asked before Pillow."""
    for name, content in write_others().items():
        answer = subject.make().recognises(content[:4096], f".{name.lower()}")
        assert not answer, f"expected {name} to be left to Pillow, got {answer!r}"


def check_suffixes_are_lower_case(subject: Subject) -> None:
    """The suffixes that it declares are lower case and begin with a dot."""
    for suffix in list_suffixes(subject):
        assert suffix.startswith(".") and suffix == suffix.lower(), f"expected a suffix such as .dng, got {suffix!r}"


def check_it_reads_its_format(subject: Subject) -> None:
    """It recognises the example by its first 4 KiB, or these and its suffix, and reads it."""
    path = subject.need("file")
    content = path.read_bytes()
    answer = subject.make().recognises(content[:4096], path.suffix.lower())
    assert answer, f"expected it to recognise {path.name} by its first 4 KiB and suffix, got {answer!r}"
    opened = decode(subject, content)
    assert min(opened.image.convert("RGB").size) > 0, f"expected an image with pixels, got {opened.image.size}"
    assert not isinstance(opened.notes, str) and all(isinstance(note, str) and note for note in opened.notes), (
        f"expected notes, lines of text, got {opened.notes!r}"
    )


def check_it_reads_in_threads(subject: Subject) -> None:
    """One decoder reads the same in several threads as in one."""
    content, decoder = subject.need("file").read_bytes(), subject.make()

    def read(_: int) -> bytes:
        return bytes(decoder.decode(io.BytesIO(content)).image.convert("RGB").tobytes())

    alone = read(0)
    with ThreadPoolExecutor(4) as pool:
        is_same = all(pixels == alone for pixels in pool.map(read, range(16)))
    assert is_same, "expected the same pixels from several threads as from one, got others"


def check_damaged_files_are_told(subject: Subject) -> None:
    """A file that ends early, and one of noise, is an ImageError or an OSError (or an image), nothing else."""
    content = subject.need("file").read_bytes()
    for damaged in (content[: len(content) // 2], content[:64], content[:64] + b"\0" * 1000):
        try:
            decode(subject, damaged)
        except (ImageError, OSError) as problem:
            assert str(problem), "expected a reason, got an error without one"
        except AssertionError:
            raise
        except Exception as problem:
            raise AssertionError(f"expected an ImageError of a damaged file, got {problem!r}") from problem
