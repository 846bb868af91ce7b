"""Jiandaoyun (简道云), where people fill in forms: records become cases, forms show what becomes of them."""
