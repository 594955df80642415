# The commands of docs/pybioclip.md.

# [start:predict]
bioclip-x classify --model bioclip-2 photos/ --format csv
bioclip-x classify --model bioclip-2 photos/ --format csv --rank family --k 3
bioclip-x classify --model bioclip-2 photos/ --labels "duck,fish,bear" --text templates:openai-80
bioclip-x classify --model bioclip-2 photos/ --bins bins.csv --text templates:openai-80
bioclip-x classify --model bioclip-2 photos/ --subset park.csv --format csv --output names.csv
# [end:predict]

# [start:embed]
bioclip-x embed --model bioclip-2 --no-normalise photos/ --output embeddings.json
# [end:embed]

# [start:lists]
bioclip-x models
bioclip-x taxonomy list --model bioclip-2 --output tree-of-life.csv
# [end:lists]
