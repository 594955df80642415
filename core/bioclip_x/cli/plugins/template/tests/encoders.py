import numpy as np
from bioclip_x.testing import conformance
from PIL import Image

from bioclip_x_my_component import Colours

test_it_is_an_encoder = conformance("encoders", "my-component", examples={"model": "colours"})


def test_a_red_image_has_one_colour() -> None:
    model = Colours("colours")
    red = Image.fromarray(np.full((8, 8, 3), (255, 0, 0), np.uint8))
    [row] = model.encode_images(model.preprocess(red)[None]).embeddings_BD
    assert (row > 0).sum() == 1
