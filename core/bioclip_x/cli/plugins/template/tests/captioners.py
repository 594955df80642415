from io import BytesIO

import pytest
from bioclip_x.plugin import NoAnswerError, Taxon
from bioclip_x.testing import conformance
from PIL import Image

from bioclip_x_my_component import MyComponent

TAXON = Taxon("species", "Parus major", (("species", "Parus major"),))

test_it_is_a_captioner = conformance("captioners", "my-component")


@pytest.mark.parametrize("colour", ["black", "white"])
def test_what_is_said(colour: str) -> None:
    buffer = BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, "JPEG")
    said = MyComponent().caption(buffer.getvalue(), TAXON)
    assert said == f"A {'dark' if colour == 'black' else 'bright'} picture."


def test_an_image_that_cannot_be_read_is_told() -> None:
    with pytest.raises(NoAnswerError, match="cannot be read"):
        MyComponent().caption(b"no image", TAXON)
