"""Reports as documents, and documents as PDF: what a page looks like, and nothing of what a case is."""
