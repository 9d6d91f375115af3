"""Whether a file is still the one that was read."""

from pathlib import Path


def stamp(path: Path) -> str:
    """Name, size and time of the last change."""
    status = path.stat()
    return f"{path} {status.st_size} {status.st_mtime_ns}"
