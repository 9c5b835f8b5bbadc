"""Landlock: Linux lets a process give up the right to open files and to connect, for good.

Written against the kernel's documentation (userspace-api/landlock), since no maintained Python library has more than
its first version. Calls that the kernel is too old to refuse stay allowed: it is asked for as much as it knows.
"""

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

# Rights on files, bit by bit: execute, write, read, list, remove (2), make (7) | refer | truncate | ioctl on devices.
_RIGHTS_SINCE = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_READ_FILE, _LIST_FOLDER = 1 << 2, 1 << 3
_TCP_BIND_AND_CONNECT = 0b11  # from version 4
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11  # from version 6

_libc = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """Version of the kernel's Landlock, 1 (Linux 5.13) or more; 0 if there is none or it is switched off."""
    found: int = _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_CREATE_RULESET_VERSION))
    return max(0, found)


def read_only(paths: Iterable[str], descriptors: Iterable[int] = ()) -> None:
    """Leave this thread, and those it starts, nothing but reading these files and what lies in these folders.

    Missing paths are passed over. Open files stay open; the files of `descriptors` may be opened again.

    Raises:
        OSError: the kernel refuses.
    """
    rights = sum(bits for since, bits in _RIGHTS_SINCE.items() if since <= version())
    network = _TCP_BIND_AND_CONNECT if version() >= 4 else 0  # noqa: PLR2004 - a version
    scopes = _ABSTRACT_SOCKETS_AND_SIGNALS if version() >= 6 else 0  # noqa: PLR2004 - a version
    attributes = struct.pack("=QQQ", rights, network, scopes)  # zeros beyond what the kernel knows are welcome
    ruleset = _call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    try:
        for path in paths:
            _allow_reading_path(ruleset, path)
        for descriptor in descriptors:
            _allow_reading(ruleset, descriptor)
        forbid_new_privileges()
        _call(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def forbid_new_privileges() -> None:
    """Set no_new_privs, without which an ordinary user may restrict nothing."""
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, *(ctypes.c_ulong(value) for value in (1, 0, 0, 0))):
        raise OSError(ctypes.get_errno(), "no_new_privs cannot be set")


def _allow_reading_path(ruleset: int, path: str) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        _allow_reading(ruleset, place)
    finally:
        os.close(place)


def _allow_reading(ruleset: int, place: int) -> None:
    rights = _READ_FILE | _LIST_FOLDER if stat.S_ISDIR(os.fstat(place).st_mode) else _READ_FILE
    rule = struct.pack("=Qi", rights, place)
    _call(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_RULE_PATH_BENEATH), rule, ctypes.c_uint32(0))


def _call(number: int, *arguments: object) -> int:
    found: int = _libc.syscall(number, *arguments)
    if found < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock: {os.strerror(code)}")
    return found
