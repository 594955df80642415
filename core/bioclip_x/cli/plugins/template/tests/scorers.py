import torch
from bioclip_x.plugin import ImageFeatures
from bioclip_x.testing import conformance, make_bank, make_card, make_taxonomy

from bioclip_x_my_component import MyComponent

test_it_is_a_scorer = conformance("scorers", "my-component")


def test_the_median_of_two_texts_is_their_mean() -> None:
    bank = make_bank()
    x_D = torch.eye(bank.embeddings_PD.shape[1])[:1]
    logits = MyComponent().logits(ImageFeatures(x_D, ("",)), bank, make_card(1.0), make_taxonomy())
    assert torch.allclose(logits.logits_BC[0, 0], bank.embeddings_PD[:2, 0].mean())
