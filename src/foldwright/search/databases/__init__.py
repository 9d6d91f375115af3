"""Sequence and structure databases: what is published, fetching it, building one's own, finding what is here."""

from foldwright.search.databases.embedded import embedded
from foldwright.search.databases.places import find

__all__ = ["embedded", "find"]
