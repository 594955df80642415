"""How plugins take part: hooks, the protocols of components and what they declare, options, and the registry that makes them."""
