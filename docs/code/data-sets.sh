# The commands of docs/data-sets.md.

# [start:data-sets]
bioclip-x evaluate cub:root=data/CUB_200_2011 --model bioclip-2 --text common
bioclip-x evaluate inat21:root=data/inat21,split=val --model bioclip-2 --text taxonomic+common
bioclip-x evaluate meta-album:fungi,root=data/FNG_Mini --model bioclip --text templates:openai-80
# [end:data-sets]
