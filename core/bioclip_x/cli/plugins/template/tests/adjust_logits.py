from bioclip_x.testing import conformance, make_taxonomy

from bioclip_x_my_component import MyComponent

test_it_is_a_logit_adjustment = conformance("adjust_logits", "my-component")


def test_classes_of_the_taxon_are_favoured() -> None:
    taxonomy = make_taxonomy()
    offsets = MyComponent("Parus", strength=2.0).offsets(taxonomy, ())
    favoured = [taxonomy.class_taxon(c).name for c in range(taxonomy.n_classes) if offsets[c] == 2]
    assert sorted(favoured) == ["Parus", "Parus major"]
