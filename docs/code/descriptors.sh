# The commands of docs/descriptors.md.

cp my-species.csv birds.csv
cp docs/code/tit-descriptors.yaml birds.yaml

# [start:classification-by-description]
bioclip-x classify --plugin descriptors examples/drawings
bioclip-x classify --model bioclip-2 --taxonomy examples/own-species.csv \
    --descriptors examples/own-descriptors.yaml photos/
# [end:classification-by-description]

# [start:curation]
bioclip-x describe --check birds.yaml                   # any of the formats above
bioclip-x describe birds.csv --check birds.yaml         # with the tree: siblings, and unmatched names
# [end:curation]
