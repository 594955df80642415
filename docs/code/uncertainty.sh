# The commands of docs/uncertainty.md.

# [start:how-far-to-trust-the-numbers]
bioclip-x calibrate --model bioclip-2 --taxonomy my-species.csv labelled-photos/
bioclip-x classify --model bioclip-2 --taxonomy my-species.csv photos/
# [end:how-far-to-trust-the-numbers]

# [start:how-far-to-trust-the-numbers-2]
bioclip-x calibrate field-guide:count=400,seed=7
bioclip-x classify examples/drawings
# [end:how-far-to-trust-the-numbers-2]

# [start:none-of-these]
bioclip-x calibrate --model bioclip-2 --taxonomy my-species.csv labelled-photos/ --off-list other-photos/
bioclip-x classify --model bioclip-2 --taxonomy my-species.csv photos/
# [end:none-of-these]

# [start:as-deep-as-can-be-defended]
bioclip-x classify --model bioclip-2 --taxonomy my-species.csv photos/ --depth auto --accuracy 0.95
# [end:as-deep-as-can-be-defended]

# [start:another-classifier-s-scores]
bioclip-x classify --scorer external:file=scores.csv --taxonomy my-species.csv --plugin rollup
bioclip-x classify photos/ --scorer external:file=scores.npz,kind=logits --taxonomy my-species.csv --report report.html
bioclip-x calibrate labels.csv --scorer external:file=validation.csv,model=my-resnet --taxonomy my-species.csv
bioclip-x classify --scorer external:file=test.csv,model=my-resnet --taxonomy my-species.csv --depth auto
# [end:another-classifier-s-scores]

# [start:by-examples]
bioclip-x classify photos/ --scorer few-shot:support=my-beetles/ --taxonomy my-species.csv
bioclip-x classify photos/ --scorer few-shot:support=labels.csv,blend=0.5 --taxonomy my-species.csv --plugin rollup
bioclip-x classify photos/ --scorer few-shot:support=my-beetles/,mode=tip-adapter --taxonomy my-species.csv
# [end:by-examples]
