"""Classification losses on a taxonomy: the logits of its leaves, summed up around each image's taxon."""
