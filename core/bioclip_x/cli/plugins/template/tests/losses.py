import torch
from bioclip_x.testing import conformance, make_loss_input

from bioclip_x_my_component import MyComponent

test_it_is_a_loss = conformance("losses", "my-component")


def test_a_larger_margin_is_harder_to_keep() -> None:
    batch = make_loss_input()
    small, large = (MyComponent(margin=margin)(batch) for margin in (0.1, 1.0))
    assert torch.isfinite(small) and small < large
