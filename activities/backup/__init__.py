"""Backups that count: copied, compressed, encrypted, stored, restored, proven. May import erp and workflows.

A worker serves the classes of `backing_up`, `restoring`, `rehearsal` and `snapshots`; all are made of one
`keeper`, which has the ledgers, the `vault` (store and keys) and the `catalogue`.
"""
