"""The outputs of commands: which report writes which file, what they must not replace, and how a run goes on."""
