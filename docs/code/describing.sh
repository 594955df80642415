# The commands of docs/describing.md.

cp my-species.csv birds.csv
bioclip-x describe birds.csv --prompt docs/code/garden-birds.yaml --dry-run
bioclip-x describe birds.csv --plugin docs/code/describing.py --llm parrot --output green.yaml

# [start:having-descriptors-written-bioclip-x-describe]
export OPENAI_API_KEY=…
bioclip-x describe birds.csv --llm openai:model=gpt-4o-mini --output birds.yaml
bioclip-x classify --taxonomy birds.csv --descriptors birds.yaml --model bioclip-2 photos/
# [end:having-descriptors-written-bioclip-x-describe]

# [start:cost]
bioclip-x describe birds.csv --prompt exemplar --dry-run --price-in 0.15 --price-out 0.60
# [end:cost]

# [start:answers]
bioclip-x describe birds.csv --check birds.yaml
bioclip-x describe --check birds.yaml --output birds-clean.yaml
# [end:answers]
