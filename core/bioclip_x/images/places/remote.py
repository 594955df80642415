"""Images at URLs (https://, s3://, gs://, memory://, …), read by fsspec."""

from __future__ import annotations

import glob
import re
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

from bioclip_x.errors import ImageError
from bioclip_x.images.places.folders import LeftOut, is_left_out
from bioclip_x.limits import DOWNLOADED_IMAGE_BYTES, FETCH_CONNECT_SECONDS, FETCH_SECONDS
from bioclip_x.records import Source

_PART: Final = 1 << 22
_USER: Final = re.compile(r"(?<=://)[^/?#]*@")
_URL: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
_WEB: Final = ("http://", "https://")


def is_url(text: str) -> bool:
    """Whether a text is a URL.

    >>> is_url("s3://bucket/a.jpg"), is_url("C:/a.jpg"), is_url("a://")
    (True, False, False)
    """
    return bool(_URL.match(text))


def is_local_url(text: str) -> bool:
    """Whether a URL names a file of this machine, as `file:` does, and fsspec's chains of several URLs may.

    >>> is_local_url("file:///etc/passwd"), is_local_url("zip://a::file:///b.zip"), is_local_url("https://example.org/a")
    (True, True, False)
    """
    return is_url(text) and ("::" in text or text.lower().startswith(("file:", "local:")))


def find_suffix(url: str) -> str:
    """Returns the suffix of a URL's file, lower case.

    >>> find_suffix("https://example.org/a.JPG?size=large")
    '.jpg'
    """
    return PurePosixPath(re.split(r"[?#]", url, maxsplit=1)[0]).suffix.lower()


def redact(text: str) -> str:
    """Leaves names and passwords out of the URLs in a text.

    >>> redact("https://me:secret@example.org/a.jpg?to=b@c")
    'https://…@example.org/a.jpg?to=b@c'
    """
    return _USER.sub("…@", text)


def make_url_source(url: str) -> Source:
    """Makes the source of a URL, whose name, which outputs show, has no password."""
    return Source(redact(url), url=url)


def read_url(url: str) -> bytes:
    """Reads a file whole. Raises ImageError with the reason, also for more than `DOWNLOADED_IMAGE_BYTES` bytes, and for a
    server that does not answer for FETCH_CONNECT_SECONDS, or takes longer than FETCH_SECONDS.
    """
    try:
        system, path = _open_file_system(url)
        # Of web servers as a stream: many do not say how large a file is.
        how = {"block_size": 0, "size": 1} if url.lower().startswith(_WEB) else {}
        parts, total = [], 0
        with system.open(path, "rb", **how) as stream:
            while part := stream.read(_PART):
                parts.append(part)
                total += len(part)
                if total > DOWNLOADED_IMAGE_BYTES:
                    raise ImageError(f"too large: more than {DOWNLOADED_IMAGE_BYTES:,} bytes")
        return b"".join(parts)
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError("no such file") from None
    except Exception as problem:  # each file system has errors of its own
        raise ImageError(_make_reason(problem)) from problem


def _make_reason(problem: Exception) -> str:
    """Returns why nothing was fetched; errors of web servers quote the URL."""
    if isinstance(problem, TimeoutError) or "Timeout" in type(problem).__name__:
        return f"cannot be fetched: no answer within {FETCH_CONNECT_SECONDS:g} s, or not all of it within {FETCH_SECONDS:g} s"
    return redact(f"cannot be fetched: {problem or type(problem).__name__}")


def expand_url(url: str, left_out: LeftOut, suffixes: Collection[str]) -> Iterator[Source]:
    """Yields the image at a URL, or those in a folder of a file system, by their suffixes, or that match a pattern.

    Web addresses are neither folders nor patterns. Failures are sources with an error.
    """
    if url.lower().startswith(_WEB):
        yield make_url_source(url)
        return
    try:
        system, path = _open_file_system(url)
        if glob.has_magic(path) and not system.exists(path):
            found = sorted(system.glob(path))
        elif system.isdir(path):
            found = list(_keep_images(sorted(system.find(path)), path, left_out, suffixes))
        else:
            yield make_url_source(url)
            return
        if not found:
            yield Source(redact(url), error="; ".join(filter(None, ("there are no images", left_out.describe()))))
        for name in found:
            full = system.unstrip_protocol(name)
            yield make_url_source(full)
    except ImageError as problem:
        yield Source(redact(url), error=str(problem))
    except Exception as problem:
        yield Source(redact(url), error=_make_reason(problem))


def _keep_images(names: list[str], folder: str, left_out: LeftOut, suffixes: Collection[str]) -> Iterator[str]:
    """Yields the files with one of the suffixes, outside of folders such as `.Trash`; counts the others."""
    for name in names:
        *above, last = PurePosixPath(name.removeprefix(folder).lstrip("/")).parts
        if closed := next((part for part in above if is_left_out(part)), None):
            left_out.folders[closed] = 1
        elif last.startswith("."):
            left_out.hidden += 1
        elif find_suffix(name) in suffixes:
            yield name
        else:
            left_out.files[find_suffix(name)] += 1


def _open_file_system(url: str) -> tuple[Any, str]:
    """Returns the file system and the path in it. Raises ImageError if a library is missing."""
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise ImageError("images at URLs need fsspec: pip install 'bioclip-x[remote]'") from None
    _refuse_special(url)
    options = {"client_kwargs": {"timeout": _make_timeout()}} if url.lower().startswith(_WEB) else {}
    try:
        system, path = url_to_fs(url, **options)
    except ImportError as problem:  # such as s3fs
        raise ImageError(f"{problem}") from None
    except ValueError as problem:
        raise ImageError(f"{problem}; expected https://, s3://, gs:// or another of fsspec's") from None
    return system, path


def _refuse_special(url: str) -> None:
    """Raises ImageError for a URL of a pipe or device, also one that a file system is chained to (zip://a.png::/dev/zero)."""
    for part in url.split("::"):
        scheme, separator, rest = part.partition("://")
        if not separator or scheme.lower() in ("file", "local"):
            path = Path(rest if separator else part)
            try:
                is_special = path.exists() and not (path.is_file() or path.is_dir())
            except (OSError, ValueError):  # a name that is too long, or has a NUL
                is_special = False
            if is_special:
                raise ImageError("a pipe or device, not a file")


def _make_timeout() -> Any:
    try:
        from aiohttp import ClientTimeout
    except ImportError:
        raise ImageError("images at URLs need aiohttp: pip install 'bioclip-x[remote]'") from None
    wait = FETCH_CONNECT_SECONDS
    return ClientTimeout(total=FETCH_SECONDS, connect=wait, sock_connect=wait, sock_read=wait)
