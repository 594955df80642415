"""The checks of each kind of component: a module for each."""
