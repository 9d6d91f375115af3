"""Where what was fetched, converted or searched is kept between runs."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """$FOLDWRIGHT_CACHE, else where this system keeps caches."""
    if chosen := os.environ.get("FOLDWRIGHT_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "foldwright"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "foldwright" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "foldwright"
