"""The pure rules of un-closing. May import the standard library only."""
