"""Image input: sources, decoding, loading in batches."""
