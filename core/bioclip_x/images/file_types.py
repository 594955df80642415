"""Types of image and video files, recognised by their first bytes, or by their suffix where these are not telling."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

HEAD_BYTES: Final = 4096
"""The number of first bytes that `identify` needs."""


@dataclass(frozen=True, slots=True)
class FileType:
    """A type of file. name: with its article. magic: a pattern of the first bytes; "" if only the suffix tells.

    pillow: Pillow's name of the format; "" for one that Pillow is not to open.
    remedy: what to do with a file that no installed decoder reads.
    is_media: an image or a video; False for what is often named like one, such as a web page that was saved as `.jpg`.
    """

    name: str
    suffixes: tuple[str, ...] = ()
    magic: bytes = b""
    pillow: str = ""
    remedy: str = "save it as JPEG, PNG or TIFF"
    is_media: bool = True


_PPM = rb"P[1-6](?:\s|#[^\n]*\n)+\d{1,9}(?:\s|#[^\n]*\n)+\d{1,9}\s"
_SVG = rb"(?:\xef\xbb\xbf)?(?:<\?xml[^>]*>|<!--(?:(?!-->).)*-->|<!DOCTYPE svg[^>]*>|\s)*<svg[\s>]"
_HTML = rb"(?i:(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)?<(?:!doctype html|html|head)\b)"

READABLE: Final = (
    FileType("a JPEG", (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), rb"\xff\xd8\xff", "JPEG"),
    FileType("a PNG", (".png", ".apng"), rb"\x89PNG\r\n\x1a\n", "PNG"),
    FileType("a GIF", (".gif",), rb"GIF8[79]a", "GIF"),
    FileType("a TIFF", (".tif", ".tiff", ".btf"), rb"II[\x2a\x2b]\0|MM\0[\x2a\x2b]", "TIFF"),
    FileType("a WebP", (".webp",), rb"RIFF.{4}WEBP", "WEBP"),
    FileType("a BMP", (".bmp",), rb"BM.{4}\0{4}.{3}\0", "BMP"),
    FileType("a JPEG 2000", (".jp2", ".j2k", ".jpx", ".j2c", ".jpc"), rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "JPEG2000"),
    FileType("a portable pixmap", (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"), _PPM + rb"|P[fF]\n\d+\s+\d+\s", "PPM"),
    FileType("an icon", (".ico",), rb"\0\0\x01\0[\x01-\x40]\0", "ICO"),
    FileType("a BMP without a header", (".dib",), pillow="DIB"),
    FileType("a Targa image", (".tga",), pillow="TGA"),
)
"""The formats that Pillow may open."""

_NO_DECODER: Final = "no loaded plugin reads it; save it as JPEG, PNG or TIFF"

DECODER_TYPES: Final = (
    FileType("an AVIF image", (".avif", ".avifs"), rb"\0.{3}ftypavi[fs]", remedy=_NO_DECODER),
    FileType(
        "a HEIC image",
        (".heic", ".heif", ".heics", ".heifs", ".hif"),
        rb"\0.{3}ftyp(?:hei[cxms]|hev[cxms]|m[is]f1)",
        remedy=_NO_DECODER,
    ),
    FileType("a JPEG XL image", (".jxl",), rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", remedy=_NO_DECODER),
    FileType(
        "a camera's RAW image",
        (
            *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos"),
            *(".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
        ),
        rb"FUJIFILMCCD-RAW|FOVb|\0MRM|IIU\0|II(?:RO|RS)|MMOR|II\x1a\0\0\0HEAPCCDR|\0.{3}ftypcrx ",
        remedy="no loaded plugin reads it; develop it to JPEG or TIFF",
    ),
)  # fmt: skip
"""Formats that a plugin's decoder may read. A RAW image that begins as a TIFF is known by its suffix."""

UNREADABLE: Final = (
    FileType("a Photoshop file", (".psd", ".psb"), rb"8BPS\0"),
    FileType("a PostScript or Illustrator file", (".eps", ".epsf", ".epsi", ".ai"), rb"%!PS|\xc5\xd0\xd3\xc6"),
    FileType("an SVG drawing", (".svg", ".svgz"), _SVG),
    FileType("a GIMP file", (".xcf",), rb"gimp xcf"),
    FileType("a DICOM image", (".dcm", ".dicom"), rb".{128}DICM"),
    FileType("a FITS image", (".fits", ".fts"), rb"SIMPLE  =\s"),
    FileType("an OpenEXR image", (".exr",), rb"v/1\x01"),
    FileType("a Radiance image", (), rb"#\?(?:RADIANCE|RGBE)"),
    FileType("a DirectDraw surface", (".dds",), rb"DDS \x7c\0\0\0"),
    FileType("an Apple icon", (".icns",), rb"icns\0[\0-\x0f]"),
    FileType("a cursor", (".cur",), rb"\0\0\x02\0[\x01-\x40]\0"),
    FileType("a QOI image", (".qoi",), rb"qoif"),
    FileType("a JPEG XR image", (".jxr", ".wdp", ".hdp"), rb"II\xbc"),
    FileType("a DjVu file", (".djvu", ".djv"), rb"AT&TFORM"),
    FileType("a Windows metafile", (".wmf", ".emf"), rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF"),
    FileType("a PCX image", (".pcx",)),
    FileType("an SGI image", (".sgi",), rb"\x01\xda[\0\x01][\x01\x02]"),
    FileType("a microscope's image", (".czi", ".lif", ".nd2", ".oib", ".oif", ".vsi"), rb"ZISRAWFILE|\xda\xce\xbe\x0a"),
)
"""Images that are never read."""

VIDEO: Final = FileType(
    "a video",
    (
        *(".mp4", ".m4v", ".mov", ".qt", ".avi", ".mkv", ".webm", ".mts", ".m2ts", ".mpg", ".mpeg", ".mpe", ".wmv"),
        *(".flv", ".3gp", ".3g2", ".ogv", ".asf", ".insv", ".lrv", ".vob", ".mjpeg", ".mxf", ".braw", ".r3d"),
    ),
    rb"\0.{3}ftyp(?!M4[ABP] |F4[AB] )|\0.{3}(?:moov|mdat|wide)|RIFF.{4}AVI |\x1a\x45\xdf\xa3|\0\0\x01[\xba\xb3]"
    rb"|\x30\x26\xb2\x75\x8e\x66\xcf\x11|FLV\x01|(?:\x47.{187}){3}\x47|(?:.{4}\x47.{187}){3}.{4}\x47|\x06\x0e\x2b\x34\x02\x05",
    remedy="classify its frames with --frames 1/s, or extract them as JPEG or PNG",
)  # fmt: skip

_OTHERS: Final = (
    FileType("a web page", (), _HTML, remedy="download the image itself", is_media=False),
    FileType("a Git LFS pointer", (), rb"version https://git-lfs", remedy="run `git lfs pull`", is_media=False),
    FileType("macOS's data about a file", (), rb"\0\x05\x16\x07", remedy="leave it out", is_media=False),
    FileType("a PDF", (), rb"%PDF-", remedy="export its images", is_media=False),
    FileType("a ZIP archive", (), rb"PK\x03\x04", remedy="unpack it", is_media=False),
)

TYPES: Final = (*READABLE, *DECODER_TYPES, *UNREADABLE, VIDEO)
"""All types of images and videos; the magic of an earlier one takes precedence."""

SUFFIXES: Final = frozenset(suffix for one in TYPES for suffix in one.suffixes)
"""Suffixes, lower case, of the image and video files that a folder is searched for."""

_MAGIC: Final = tuple((re.compile(one.magic, re.DOTALL), one) for one in (*TYPES, *_OTHERS) if one.magic)
_BY_SUFFIX: Final = {suffix: one for one in TYPES for suffix in one.suffixes}


def identify(head: bytes, suffix: str = "") -> FileType | None:
    """Returns a file's type by its first bytes (`HEAD_BYTES` are enough), else by its suffix; None if neither tells.

    By the suffix alone, no type is returned whose files begin with known bytes and that Pillow would read.

    >>> identify(b"%!PS-Adobe-3.0", ".jpg").name
    'a PostScript or Illustrator file'
    """
    found = find_magic(head)
    by_suffix = _BY_SUFFIX.get(suffix)
    if found is None:
        return None if by_suffix and by_suffix.pillow and by_suffix.magic else by_suffix
    if found.pillow == "TIFF" and by_suffix in (*DECODER_TYPES, *UNREADABLE):
        return by_suffix  # RAW and microscope images that are built on TIFF
    return found


def find_magic(head: bytes) -> FileType | None:
    """Returns the type whose magic a file begins with, if any."""
    return next((one for pattern, one in _MAGIC if pattern.match(head)), None)


def list_brands(head: bytes) -> frozenset[str]:
    """Returns the brands of an ISO media file (HEIC, AVIF, CR3, MP4).

    >>> sorted(list_brands(b"\\0\\0\\0\\x18ftypmif1\\0\\0\\0\\0mif1avif"))
    ['avif', 'mif1']
    """
    if head[4:8] != b"ftyp":
        return frozenset()
    box = head[: int.from_bytes(head[:4], "big")]
    codes = [box[8:12], *(box[start : start + 4] for start in range(16, len(box), 4))]
    return frozenset(code.decode("latin-1").strip() for code in codes)
