from __future__ import annotations

import codecs
import io
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bioclip_x.io.encodings import (
    BOM,
    BOMS,
    decode_head,
    detect_encoding,
    find_marked_encoding,
    find_unmarked_utf16,
    make_ascii_head,
    open_utf8_stdin,
)

texts = st.text(st.characters(codec="utf-8", exclude_characters=BOM))
BOTH_ORDERS = pytest.mark.parametrize("order", ["le", "be"])


@given(texts, st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
@example("\N{CAT FACE} naïve", "utf-16")
def test_a_text_file_is_read_as_it_was_written(text: str, encoding: str) -> None:
    raw = text.encode(encoding)
    assert decode_head(raw) == raw.decode(detect_encoding(raw)) == text


@given(texts, st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), st.integers(0, 50))
def test_a_head_that_ends_within_a_character_is_the_text_up_to_it(text: str, encoding: str, size: int) -> None:
    head = text.encode(encoding)[:size]
    if head not in (b"\xef", b"\xef\xbb", b"\xff"):  # of the mark itself
        assert text.startswith(decode_head(head))


@pytest.mark.parametrize("mark", BOMS)
def test_every_mark_gives_its_encoding_and_is_removed(mark: bytes) -> None:
    order = "-be" if mark in (codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE) else "-le"
    encoding = find_marked_encoding(mark + b"a\0\0\0")
    raw = mark + "Parus".encode(encoding if encoding == "utf-8-sig" else encoding + order).removeprefix(mark)
    assert raw.decode(find_marked_encoding(raw)) == "Parus"
    assert find_marked_encoding(mark) == encoding != ""


def test_without_a_mark_no_encoding_is_found() -> None:
    assert find_marked_encoding(b"Parus") == find_marked_encoding(b"") == find_marked_encoding(b"\xef\xbb") == ""
    assert detect_encoding(b"Parus") == detect_encoding(b"") == "utf-8-sig"


@BOTH_ORDERS
def test_utf_16_in_both_orders(order: str) -> None:
    raw = f"{BOM}Parus; Ödland".encode(f"utf-16-{order}")
    assert (detect_encoding(raw), decode_head(raw)) == ("utf-16", "Parus; Ödland")
    assert find_unmarked_utf16(raw[2:]) == f"utf-16-{order}"


@pytest.mark.parametrize(
    "head", [b"", b"a", b"genus,species", "Œdicnème".encode(), b"\0", "雀形目".encode("utf-16-le")]
)
def test_other_data_is_not_taken_for_unmarked_utf_16(head: bytes) -> None:
    assert find_unmarked_utf16(head) == ("utf-16-be" if head == b"\0" else "")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_ascii_is_a_byte_a_character_for_patterns(encoding: str) -> None:
    assert make_ascii_head(' [{"id": 9}]'.encode(encoding)) == b' [{"id": 9}]'


@BOTH_ORDERS
def test_ascii_of_utf_16_in_both_orders(order: str) -> None:
    assert make_ascii_head(f'{BOM}{{"id"'.encode(f"utf-16-{order}")) == b'{"id"'


def test_standard_input_is_utf_8_and_keeps_invalid_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = codecs.BOM_UTF8 + "é.jpg\n".encode() + b"caf\xe9.jpg\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw), "latin-1"))
    assert list(open_utf8_stdin()) == ["é.jpg\n", "caf\udce9.jpg\n"]


def test_standard_input_that_is_text_already_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("a.jpg\n"))
    assert open_utf8_stdin().read() == "a.jpg\n"
