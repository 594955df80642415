from bioclip_x import Classifier
from bioclip_x.testing import conformance
from PIL import Image

import bioclip_x_my_component

test_it_is_a_classifier = conformance("classifiers", "my-component")


def test_a_red_image_is_a_rose_and_a_grey_one_is_blank() -> None:
    classifier = Classifier("my-component", plugins=[bioclip_x_my_component])
    red, grey = classifier.classify([Image.new("RGB", (8, 8), colour) for colour in ("red", "grey")])
    assert red.predictions[0].taxon.name == "Rosa canina"
    assert grey.refused == "the model says 'blank'"
