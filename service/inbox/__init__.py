"""What others send us by themselves: hooks, signatures, the store of deliveries, and who hands them on.

A delivery is stored as it came and acknowledged; a dispatcher hands it to the handler of its kind of hook,
which goes the one write path of ADR-0005. May import all of `service/` but its routes and composition roots.
"""
