"""Published parameters: where they are, how they are read, which name is which."""
