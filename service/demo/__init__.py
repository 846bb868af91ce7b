"""`unclose demo`: one whole case on the demo ledger, played over HTTP and shown as it happens.

May import everything of the service; nothing of the service may import it.
"""
