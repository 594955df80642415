# The commands of docs/models.md.

# [start:the-tree-of-life]
bioclip-x classify --model bioclip-2 photos/
bioclip-x taxonomy list --model bioclip-2 --output tree-of-life.csv
# [end:the-tree-of-life]
