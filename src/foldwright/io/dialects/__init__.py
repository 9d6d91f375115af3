"""The job files of several programs, each read into the drafts of `io/draft.py`."""
