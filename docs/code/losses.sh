# The commands of docs/losses.md.

bioclip-x train docs/code/ablation.yaml --set 'loss=[{name: unicl}, {name: hxe, weight: 0.3}]' --output run

# [start:losses-on-the-tree]
bioclip-x classify --model local-dir:run/model --scorer linear:path=run/model/heads/hxe.safetensors examples/drawings
# [end:losses-on-the-tree]
