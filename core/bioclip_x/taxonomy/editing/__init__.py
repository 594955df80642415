"""Trees from trees: subsets, comparison, validation."""
