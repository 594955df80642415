"""The parts of the benchmark of interrupted runs."""
