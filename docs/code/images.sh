# The commands of docs/images.md.

# [start:sources]
bioclip-x classify --model bioclip-2 photos/ "more/*.jpg" images.csv
# [end:sources]
