"""What a training step frees, the next one needs again: keep it in the process."""

from __future__ import annotations

import ctypes
import sys

# From glibc's malloc.h. With one of them set, the other is no longer adapted to the blocks that were freed.
M_TRIM_THRESHOLD = -1  # bytes free at the end of the heap from which on they are given back to the system
M_MMAP_THRESHOLD = -3  # bytes of a block from which on it is mapped, and unmapped when it is freed

NEVER = 2**31 - 1
LARGEST = 32 * 2**20  # that glibc accepts for the second


def keep_freed() -> bool:
    """Have glibc keep freed memory for the next block: each page that it gives back and asks for again costs a page fault.

    Returns whether it does; other C libraries have no such settings, and stay as they are.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return False
    return all([libc.mallopt(M_TRIM_THRESHOLD, NEVER), libc.mallopt(M_MMAP_THRESHOLD, LARGEST)])
