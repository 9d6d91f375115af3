"""Keeping freed memory in the process, where the C library would hand large tensors back to the system each time."""

import ctypes
import sys

M_TRIM_THRESHOLD = -1  # glibc, malloc.h
M_MMAP_THRESHOLD = -3
LARGEST = 2**31 - 1  # mallopt takes an int: tensors beyond 2 GiB are still mapped


def keep_large_allocations() -> bool:
    """Let the C allocator reuse large blocks instead of mapping and clearing fresh pages for each tensor.

    Affects the whole process and cannot be undone: meant for a program's start, not for a library.
    True if it took effect; False on systems without glibc, where nothing changes.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST)) and bool(mallopt(M_TRIM_THRESHOLD, LARGEST))
