"""Enrolling and renewing: the conversations with the collector. Run in short-lived processes."""

from __future__ import annotations

import logging
import os
import ssl
import sys
import time
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import urllib3

from agent import identity as ids
from agent import knowledge
from agent.files import give_to_owner_of
from agent.transport.failures import explain
from collectors.knowledge import MAX_MANIFEST, PREFIX, Manifest, Signed
from collectors.wire import Rejection

log = logging.getLogger(__name__)

_TIMEOUT = urllib3.Timeout(connect=10, read=30)
_LARGEST_ANSWER = 1 << 20
_PIECE = 1 << 20


class EnrolmentFailed(Exception):  # noqa: N818 - named for what it is
    """The collector could not be reached or refused; ``str()`` says what to do."""

    def __init__(self, text: str, *, unreachable: bool) -> None:
        """*unreachable* tells a dead line from a refusal."""
        super().__init__(text)
        self.unreachable = unreachable


def enroll(state_dir: Path, string: str) -> ids.Identity:
    """Make a key, have it certified with the one-time secret, and store the identity.

    Raises:
        IdentityError: *string* is no enrolment string, or the answer is incomplete.
        EnrolmentFailed: the collector is not reachable, not the expected one, or refuses.
        OSError: *state_dir* cannot be written.
    """
    token = ids.parse_enrol_string(string)
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    ca_pem = _fetch_ca(token)
    key, key_pem = ids.new_key()
    facts = ids.host_facts()
    request = {
        "secret": token.secret,
        "csr": ids.make_request(key),
        "agent_version": version("ronda"),
        **facts,
    }
    url = f"{token.url.rstrip('/')}/v1/enroll"
    issued = _post(url, request, ids.pinned_context(ca_pem))
    return ids.store_enrolment(state_dir, issued, key_pem, token.url)


def renew(state_dir: Path) -> None:
    """Get a new certificate for the same key over mutual TLS.

    Raises:
        IdentityError, EnrolmentFailed, OSError: as `enroll`.
    """
    identity = ids.load(state_dir)
    request = {"csr": ids.request_for_existing_key(identity.directory)}
    url = f"{identity.record.agent_url.rstrip('/')}/v1/renew"
    issued = _post(url, request, identity.ssl_context())
    if issued.agent != identity.record.agent:
        raise ids.IdentityError("the collector answered with another identity; enrol again")
    ids.store_certificate(identity.directory, issued, identity.record.enroll_url)
    give_to_owner_of(state_dir, identity.directory)


def _fetch_ca(token: ids.EnrolString) -> str:
    # Unverified on purpose: the fingerprint in the string decides, before anything is sent.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    url = f"{token.url.rstrip('/')}/v1/ca"
    with (
        warnings.catch_warnings(),
        urllib3.PoolManager(ssl_context=context, retries=False, timeout=_TIMEOUT) as pool,
    ):
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        data = _request(pool, "GET", url)
    try:
        pem = data.decode("ascii")
        if ids.fingerprint(pem) == token.ca_sha256.lower():
            return pem
    except ValueError:
        pass
    raise EnrolmentFailed(
        f"{token.url} is not the collector that made this string (its CA has another"
        " fingerprint); check the address, or get a new string with 'ronda enroll token'",
        unreachable=False,
    )


def _post(url: str, fields: dict[str, Any], context: ssl.SSLContext) -> ids.Issued:
    with urllib3.PoolManager(ssl_context=context, retries=False, timeout=_TIMEOUT) as pool:
        data = _request(pool, "POST", url, body=msgspec.json.encode(fields))
    try:
        return msgspec.json.decode(data, type=ids.Issued)
    except msgspec.MsgspecError as error:
        raise EnrolmentFailed(
            f"{url} answered with nonsense: {error}", unreachable=False
        ) from error


def fetch_knowledge(state_dir: Path) -> None:
    """Bring what to look for up to date over mutual TLS.

    Raises:
        Refused: the collector's bundle may not take the place of the one in force.
        IdentityError, EnrolmentFailed, OSError: as `enroll`.
    """
    identity = ids.load(state_dir)
    base = identity.record.agent_url.rstrip("/")
    directory = state_dir / knowledge.FOLDER
    with urllib3.PoolManager(
        ssl_context=identity.ssl_context(), retries=False, timeout=_TIMEOUT
    ) as pool:
        data = _request(pool, "GET", f"{base}/v1/bundle", most=MAX_MANIFEST)
        try:
            signed = msgspec.msgpack.decode(data, type=Signed)
            ca_pem = (identity.directory / "ca.crt").read_text("ascii")
            ids.verify_signed(
                ca_pem, signed.certificate, signed.signature, PREFIX + signed.manifest
            )
            manifest = msgspec.msgpack.decode(signed.manifest, type=Manifest)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise knowledge.Refused(f"the bundle cannot be read: {error}") from error
        old = knowledge.installed(state_dir)
        knowledge.check(old, manifest, identity.record.fleet_epoch, time.time_ns())
        for one in manifest.registers:
            if not knowledge.is_complete(directory, one):
                pieces = _download(pool, f"{base}/v1/register/{one.sha256}")
                knowledge.receive(directory, one, pieces)
    knowledge.store(directory, data)


def _download(pool: urllib3.PoolManager, url: str) -> Iterator[bytes]:
    try:
        answer = pool.request("GET", url, preload_content=False)
        if answer.status != 200:
            raise _refusal(answer.status, answer.read(_LARGEST_ANSWER))
        yield from answer.stream(_PIECE)
        answer.release_conn()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        problem = explain(error, url)
        raise EnrolmentFailed(problem.text, unreachable=problem.unreachable) from error


def _request(
    pool: urllib3.PoolManager,
    method: str,
    url: str,
    body: bytes | None = None,
    most: int = _LARGEST_ANSWER,
) -> bytes:
    headers = {"content-type": "application/json"} if body is not None else {}
    try:
        answer = pool.request(method, url, body=body, headers=headers, preload_content=False)
        data = answer.read(most)
        answer.release_conn()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        problem = explain(error, url)
        raise EnrolmentFailed(problem.text, unreachable=problem.unreachable) from error
    if answer.status == 200:
        return data
    raise _refusal(answer.status, data)


def _refusal(status: int, data: bytes) -> EnrolmentFailed:
    try:
        reason = msgspec.json.decode(data, type=Rejection).reason
    except (msgspec.MsgspecError, UnicodeDecodeError):
        reason = f"HTTP {status}"
    return EnrolmentFailed(f"the collector refuses: {reason}", unreachable=status >= 500)


def renew_main() -> None:
    """Entry of the renewing process: state directory in ``argv[1]``; exit code 0 or 1."""
    os.umask(0o077)
    try:
        renew(Path(sys.argv[1]))
    except (ids.IdentityError, EnrolmentFailed, OSError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


def knowledge_main() -> None:
    """Entry of the fetching process, as `renew_main`."""
    os.umask(0o077)
    try:
        fetch_knowledge(Path(sys.argv[1]))
    except (ids.IdentityError, EnrolmentFailed, knowledge.Refused, OSError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
