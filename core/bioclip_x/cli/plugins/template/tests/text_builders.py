from bioclip_x.plugin import TextRequest
from bioclip_x.testing import conformance, make_taxonomy

from bioclip_x_my_component import MyComponent

test_it_is_a_text_builder = conformance("text_builders", "my-component")


def test_texts_are_of_the_medium() -> None:
    prompts = MyComponent(medium="drawing").build(TextRequest(make_taxonomy(), [0])).prompts
    assert prompts[0].text.startswith("a drawing of ")
