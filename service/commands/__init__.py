"""The commands of `unclose`, one module per group. May import everything of the service."""
