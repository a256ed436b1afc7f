"""What the methods compute with; each serves one or a few of them."""
