# The commands of docs/writing-plugins.md.

# [start:writing-a-plugin]
bioclip-x plugins new heads my-head
cd bioclip-x-my-head
pip install -e '.[test]'
pytest
bioclip-x classify --head my-head ../examples/drawings
# [end:writing-a-plugin]

cp ../docs/code/writing-plugins.py tests/test_again.py
cp ../docs/code/check_plugin.py tests/test_plugin.py

# [start:writing-a-plugin-2]
bioclip-x plugins list --hook heads          # all components of a hook; --json for programs
bioclip-x plugins show my-head               # options with types and defaults, and where it comes from
bioclip-x plugins check my-head              # or a file, or the folder of a package; --json for programs
# [end:writing-a-plugin-2]

pytest --bioclip-x-plugins my-head

# [start:leaving-out]
bioclip-x classify --plugin no:my-head ../examples/drawings
export BIOCLIP_X_PLUGINS=no:my-head          # names without no: are the only ones that are loaded
# [end:leaving-out]
