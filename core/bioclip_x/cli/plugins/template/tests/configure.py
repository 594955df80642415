import pytest
from bioclip_x import Classifier


def test_it_sets_the_options() -> None:
    recipe = Classifier.from_recipe("my-component").recipe
    assert recipe.head is not None and (recipe.head.name, recipe.k) == ("rollup", 3)


@pytest.mark.parametrize("k", [1, 7])
def test_an_option_that_is_given_goes_before_it(k: int) -> None:
    assert Classifier.from_recipe("my-component", k=k).recipe.k == k
