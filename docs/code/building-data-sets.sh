# The commands of docs/building-data-sets.md, of the photos in labelled-photos.

cp docs/code/park.yaml park.yaml
cp docs/code/rare-species.txt rare-species.txt

# [start:build]
bioclip-x dataset build park.yaml --until names
bioclip-x dataset build park.yaml
# [end:build]

# [start:corrections]
cp park-data-set/review.csv corrections.csv
bioclip-x dataset build park.yaml --set names.corrections=corrections.csv --until names
# [end:corrections]

cp docs/code/train-park.yaml train-park.yaml

# [start:train]
bioclip-x train train-park.yaml --set epochs=1 --set batch_size=4 --set device=cpu --set workers=0
# [end:train]
