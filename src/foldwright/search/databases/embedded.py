"""The database that comes with the package."""

from pathlib import Path


def embedded() -> Path:
    """A small FASTA file of UniProt sequences for demonstrations; `demo.txt` beside it says what is in it."""
    return Path(__file__).with_name("demo.fasta.gz")
