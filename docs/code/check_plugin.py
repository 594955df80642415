def test_conformance(bioclip_x_check):
    bioclip_x_check()
