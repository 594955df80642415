from bioclip_x.testing import conformance, make_small_encoder

from bioclip_x_my_component import MyComponent

test_it_is_an_adapter = conformance("adapters", "my-component")


def test_matrices_are_not_trained() -> None:
    encoder = make_small_encoder()
    MyComponent().apply(encoder)
    assert all(parameter.ndim <= 1 for parameter in encoder.module.parameters() if parameter.requires_grad)
