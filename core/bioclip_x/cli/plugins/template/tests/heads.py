import torch
from bioclip_x.plugin import HeadInput, Logits
from bioclip_x.testing import conformance, make_taxonomy

from bioclip_x_my_component import MyComponent

test_it_is_a_head = conformance("heads", "my-component")


def test_a_high_temperature_spreads_shares_out() -> None:
    logits = Logits.of(torch.tensor([[4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]))
    low, high = (MyComponent(temperature=t).decide(HeadInput(logits, make_taxonomy())) for t in (1.0, 8.0))
    assert low.top_BK[0, 0] == high.top_BK[0, 0] == 0
    assert high.log_top_BK[0, 0] < low.log_top_BK[0, 0]
