"""Locks this process up before it looks at a hostile file: it may compute, write its answer and end. Nothing else.

Limits hold everywhere. The filter of system calls needs Linux on x86-64 or 64-bit ARM, where it is never left out:
with it the process opens no file and no connection, starts nothing and signals nobody, whatever has taken it over.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys
import threading

from registry.papers.limits import COPY_LIMIT, CPU_SECONDS, MEMORY

FILES = 16  # open at once; the filter allows no new ones anyway
WRITTEN = COPY_LIMIT + 2**20  # bytes of the answer: the copy and what is said of it

# Numbers of what may be called: to read and write what is open already, for memory, clocks and locks, and to end.
_ALLOWED = {
    "x86_64": {
        "read": 0, "write": 1, "close": 3, "fstat": 5, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11,
        "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "ioctl": 16, "pread64": 17,
        "writev": 20, "sched_yield": 24, "mremap": 25, "madvise": 28, "getpid": 39, "exit": 60, "fcntl": 72,
        "gettimeofday": 96, "getrusage": 98, "sigaltstack": 131, "gettid": 186, "futex": 202,
        "sched_getaffinity": 204, "clock_gettime": 228, "exit_group": 231, "newfstatat": 262, "getrandom": 318,
    },
    "aarch64": {
        "read": 63, "write": 64, "close": 57, "fstat": 80, "lseek": 62, "mmap": 222, "mprotect": 226, "munmap": 215,
        "brk": 214, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "ioctl": 29, "pread64": 67,
        "writev": 66, "sched_yield": 124, "mremap": 216, "madvise": 233, "getpid": 172, "exit": 93, "fcntl": 25,
        "gettimeofday": 169, "getrusage": 165, "sigaltstack": 132, "gettid": 178, "futex": 98,
        "sched_getaffinity": 123, "clock_gettime": 113, "exit_group": 94, "newfstatat": 79, "getrandom": 278,
    },
}  # fmt: skip
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_…
_X32 = 0x40000000  # calls of the x32 ABI go by the same architecture, with this bit

_SET_DUMPABLE, _SET_SECCOMP, _SET_NO_NEW_PRIVS = 4, 22, 38  # PR_…
_FILTER = 2  # SECCOMP_MODE_FILTER
_KILL, _REFUSE, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000  # SECCOMP_RET_…
_LOAD, _EQUAL, _NOT_BELOW, _RETURN = 0x20, 0x15, 0x35, 0x06  # BPF_LD|W|ABS, JMP|JEQ|K, JMP|JGE|K, RET|K
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4  # in struct seccomp_data


class NotConfined(RuntimeError):
    """This machine could not lock the process up. Nothing hostile may be read in it."""


def set_limits() -> None:
    """Once at the start, before anything of the file is read."""
    for limit, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, WRITTEN),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),  # a core would put the paper on the disk
    ):
        _soft, hard = resource.getrlimit(limit)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        # Where both are reached at once the process is killed without a word; SIGXCPU says why.
        resource.setrlimit(limit, (least - 1 if limit == resource.RLIMIT_CPU and least > 1 else least, least))


def lock_up() -> bool:
    """After every import. False: this system has no such filter, and the limits stand alone. Raises NotConfined."""
    if sys.platform != "linux" or platform.machine() not in _ALLOWED:
        return False
    if threading.active_count() != 1:
        raise NotConfined("the filter would hold for one thread only")
    machine = platform.machine()
    program = _program(_ARCHITECTURE[machine], sorted(_ALLOWED[machine].values()))
    kept = ctypes.create_string_buffer(program)
    # struct sock_fprog: how many instructions, and where
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(kept)))
    process = ctypes.CDLL(None, use_errno=True)
    for call in (
        (_SET_DUMPABLE, 0, 0, 0, 0),
        (_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_SET_SECCOMP, _FILTER, ctypes.addressof(header), 0, 0),
    ):
        if process.prctl(*(ctypes.c_ulong(value) for value in call)) != 0:
            raise NotConfined(f"prctl({call[0]}): {os.strerror(ctypes.get_errno())}")
    return True


def _program(architecture: int, allowed: list[int]) -> bytes:
    """What is allowed is done; everything else fails with EPERM; another ABI ends the process."""
    body = [(_LOAD, 0, 0, _ARCHITECTURE_AT), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL)]
    body += [(_LOAD, 0, 0, _NUMBER_AT), (_NOT_BELOW, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    for number in allowed:
        body += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    body.append((_RETURN, 0, 0, _REFUSE | 1))  # 1: EPERM
    return b"".join(struct.pack("HBBI", *instruction) for instruction in body)
