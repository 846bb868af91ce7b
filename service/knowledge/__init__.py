"""What people ask about un-closing, answered beforehand: versioned Markdown, zh and en (R73, R98, R101)."""
