"""Where the time and the memory of a training step go, next to what the equations say they should cost."""
