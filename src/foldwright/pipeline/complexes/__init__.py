"""AlphaFold 3's jobs from files to folders: the queue of `pipeline` with another network behind it."""
