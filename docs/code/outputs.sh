# The commands of docs/outputs.md.

cp docs/code/phrases.txt phrases.txt
bioclip-x classify examples/drawings --output names.parquet
cp docs/code/recipe.yaml recipe.yaml

# [start:outputs]
bioclip-x classify examples/drawings --format csv --output names.csv --report names.html --report names.jsonl
# [end:outputs]

# [start:interrupted-runs]
bioclip-x classify examples/drawings --output names.csv --report names.html            # Ctrl-C, a power cut, a full disk
bioclip-x classify examples/drawings --output names.csv --report names.html --resume   # goes on
# [end:interrupted-runs]

# [start:embeddings]
bioclip-x embed examples/drawings --output photos.npz
bioclip-x embed --texts "a red fox,a gray wolf" --output texts.csv
bioclip-x embed --texts phrases.txt --output phrases.parquet
bioclip-x embed --taxonomy my-species.csv --text taxonomic --text common --output texts.parquet
# [end:embeddings]

# [start:running-a-saved-recipe]
bioclip-x classify examples/drawings --recipe recipe.yaml
# [end:running-a-saved-recipe]
