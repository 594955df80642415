# The commands of docs/training.md.

cp docs/code/fine-tune.yaml fine-tune.yaml
bioclip-x train fine-tune.yaml --set epochs=1 --set batch_size=40 --set device=cpu --set workers=1 --output run-1
bioclip-x train fine-tune.yaml --set epochs=1 --set batch_size=40 --set device=cpu --set workers=1 --set seed=2 --output run-2
bioclip-x train fine-tune.yaml --set epochs=1 --set batch_size=40 --set device=cpu --set workers=1 --set seed=3 --output run-3

# [start:training]
bioclip-x train docs/code/ablation.yaml --output run
bioclip-x classify --model local-dir:run/model --taxonomy examples/own-species.csv examples/drawings
# [end:training]

# [start:soups]
bioclip-x soup run-1 run-2 run-3 --output soup
bioclip-x soup run-1 run-2 run-3 --output soup --data labelled-photos/ --metric species
# [end:soups]
