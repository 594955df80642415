# The commands of docs/images.md.

# [start:sources]
bioclip-x classify --model bioclip-2 photos/ "more/*.jpg" images.csv
# [end:sources]

# [start:metadata]
bioclip-x classify --model bioclip-2 --metadata sites.csv photos/
# [end:metadata]
