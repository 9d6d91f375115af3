"""AlphaFold 3."""
