"""A fake Jiandaoyun: forms people fill in, the open API as documented, and pushes that get lost."""
