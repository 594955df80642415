"""Finds images that occur more than once: as the same bytes, by perceptual hash, and by embedding.

Every finder returns the same table (`columns.DUPLICATES`) by the same rule (`grouping.py`): in the order of preference, a row is
a duplicate of the first kept row within the threshold, and is kept itself if there is none. So a removed row is always as near
to a kept one as the threshold says, which chains of pairs (A like B, B like C) do not ensure; the result depends on the
rows' numbers and their order of preference only, not on where they are in the files.
"""
