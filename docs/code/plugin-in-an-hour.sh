# The commands of docs/tutorials/plugin-in-an-hour.md.

# [start:new]
bioclip-x plugins new heads sure-species
cd bioclip-x-sure-species
pip install -e '.[test]'
pytest
# [end:new]

cp ../docs/code/sure_species.py src/bioclip_x_sure_species/__init__.py
cp ../docs/code/check_sure_species.py tests/test_bioclip_x_sure_species.py

# [start:check]
ruff check --fix
ruff format
mypy
pytest
bioclip-x plugins check sure-species
# [end:check]

# [start:use]
bioclip-x plugins show sure-species
bioclip-x classify --head sure-species ../examples/drawings
bioclip-x classify --head sure-species:0.5 ../examples/drawings
bioclip-x evaluate field-guide:count=90,seed=9 --head sure-species
# [end:use]
