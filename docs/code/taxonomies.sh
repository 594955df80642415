# The commands of docs/taxonomies.md.

bioclip-x taxonomy show docs/code/rows.yaml
bioclip-x taxonomy show docs/code/nested.yaml
bioclip-x taxonomy show docs/code/ranks.yaml
cp my-species.csv checklist.csv
cp my-species.csv checklist-2023.csv
cp my-species.csv checklist-2024.csv

# [start:taxonomies]
bioclip-x classify --model bioclip-2 --taxonomy examples/own-species.csv photos/
# [end:taxonomies]

# [start:beside-the-tree]
bioclip-x classify --model bioclip-2 --taxonomy my-species.csv --beside blank,human,vehicle photos/
# [end:beside-the-tree]

# [start:bins]
bioclip-x classify --model bioclip-2 --bins docs/code/bins.csv photos/
# [end:bins]

# [start:inspecting-validating-converting-and-comparing-trees]
bioclip-x taxonomy show checklist.csv --under Aves --rank family
bioclip-x taxonomy validate checklist-2023.csv checklist-2024.csv --strict
bioclip-x taxonomy convert checklist.csv --output checklist.yaml
bioclip-x taxonomy diff checklist-2023.csv checklist-2024.csv --output changes.csv
bioclip-x taxonomy list --model bioclip-2 --output tree-of-life.csv
# [end:inspecting-validating-converting-and-comparing-trees]

# [start:a-part-of-the-classes]
bioclip-x classify --model bioclip-2 --subset phylum=Chordata --subset family!=Cyprinidae photos/
bioclip-x classify --model bioclip-2 --subset class=Aves --rank family --k 50 photos/
bioclip-x classify --model bioclip-2 --subset park.csv photos/
bioclip-x taxonomy subset checklist.csv class=Aves '!genus=Parus' --output part.csv
# [end:a-part-of-the-classes]

# [start:the-species-of-a-region]
bioclip-x classify --model bioclip-2 --adjust species-list:park.csv photos/
bioclip-x classify --model bioclip-2 --adjust species-list:file=park.csv,mode=prior,strength=3 photos/
# [end:the-species-of-a-region]

# [start:another-taxonomy-s-names]
bioclip-x classify --model bioclip-2 --report-as our-checklist.csv photos/
# [end:another-taxonomy-s-names]

# [start:common-names-in-several-languages]
bioclip-x classify --taxonomy my-species.csv --language de --text common examples/drawings
# [end:common-names-in-several-languages]
