"""From data sets to batches: in which order, with which texts, how augmented, and by which processes."""
