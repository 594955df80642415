# The commands of docs/evaluating.md.

# [start:evaluating]
bioclip-x evaluate field-guide:count=200,seed=9 --plugin descriptors
bioclip-x evaluate labelled-photos/ --model bioclip-2 --taxonomy my-species.csv --descriptors my-descriptors.yaml \
    --compare descriptors --compare taxonomic --compare swapped --compare random-words --output figures.json
# [end:evaluating]

# [start:comparing-texts]
bioclip-x evaluate field-guide:count=200,seed=9 \
    --compare descriptors --compare descriptors:inherit=0.5 --compare descriptors:kinds=all
# [end:comparing-texts]

# [start:comparing-texts-2]
bioclip-x evaluate labelled-photos/ --model bioclip-2 --taxonomy my-species.csv \
    --compare-model bioclip --predictions all.csv
# [end:comparing-texts-2]

# [start:figures]
bioclip-x evaluate field-guide:count=200,seed=9 --plugin descriptors --compare taxonomic --report evaluation.html
# [end:figures]

# [start:few-shot]
bioclip-x evaluate labelled-photos/ --model bioclip-2 --taxonomy my-species.csv --few-shot 1,5
bioclip-x evaluate labelled-photos/ --model bioclip-2 --taxonomy my-species.csv --few-shot 1,5 \
    --folds 5 --save-folds folds.json \
    --few-shot-method simpleshot --few-shot-method ridge --few-shot-method blend:0.3 --few-shot-method zero-shot
bioclip-x evaluate labelled-photos/ --model bioclip --taxonomy my-species.csv --folds folds.json
# [end:few-shot]

# [start:does-the-score-notice-the-order-of-words]
bioclip-x evaluate field-guide:count=200,seed=9 --plugin descriptors --probe word-order
# [end:does-the-score-notice-the-order-of-words]
