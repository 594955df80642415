"""How gradients are computed: towers, numbers, processes."""
