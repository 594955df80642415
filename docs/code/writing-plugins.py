# [start:checks]
from bioclip_x.testing import conformance

test_it_is_a_head = conformance("heads", "my-head")
# [end:checks]
