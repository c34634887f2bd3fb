"""What a file carries beside content, mode and owner: ACL, capabilities, flags, label, xattrs.

Read when a file is first recorded and when its signature has changed: the kernel moves ctime on
each of setxattr, removexattr, FS_IOC_SETFLAGS and link, so that an unchanged file costs nothing.

Sources: acl(5) and linux/posix_acl_xattr.h (version 2, entries of tag, permissions and id),
capabilities(7) and linux/capability.h (vfs_cap_data, versions 1 to 3), ioctl_iflags(2), lsattr(1).
The parsers are pure and take whatever a file system of a hostile user holds: what they do not
understand is told as hex.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import struct
import sys
from typing import NamedTuple

import msgspec

_GETFLAGS = 0x80086601 if struct.calcsize("l") == 8 else 0x80046601  # FS_IOC_GETFLAGS, linux/fs.h
_NO_FLAGS = b"\0" * 8
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LARGEST = 64
"""Extended attributes that are read of one file; a file with more is told by their names."""

# Those that people set with chattr(1). Extents, index, inline data, huge file, encryption are the
# file system's own business.
_LETTERS = (
    (0x00000001, "s"),
    (0x00000002, "u"),
    (0x00000008, "S"),
    (0x00010000, "D"),
    (0x00000010, "i"),
    (0x00000020, "a"),
    (0x00000040, "d"),
    (0x00000080, "A"),
    (0x00000004, "c"),
    (0x00004000, "j"),
    (0x00008000, "t"),
    (0x00020000, "T"),
    (0x00100000, "V"),
    (0x00800000, "C"),
    (0x02000000, "x"),
    (0x20000000, "P"),
    (0x40000000, "F"),
)
_TELLING = sum(bit for bit, _ in _LETTERS)

_ACL_ACCESS = "system.posix_acl_access"
_ACL_DEFAULT = "system.posix_acl_default"
_CAPABILITY = "security.capability"
_SELINUX = "security.selinux"

_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_TAGS = {
    _USER_OBJ: "u::",
    _USER: "u:{}:",
    _GROUP_OBJ: "g::",
    _GROUP: "g:{}:",
    _MASK: "m::",
    _OTHER: "o::",
}

# linux/capability.h, in order of their numbers.
_NAMES = (
    "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable"
    " net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio"
    " sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time"
    " sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog"
    " wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore"
)
_CAPABILITIES = _NAMES.split()


class Attributes(NamedTuple):
    """What is recorded of one file; all empty for nearly every file."""

    links: int = 0
    """Hard links of a regular file, when more than one."""
    acl: str = ""
    """Short text form; a default list follows with ``d:`` before each entry."""
    capabilities: str = ""
    flags: str = ""
    selinux: str = ""
    others: bytes = b""
    """Digest over the names and values of all further extended attributes."""


NONE = Attributes()

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[int, str, str, str, str, bytes]).decode


def pack(attributes: Attributes) -> bytes | None:
    """Return the stored form, None when there is nothing to store."""
    return None if attributes is NONE or attributes == NONE else _encode(attributes)


def unpack(stored: bytes | None) -> Attributes:
    """Reverse `pack`."""
    return NONE if stored is None else Attributes(*_decode(stored))


def of_open(descriptor: int, links: int = 0) -> Attributes:
    """Return what the open file carries; *links* as recorded, 0 for one or not applicable."""
    try:
        names = os.listxattr(descriptor)
    except OSError:  # ENOTSUP: a file system without any
        names = []
    flags = _flags(descriptor)
    if not names and not flags and links <= 1:
        return NONE
    values = {name: _value(descriptor, name) for name in names[:_LARGEST]}
    return make(values, names, letters(flags), links if links > 1 else 0)


def at(name: bytes | str, directory: int | None, mode: int) -> Attributes:
    """Return what *name* in the open *directory* carries when it is no regular file.

    None as *directory*: *name* is a path. What cannot be read counts as not there.
    """
    if stat.S_ISDIR(mode):
        try:
            descriptor = os.open(name, _OPEN | os.O_DIRECTORY, dir_fd=directory)
        except OSError:
            return NONE
        try:
            return of_open(descriptor)
        finally:
            os.close(descriptor)
    # A link, a pipe, a socket is not opened: through /proc only its last component is looked at.
    path = os.fsencode(name)
    if directory is not None:
        path = b"/proc/self/fd/%d/%s" % (directory, path)
    try:
        names = os.listxattr(path, follow_symlinks=False)
        if not names:
            return NONE
        values = {each: os.getxattr(path, each, follow_symlinks=False) for each in names[:_LARGEST]}
    except OSError:
        return NONE
    return make(values, names, "", 0)


def make(values: dict[str, bytes], names: list[str], flags: str, links: int) -> Attributes:
    """Put together what was read: *values* of extended attributes, *names* of all of them."""
    acl = parse_acl(values.pop(_ACL_ACCESS, b""))
    default = parse_acl(values.pop(_ACL_DEFAULT, b""))
    if default:
        acl = ",".join([*filter(None, [acl]), *("d:" + each for each in default.split(","))])
    capabilities = parse_capabilities(values.pop(_CAPABILITY, b""))
    label = values.pop(_SELINUX, b"").rstrip(b"\0").decode("utf-8", "backslashreplace")
    others = b""
    if values or len(names) > _LARGEST:
        digest = hashlib.sha256()
        for name in sorted([*values, *names[_LARGEST:]]):
            key, value = os.fsencode(name), values.get(name, b"")
            digest.update(b"%d %d " % (len(key), len(value)) + key + value)
        others = digest.digest()[:16]
    return Attributes(links, acl, capabilities, flags, label, others)


def _flags(descriptor: int) -> int:
    try:
        buffer = fcntl.ioctl(descriptor, _GETFLAGS, _NO_FLAGS)
    except OSError as error:
        # ENOTTY and others: not this file system. EIO and the like would show as lost flags.
        if error.errno in (errno.EIO, errno.ESTALE):
            raise
        return 0
    # The kernel writes an int, whatever the request's number says.
    return int.from_bytes(buffer[:4], sys.byteorder) & _TELLING


def _value(descriptor: int, name: str) -> bytes:
    try:
        return os.getxattr(descriptor, name)
    except OSError:  # ENODATA: removed since; its ctime has moved, the file is looked at again
        return b""


def letters(flags: int) -> str:
    """Return inode flags as lsattr(1) writes them, only those that are set."""
    return "".join(letter for bit, letter in _LETTERS if flags & bit)


def parse_acl(data: bytes) -> str:
    """Return the short text form of acl(5) with numeric ids; hex of what is no ACL."""
    if not data:
        return ""
    if len(data) < 4 or (len(data) - 4) % 8 or data[:4] != b"\2\0\0\0":
        return "0x" + data[:64].hex()
    parts = []
    for tag, rights, ident in struct.iter_unpack("<HHI", data[4:]):
        form = _TAGS.get(tag)
        if form is None or rights > 7:
            return "0x" + data[:64].hex()
        letters = "".join(c if rights & bit else "-" for c, bit in (("r", 4), ("w", 2), ("x", 1)))
        parts.append(form.format(ident) + letters)
    return ",".join(parts)


def parse_capabilities(data: bytes) -> str:
    """Return file capabilities in the form of cap_to_text(3); hex of what is none.

    A root id other than 0 (version 3, made in a user namespace) follows in brackets as getcap(8)
    writes it.
    """
    if not data:
        return ""
    if len(data) < 4:
        return "0x" + data.hex()
    (magic,) = struct.unpack_from("<I", data)
    revision, effective = magic >> 24, magic & 1
    size = {1: 12, 2: 20, 3: 24}.get(revision)
    if size is None or len(data) != size:
        return "0x" + data[:64].hex()
    permitted, inheritable = struct.unpack_from("<II", data, 4)
    if revision > 1:
        more = struct.unpack_from("<II", data, 12)
        permitted |= more[0] << 32
        inheritable |= more[1] << 32
    text = _sets(permitted, inheritable, bool(effective))
    root = struct.unpack_from("<I", data, 20)[0] if revision == 3 else 0
    return f"{text} [rootid={root}]" if root else text


def _sets(permitted: int, inheritable: int, effective: bool) -> str:
    groups: dict[str, list[str]] = {}
    for number in range(64):
        bit = 1 << number
        held, passed = bool(permitted & bit), bool(inheritable & bit)
        if held or passed:
            marks = "e" * effective + "i" * passed + "p" * held
            groups.setdefault(marks, []).append(_capability(number))
    if not groups:
        return "="
    return " ".join(f"{','.join(names)}={marks}" for marks, names in groups.items())


def _capability(number: int) -> str:
    return f"cap_{_CAPABILITIES[number]}" if number < len(_CAPABILITIES) else f"cap_{number}"
