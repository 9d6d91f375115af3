"""Looking inside: attention maps, chemical space."""
