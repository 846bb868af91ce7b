"""ACTS: implements the steps that workflows ask for. May import workflows and workflows.domain."""
