"""How much a page may send, and how what it sends is named: everything that comes from a browser is bounded and escaped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from bioclip_x.errors import BioclipXError
from bioclip_x.images.file_types import SUFFIXES
from bioclip_x.messages import escape_controls

MIB: Final = 1 << 20
NAME_LENGTH: Final = 200


class AppError(BioclipXError):
    """A request of the page that cannot be fulfilled. status: of the HTTP response."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Limits:
    """photo_bytes, file_bytes: of one photo, and of one taxonomy or descriptor file. photos, files: number of each.

    total_bytes: of all photos. request_bytes: of one request, whatever it contains. name_length, text_length: characters of
    a file's name, and of a phrase or taxon. texts: texts left out at once.
    """

    photo_bytes: int = 64 * MIB
    photos: int = 5000
    total_bytes: int = 8192 * MIB
    file_bytes: int = 64 * MIB
    files: int = 50
    request_bytes: int = 160 * MIB
    name_length: int = NAME_LENGTH
    text_length: int = 300
    texts: int = 200


def clean_name(name: str | None, length: int = NAME_LENGTH) -> str:
    """Returns the name of a file as the page shows it: without folders, controls escaped, shortened. Never a path.

    >>> clean_name("C:/x/a\\u202egpj.exe"), clean_name("../../etc/passwd"), clean_name(None)
    ('a\\\\u202egpj.exe', 'passwd', 'photo')
    """
    last = (name or "").replace("\\", "/").rstrip("/").rpartition("/")[2].strip()
    shown = escape_controls(last) or "photo"
    return shown if len(shown) <= length else f"{shown[: length - 13]}…{shown[-12:]}"


def find_image_suffix(name: str) -> str:
    """Returns the suffix of a photo's name if it is one of an image format, which a few formats are known by; else "".

    >>> find_image_suffix("a.JPG"), find_image_suffix("a.html")
    ('.jpg', '')
    """
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if suffix in SUFFIXES else ""


def find_safe_suffixes(name: str) -> str:
    """Returns the last suffixes of the name of a data file, at most two, if they are short and plain; else "".

    >>> find_safe_suffixes("my birds.csv.gz"), find_safe_suffixes("a.b c/d"), find_safe_suffixes("x.tsv")
    ('.csv.gz', '', '.tsv')
    """
    found = re.search(r"(\.[A-Za-z0-9]{1,8}){1,2}\Z", name)
    return found[0].lower() if found else ""
