from __future__ import annotations

import pytest

from bioclip_x.errors import RecipeError
from bioclip_x.io.xml_text import parse_xml
from bioclip_x.limits import DOCUMENT_DEPTH

ENTITY = '<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/hostname">]><a>&f;</a>'


def test_elements_texts_and_attributes_are_read() -> None:
    root = parse_xml(b'<?xml version="1.0"?><!-- x --><a b="1"><c>text</c></a>', "a.xml")
    assert (root.tag, root.get("b"), root.findtext("c")) == ("a", "1", "text")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
def test_a_document_type_is_refused_in_any_encoding(encoding: str) -> None:
    with pytest.raises(RecipeError, match=r"a\.xml has a DOCTYPE"):
        parse_xml(ENTITY.encode(encoding), "a.xml", RecipeError)


def test_a_document_type_in_an_encoding_that_the_text_declares_is_refused() -> None:
    text = b'<?xml version="1.0" encoding="cp037"?>' + ENTITY.encode("cp037")
    with pytest.raises(RecipeError, match=r"DOCTYPE|not valid XML"):
        parse_xml(text, "a.xml", RecipeError)


@pytest.mark.parametrize(
    "text",
    [b"", b"<a>", b"<a></b>", b"<a/><a/>", b"<a>\0</a>", b'<?xml version="1.0" encoding="hex"?><a/>', b"\xff\xfe"],
)
def test_what_is_no_xml_is_an_error(text: bytes) -> None:
    with pytest.raises(RecipeError, match=r"a\.xml is not valid XML"):
        parse_xml(text, "a.xml", RecipeError)


def test_levels_are_bounded() -> None:
    assert parse_xml(b"<a>" * DOCUMENT_DEPTH + b"</a>" * DOCUMENT_DEPTH, "a.xml") is not None
    with pytest.raises(RecipeError, match="nested more than 200 deep"):
        parse_xml(b"<a>" * 100_000 + b"</a>" * 100_000, "a.xml", RecipeError)
