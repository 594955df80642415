# The commands of docs/beyond-one-machine.md.

# [start:first-run]
bioclip-x classify examples/drawings --engine ray --ray-workers 2 --partition-size 4 --output named
# [end:first-run]

# [start:embeddings]
bioclip-x embed examples/drawings --engine ray --ray-workers 2 --output vectors
# [end:embeddings]
