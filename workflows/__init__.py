"""DECIDES: deterministic workflows. May import the standard library, temporalio and workflows.domain."""
