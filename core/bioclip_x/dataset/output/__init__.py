"""What is written: samples with their texts and captions, shards, the catalogue."""
