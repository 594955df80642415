# The commands of docs/tutorials/first-ablation.md.

# [start:texts]
bioclip-x evaluate field-guide:count=200,seed=9 --compare descriptors --compare common
# [end:texts]

# [start:controls]
bioclip-x evaluate field-guide:count=200,seed=9 \
    --compare descriptors --compare swapped --compare random-words --output texts.json
# [end:controls]

# [start:photos]
bioclip-x evaluate labelled-photos/ --model bioclip-2 --taxonomy my-species.csv --compare taxonomic --compare common
# [end:photos]

# [start:train]
bioclip-x train docs/code/ablation.yaml --output runs/unicl
bioclip-x train docs/code/ablation.yaml --set loss=clip --output runs/clip
# [end:train]

# [start:compare]
bioclip-x evaluate field-guide:count=90,seed=11 --model local-dir:runs/unicl/model --compare-model local-dir:runs/clip/model \
    --text common --output losses.json
# [end:compare]

# [start:follow]
bioclip-x train docs/code/ablation.yaml --plugin docs/code/follow_training.py --output runs/followed
# [end:follow]
