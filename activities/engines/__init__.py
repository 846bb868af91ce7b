"""What each database does by its own means: copies, scratch databases, checks. Knows no ledger."""
