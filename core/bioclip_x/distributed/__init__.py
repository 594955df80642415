"""Classifies and embeds images on many machines with Ray Data: a run is cut into partitions, each of which becomes a file.

The driver lists the images and writes the files; workers, which are Ray actors that load the model once, compute them.
`ray` is imported inside functions only: it is the extra `ray`.
"""
