"""The demo ledger: a small true ERP of our own, behind the `demo` connector. Imports workflows.domain only."""
