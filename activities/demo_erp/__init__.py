"""The demo ledger: a small true ERP of our own, behind the `demo` connector. May import workflows.domain."""
