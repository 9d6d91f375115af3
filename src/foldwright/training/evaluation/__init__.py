"""What a trained network is worth: scores of whole chains, baselines, and whether its confidence is honest."""
