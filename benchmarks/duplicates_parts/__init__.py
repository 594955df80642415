"""The parts of the benchmark of duplicates."""
