from bioclip_x.plugin import Source
from bioclip_x.testing import conformance
from PIL import Image, ImageDraw

from bioclip_x_my_component import MyComponent

test_it_is_a_detector = conformance("detectors", "my-component")


def test_the_box_is_around_dark_pixels() -> None:
    image = Image.new("RGB", (100, 50), "white")
    ImageDraw.Draw(image).rectangle((20, 10, 39, 29), fill="black")
    [region] = MyComponent().detect(Source("a"), image) or []
    assert region.box == (0.2, 0.2, 0.4, 0.6)


def test_an_even_image_shows_nothing() -> None:
    assert MyComponent().detect(Source("a"), Image.new("RGB", (9, 9), "white")) == []
