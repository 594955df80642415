# The commands of docs/explaining-data-sets.md.

# [start:explaining-data-sets]
bioclip-x explain field-guide:count=200,seed=8 --plugin descriptors
bioclip-x explain labelled-photos/ --model bioclip-2 --taxonomy my-species.csv --descriptors my-descriptors.yaml
bioclip-x explain labelled-photos/ --model bioclip-2 --taxonomy my-species.csv --descriptors my-descriptors.yaml \
    --class "great tit"
bioclip-x explain labelled-photos/ --model bioclip-2 --taxonomy my-species.csv --descriptors my-descriptors.yaml \
    --output report.csv --prune pruned.yaml
# [end:explaining-data-sets]
