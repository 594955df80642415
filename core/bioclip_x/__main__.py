"""`python -m bioclip_x`."""

from bioclip_x.cli.main import main

main()
