"""AlphaFold 2 and AlphaFold 3 in one PyTorch package: predict, train, profile and learn."""

__version__ = "0.1.0"
