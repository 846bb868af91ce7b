"""The report of a case: what a controller files, put into words from what the register holds."""
