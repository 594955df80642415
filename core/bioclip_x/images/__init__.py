"""Images on their way in: sources, decoding, loading in batches."""
