"""The job files of several programs, each read into the drafts of `io/complexes/draft.py`."""
