"""OpenPGP signatures, checked by gpgv: no home, no agent, no network, nothing is written."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import subprocess
from collections.abc import Iterator

_SECONDS = 20.0
_ARMOUR = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\n]+\n)*?\r?\n([A-Za-z0-9+/=\s]+?)"
    rb"(?:\n=[A-Za-z0-9+/]{4})?\s*-----END"
)


def verified(gpgv: str, text: bytes, signature: bytes, keys: bytes) -> bytes:
    """Return what is signed in *text*, empty when none of *keys* vouches for it.

    *signature*: over all of *text*; empty where it is in *text*. *keys*: binary, one after another.
    """
    if not text or not keys:
        return b""
    with contextlib.ExitStack() as stack:
        ring = stack.enter_context(_memory("keys", keys))
        status = stack.enter_context(_memory("status", b""))
        command = [gpgv, "--quiet", "--status-fd", str(status)]
        command += ["--keyring", f"/proc/self/fd/{ring}"]
        if signature:
            other = stack.enter_context(_memory("signature", signature))
            command += [f"/proc/self/fd/{other}", "-"]
            passed: tuple[int, ...] = (ring, status, other)
        else:
            command += ["--output", "-"]
            passed = (ring, status)
        try:
            done = subprocess.run(
                command,
                input=text,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=passed,
                env={"LANG": "C.UTF-8", "HOME": "/nonexistent"},
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return b""
        said = os.pread(status, 1 << 20, 0)
    good = b"[GNUPG:] GOODSIG " in said and b"[GNUPG:] BADSIG " not in said
    return (text if signature else done.stdout) if good else b""


def binary(data: bytes) -> bytes:
    """Return keys without their ASCII armour (RFC 9580, 6.2)."""
    if not data.startswith(b"-----"):
        return data
    found = b""
    for body in _ARMOUR.findall(data):
        with contextlib.suppress(ValueError):
            found += base64.b64decode(b"".join(body.split()))
    return found


@contextlib.contextmanager
def _memory(name: str, data: bytes) -> Iterator[int]:
    """Give a descriptor of a file in memory: gpgv wants files, and we write none."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)
