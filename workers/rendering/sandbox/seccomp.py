"""Seccomp: Linux lets a process give up system calls, for good.

What a renderer never needs and an attacker would is refused with "operation not permitted"; what is newer than this
list is "not implemented", so that the C library does without. Numbers are those of the kernel's own headers.
"""

import ctypes
import os
import struct
import sys
from dataclasses import dataclass

from ocrmill.workers.rendering.sandbox.landlock import forbid_new_privileges

# Name, number on x86-64, number on aarch64.
_REFUSED = {
    "reach others": """
        socket 41 198, socketpair 53 199, connect 42 203, bind 49 200, listen 50 201, accept 43 202, accept4 288 242,
        sendto 44 206, sendmsg 46 211, sendmmsg 307 269, recvmmsg 299 243, shmget 29 194, shmat 30 196, shmctl 31 195,
        semget 64 190, semop 65 193, semctl 66 191, semtimedop 220 192, msgget 68 186, msgsnd 69 189, msgrcv 70 188,
        msgctl 71 187, mq_open 240 180, mq_unlink 241 181""",
    "start programs": """
        execve 59 221, execveat 322 281, fork 57 -, vfork 58 -, uselib 134 -, memfd_create 319 279,
        memfd_secret 447 447""",
    "meddle with other processes": """
        ptrace 101 117, process_vm_readv 310 270, process_vm_writev 311 271, process_madvise 440 440,
        process_mrelease 448 448, pidfd_open 434 434, pidfd_getfd 438 438, pidfd_send_signal 424 424, kcmp 312 272,
        tkill 200 130, rt_sigqueueinfo 129 138, rt_tgsigqueueinfo 297 240, perf_event_open 298 241,
        setpriority 141 140, sched_setscheduler 144 119, sched_setparam 142 118,
        sched_setattr 314 274, ioprio_set 251 30, migrate_pages 256 238, move_pages 279 239""",
    "change files": """
        openat2 437 437, creat 85 -, truncate 76 45, rename 82 -, renameat 264 38, renameat2 316 276, unlink 87 -,
        unlinkat 263 35, rmdir 84 -, mkdir 83 -, mkdirat 258 34, mknod 133 -, mknodat 259 33, link 86 -, linkat 265 37,
        symlink 88 -, symlinkat 266 36, chmod 90 -, fchmod 91 52, fchmodat 268 53, chown 92 -, fchown 93 55,
        lchown 94 -, fchownat 260 54, utime 132 -, utimes 235 -, utimensat 280 88, futimesat 261 -, setxattr 188 5,
        lsetxattr 189 6, fsetxattr 190 7, removexattr 197 14, lremovexattr 198 15, fremovexattr 199 16""",
    "change the machine": """
        mount 165 40, umount2 166 39, pivot_root 155 41, chroot 161 51, unshare 272 97, setns 308 268,
        move_mount 429 429, open_tree 428 428, fsopen 430 430, fsconfig 431 431, fsmount 432 432, fspick 433 433,
        mount_setattr 442 442, name_to_handle_at 303 264, open_by_handle_at 304 265, swapon 167 224, swapoff 168 225,
        reboot 169 142, acct 163 89, quotactl 179 60, quotactl_fd 443 443, settimeofday 164 170, clock_settime 227 112,
        adjtimex 159 171, clock_adjtime 305 266, sethostname 170 161, setdomainname 171 162, init_module 175 105,
        finit_module 313 273, delete_module 176 106, kexec_load 246 104, kexec_file_load 320 294""",
    "become another user": """
        setuid 105 146, setgid 106 144, setreuid 113 145, setregid 114 143, setresuid 117 147, setresgid 119 149,
        setgroups 116 159, setfsuid 122 151, setfsgid 123 152, capset 126 91""",
    "attack the kernel": """
        bpf 321 280, io_uring_setup 425 425, io_uring_enter 426 426, io_uring_register 427 427, userfaultfd 323 282,
        keyctl 250 219, add_key 248 217, request_key 249 218, syslog 103 116, personality 135 92, ioperm 173 -,
        iopl 172 -, modify_ldt 154 -, vhangup 153 58, lookup_dcookie 212 18, nfsservctl 180 42, fanotify_init 300 262,
        fanotify_mark 301 263, inotify_init 253 -, inotify_init1 294 26""",
}
_FIRST_UNKNOWN = 449  # the first call after process_mrelease, Linux 5.15; also every call of the x32 interface

_EPERM, _EACCES, _ENOSYS = 1, 13, 38
_CLONE_THREAD = 0x10000
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # put words into a terminal

# Classic BPF, and the offsets of the fields of seccomp_data that it compares.
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_NOT_LESS, _JUMP_IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE = 0, 4
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_SET_MODE_FILTER, _GET_ACTION_AVAILABLE = 1, 2
_WITH_ALL_THREADS = 1

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Machine:
    """The values that differ between processors."""

    column: int  # in the lists above
    architecture: int  # AUDIT_ARCH_*
    seccomp: int  # numbers of calls
    open: int | None
    openat: int
    clone: int
    clone3: int
    kill: int
    tgkill: int
    prlimit: int
    ioctl: int
    sched_setaffinity: int


MACHINES = {
    "x86_64": Machine(0, 0xC000003E, 317, 2, 257, 56, 435, 62, 234, 302, 16, 203),
    "aarch64": Machine(1, 0xC00000B7, 277, None, 56, 220, 435, 129, 131, 261, 29, 122),
}


def refused_calls(machine: Machine) -> dict[str, int]:
    """The system calls that are refused whatever their arguments, with their numbers."""
    entries = (entry.split() for group in _REFUSED.values() for entry in group.split(","))
    return {name: int(numbers[machine.column]) for name, *numbers in entries if numbers[machine.column] != "-"}


def is_available() -> bool:
    """Tell if this kernel filters system calls, and if we know the call numbers of this processor."""
    machine = _machine()
    if machine is None:
        return False
    action = ctypes.c_uint32(_REFUSE)
    asked = _libc.syscall(machine.seccomp, _GET_ACTION_AVAILABLE, ctypes.c_uint32(0), ctypes.byref(action))
    return bool(asked == 0)


def refuse() -> None:
    """Filter the calls of all threads of this process, from now on.

    Beyond the list: a new process, opening a file to write, a signal to or a limit for another process, and
    typing into a terminal.

    Raises:
        OSError: the kernel refuses.
    """
    machine = _machine()
    assert machine is not None, "see is_available"
    program = b"".join(struct.pack("=HBBI", *step) for step in _program(machine, os.getpid()))
    code = ctypes.create_string_buffer(program, len(program))
    filters = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    forbid_new_privileges()
    arguments = ctypes.c_uint32(_SET_MODE_FILTER), ctypes.c_uint32(_WITH_ALL_THREADS), filters
    if _libc.syscall(machine.seccomp, *arguments):
        raise OSError(ctypes.get_errno(), f"seccomp: {os.strerror(ctypes.get_errno())}")


def _machine() -> Machine | None:
    is_64_bit = sys.maxsize > 1 << 32
    return MACHINES.get(os.uname().machine) if sys.platform == "linux" and is_64_bit else None


Step = tuple[int, int, int, int]  # operation, steps to pass over if so, and if not, operand


def _program(machine: Machine, own_pid: int) -> list[Step]:
    """The filter. Each rule but the first begins and ends with the call's number loaded."""
    steps: list[Step] = [
        *((_LOAD, 0, 0, _ARCHITECTURE), (_JUMP_IF_EQUAL, 1, 0, machine.architecture), (_RETURN, 0, 0, _KILL)),
        (_LOAD, 0, 0, _NUMBER),
        *((_JUMP_IF_NOT_LESS, 0, 1, _FIRST_UNKNOWN), (_RETURN, 0, 0, _REFUSE | _ENOSYS)),
        *((_JUMP_IF_EQUAL, 0, 1, machine.clone3), (_RETURN, 0, 0, _REFUSE | _ENOSYS)),  # its flags cannot be seen
        # onnxruntime pins its threads, and logs pages of errors if it may not: the call seems to succeed
        *((_JUMP_IF_EQUAL, 0, 1, machine.sched_setaffinity), (_RETURN, 0, 0, _REFUSE)),
    ]
    for number in refused_calls(machine).values():
        steps += [(_JUMP_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE | _EPERM)]
    steps += _unless(machine.clone, 0, [(_JUMP_IF_ANY_BIT, 1, 0, _CLONE_THREAD)], _EPERM)
    for number in (machine.kill, machine.tgkill):
        steps += _unless(number, 0, [(_JUMP_IF_EQUAL, 1, 0, own_pid)], _EPERM)
    steps += _unless(machine.prlimit, 0, [(_JUMP_IF_EQUAL, 2, 0, 0), (_JUMP_IF_EQUAL, 1, 0, own_pid)], _EPERM)
    steps += _unless(machine.ioctl, 1, [(_JUMP_IF_EQUAL, 1, 0, _TIOCSTI), (_JUMP_IF_EQUAL, 0, 1, _TIOCLINUX)], _EPERM)
    steps += _unless(machine.openat, 2, [(_JUMP_IF_ANY_BIT, 0, 1, _WRITING)], _EACCES)
    if machine.open is not None:
        steps += _unless(machine.open, 1, [(_JUMP_IF_ANY_BIT, 0, 1, _WRITING)], _EACCES)
    return [*steps, (_RETURN, 0, 0, _ALLOW)]


def _unless(number: int, argument: int, conditions: list[Step], error: int) -> list[Step]:
    """Refuse a call unless the conditions pass over the step that follows them.

    They see the lower half of an argument, which is all that the kernel looks at in those that are asked here.
    """
    tail: list[Step] = [(_RETURN, 0, 0, _REFUSE | error), (_LOAD, 0, 0, _NUMBER)]
    lower_half = 16 + 8 * argument  # both processors are little-endian
    body: list[Step] = [(_LOAD, 0, 0, lower_half), *conditions, *tail]
    return [(_JUMP_IF_EQUAL, 0, len(body), number), *body]
