"""What must not happen: a request of a stranger, half a request, an answer to nobody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.files.deploy import mailbox, requests
from collectors.files.deploy.mailbox import Bad, Inbox, post
from collectors.files.deploy.requests import Accept, Answer, Close, new_id


def close(number: str | None = None) -> Close:
    return Close(id=number or new_id(), by="1000", made=1, window="w1")


def only(inbox: Inbox) -> Close | Accept | Bad:
    (found,) = inbox.waiting()
    assert isinstance(found, (Close, Accept, Bad))
    return found


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[" * 60000,
        b'{"do":"delete","id":"x"}',
        b'{"do":"close","id":"%s","by":"0","made":1,"window":"w","more":1}' % (b"a" * 32),
        b'{"do":"close","id":"%s","by":"0","made":"1","window":"w"}' % (b"a" * 32),
        b'{"do":"close","id":"%s","by":"root; x","made":1,"window":"w"}' % (b"a" * 32),
        b'{"do":"close","id":"%s","by":"0","made":1,"window":"w"}' % (b"b" * 32),
        b" " * (mailbox.MAX_BYTES + 1),
    ],
)
def test_what_is_no_request(tmp_path: Path, data: bytes) -> None:
    inbox = Inbox(tmp_path)
    (tmp_path / "requests" / f"{'a' * 32}.json").write_bytes(data)
    bad = only(inbox)
    assert isinstance(bad, Bad)
    inbox.drop(bad)
    assert list(inbox.waiting()) == []


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mailbox, "_read", lambda _: data)
        assert isinstance(mailbox._request(Path(f"{'a' * 32}.json")), Bad)


def test_what_is_no_plain_file(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    folder = tmp_path / "requests"
    real = tmp_path / "real"
    real.write_bytes(b"{}")
    (folder / f"{'1' * 32}.json").symlink_to(real)
    (folder / f"{'2' * 32}.json").mkdir()
    os.mkfifo(folder / f"{'3' * 32}.json")
    os.link(real, folder / f"{'4' * 32}.json")
    found = list(inbox.waiting())
    assert len(found) == 4
    for bad in found:
        assert isinstance(bad, Bad)
        inbox.drop(bad)
    # The directory stays; it is not named for ever.
    assert list(inbox.waiting()) == []


@pytest.mark.root
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    request = close()
    post(tmp_path, request)
    os.chown(tmp_path / "requests" / f"{request.id}.json", 65534, 65534)
    bad = only(inbox)
    assert isinstance(bad, Bad)
    assert "belongs to user 65534" in bad.why


@pytest.mark.root
def test_everything_belongs_to_the_owner_of_the_state(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    post(tmp_path, close())
    made = [tmp_path / "requests", *(tmp_path / "requests").iterdir()]
    assert {path.stat().st_uid for path in made} == {65534}
    assert [path.stat().st_mode & 0o777 for path in made] == [0o700, 0o600]


def test_half_a_request_is_not_seen(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    (tmp_path / "requests" / f".{'a' * 32}.new").write_bytes(b'{"do":')
    assert list(inbox.waiting()) == []


def test_there_and_back(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    request = Accept(id=new_id(), by="0", made=5, reason="r", paths=(b"/a\xff\n",))
    post(tmp_path, request)
    assert only(inbox) == request
    assert mailbox.fetch(tmp_path, request.id, 0.0) is None
    answer = Answer(done=True, text="done", entries=3)
    inbox.answer(request.id, answer)
    assert list(inbox.waiting()) == []
    assert mailbox.fetch(tmp_path, request.id, 0.0) == answer
    assert list((tmp_path / "requests").iterdir()) == []


def test_in_order_and_not_all_at_once(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    many = [close(f"{number:032x}") for number in reversed(range(mailbox.MAX_AT_ONCE + 3))]
    for number, request in enumerate(many):
        post(tmp_path, request)
        path = tmp_path / "requests" / f"{request.id}.json"
        os.utime(path, ns=(number, number))
    found = list(inbox.waiting())
    assert found == many[: mailbox.MAX_AT_ONCE]


def test_old_answers_are_swept(tmp_path: Path) -> None:
    folder = mailbox.prepare(tmp_path)
    for name in (f"{'a' * 32}.answer", f".{'b' * 32}.new"):
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (1, 1))
    (folder / f"{'c' * 32}.answer").write_bytes(b"x")
    list(Inbox(tmp_path).waiting())
    assert [path.name for path in folder.iterdir()] == [f"{'c' * 32}.answer"]


def test_a_directory_that_is_a_link_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "requests").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotADirectoryError):
        post(tmp_path, close())


def test_too_much_for_one_request(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="too many"):
        post(tmp_path, Accept(id=new_id(), by="0", made=1, paths=(b"/x" * 40000,)))


def test_who_gives_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    login = tmp_path / "loginuid"
    login.write_text("1001")
    monkeypatch.setenv("SUDO_UID", "1002")
    assert requests.author(login) == ("1001", "login")
    login.write_text("4294967295")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert requests.author(login) == ("1002", "sudo")
    monkeypatch.setenv("SUDO_UID", "1002; rm")
    assert requests.author(login) == (str(os.getuid()), "user")
    # Only root may be believed when it says for whom it acts.
    monkeypatch.setenv("SUDO_UID", "1002")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert requests.author(tmp_path / "none") == (str(os.getuid()), "user")
    assert requests.name_of("0") == "root"
    assert requests.name_of("4000000000") == "4000000000"


@pytest.mark.parametrize("what", ["pipe", "link", "large", "rubbish"])
def test_an_answer_that_nobody_gave(tmp_path: Path, what: str) -> None:
    number = new_id()
    folder = mailbox.prepare(tmp_path)
    path, real = folder / f"{number}.answer", tmp_path / "real"
    real.write_bytes(b'{"done":true,"text":"x"}')
    if what == "pipe":
        os.mkfifo(path)
    elif what == "link":
        path.symlink_to(real)
    elif what == "large":
        with path.open("wb") as file:
            file.truncate(1 << 40)
    else:
        path.write_bytes(b"[" * 1000)
    assert mailbox.fetch(tmp_path, number, 0.2) is None
