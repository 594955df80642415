# The commands of docs/images.md.

# [start:sources]
bioclip-x classify --model bioclip-2 photos/ "more/*.jpg" images.csv
# [end:sources]

# [start:metadata]
bioclip-x classify --model bioclip-2 --metadata sites.csv photos/
# [end:metadata]

# [start:videos]
bioclip-x classify --model bioclip-2 --frames 1/s clip.mp4
bioclip-x classify --model bioclip-2 --frames 8 videos/
# [end:videos]
