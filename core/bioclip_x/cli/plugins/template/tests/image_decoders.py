import io
from pathlib import Path
from tempfile import mkdtemp

from bioclip_x.testing import conformance

from bioclip_x_my_component import MAGIC, MyComponent

CONTENT = MAGIC + (2).to_bytes(2, "little") + (1).to_bytes(2, "little") + bytes([255, 0, 0, 0, 0, 255])


def make_file() -> Path:
    path = Path(mkdtemp(), "a.raw8")
    path.write_bytes(CONTENT)
    return path


test_it_is_an_image_decoder = conformance("image_decoders", "my-component", examples={"file": make_file})


def test_pixels_are_read() -> None:
    image = MyComponent().decode(io.BytesIO(CONTENT)).image
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(255, 0, 0), (0, 0, 255)]
