"""Checks of image decoders. They need a file of the format, as the example `file`."""

from __future__ import annotations

import io

from bioclip_x.capabilities import ImageDecoderCapabilities
from bioclip_x.errors import ImageError
from bioclip_x.records import OpenedImage
from bioclip_x.registry import get_capabilities
from bioclip_x.testing.checks import Subject

ODD = (b"", b"\0", b"\xff" * 5000, b"%PDF-1.7", "é".encode() * 3000)


def check_it_never_fails_to_tell(subject: Subject) -> None:
    """`recognises` answers True or False for any content, also of an empty file."""
    for head in ODD:
        for suffix in ("", ".jpg", *get_capabilities(subject.make(), ImageDecoderCapabilities).suffixes):
            answer = subject.make().recognises(head, suffix)
            assert isinstance(answer, bool), f"expected True or False, got {answer!r}"


def check_suffixes_are_lower_case(subject: Subject) -> None:
    """The suffixes that it declares are lower case and begin with a dot."""
    for suffix in get_capabilities(subject.make(), ImageDecoderCapabilities).suffixes:
        assert suffix.startswith(".") and suffix == suffix.lower(), f"expected a suffix such as .dng, got {suffix!r}"


def check_it_reads_its_format(subject: Subject) -> None:
    """It recognises the example by its content alone, and reads it."""
    path = subject.need("file")
    content = path.read_bytes()
    assert subject.make().recognises(content[:4096], ""), f"expected it to recognise {path.name} by its first 4 KiB"
    opened = subject.make().decode(io.BytesIO(content))
    assert isinstance(opened, OpenedImage), f"expected an OpenedImage, got {type(opened).__name__}"
    assert min(opened.image.convert("RGB").size) > 0, "expected an image with pixels"
    assert all(isinstance(note, str) for note in opened.notes), "expected notes, lines of text"


def check_damaged_files_are_told(subject: Subject) -> None:
    """A file that ends early, and one of noise, is an ImageError (or an image with a note), nothing else."""
    content = subject.need("file").read_bytes()
    for damaged in (content[: len(content) // 2], content[:64], content[:64] + b"\0" * 1000):
        try:
            opened = subject.make().decode(io.BytesIO(damaged))
        except ImageError as problem:
            assert str(problem), "expected a reason"
        else:
            assert isinstance(opened, OpenedImage), "expected an ImageError, or an image"
