# The commands of docs/heads.md.

bioclip-x calibrate field-guide:count=200,seed=7

# [start:heads]
bioclip-x classify --head rollup examples/drawings
bioclip-x classify --head hedge:0.9 examples/drawings
bioclip-x classify --head crm examples/drawings
bioclip-x classify --head top-down examples/drawings
bioclip-x classify --head chils:rank=family examples/drawings
bioclip-x classify --head conformal:coverage=0.9 examples/drawings      # after `bioclip-x calibrate`
# [end:heads]

# [start:rollup]
bioclip-x classify --head rollup:size_prior=family examples/drawings
# [end:rollup]

# [start:conformal]
bioclip-x calibrate --model bioclip-2 --taxonomy my-species.csv labelled-photos/
bioclip-x classify --model bioclip-2 --taxonomy my-species.csv --head conformal:coverage=0.9 photos/
bioclip-x evaluate --model bioclip-2 --taxonomy my-species.csv --head conformal:coverage=0.9 other-labelled-photos/
# [end:conformal]

# [start:walk-down]
bioclip-x classify --plugin docs/code/walk_down.py --head walk-down:0.8 examples/drawings
# [end:walk-down]
