"""SERVES: the edges and the wiring. May import everything to its right: activities, workflows, the domain."""
