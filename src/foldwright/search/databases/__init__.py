"""Sequence and structure databases: what is published, fetching it, building one's own, finding what is here."""

from foldwright.search.databases.embedded import embedded

__all__ = ["embedded"]
