"""Measures Unclose against the least that the same platform needs: ratios from one run, with their spread."""
