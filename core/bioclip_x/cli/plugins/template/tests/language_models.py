import pytest
from bioclip_x.plugin import NoAnswerError
from bioclip_x.testing import conformance

from bioclip_x_my_component import MyComponent

test_it_is_a_language_model = conformance("language_models", "my-component", options={"command": "cat"})


def test_a_program_that_fails_is_told() -> None:
    with pytest.raises(NoAnswerError, match="false ended with 1"):
        MyComponent("false").complete("?", taxon=None, temperature=None, max_tokens=None, schema=None)
