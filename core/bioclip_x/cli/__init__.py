"""The command line. One module per subcommand; each is a click command, found through the `commands` hook."""
