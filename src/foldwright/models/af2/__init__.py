"""AlphaFold 2 and AlphaFold-Multimer."""
