from bioclip_x.testing import conformance

from bioclip_x_my_component import make_model

test_it_is_a_model = conformance("models", "my-component")


def test_its_family_loads_it() -> None:
    assert make_model().encoder == "open_clip"
