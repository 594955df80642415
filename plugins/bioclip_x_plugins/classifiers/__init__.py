"""Image classifiers that are no two-tower models."""
