from bioclip_x.testing import conformance

from bioclip_x_my_component import make_prompt

test_it_is_a_prompt = conformance("prompts", "my-component")


def test_it_asks_about_a_part() -> None:
    assert "of its bill" in make_prompt(part="bill").text
