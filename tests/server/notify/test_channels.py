from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from server.config import ChannelConfig
from server.notify import send_test
from server.notify.channels import ChannelError, Message, Sender, read_url
from tests.patience import PATIENCE, until
from tests.server.notify.notify_samples import Receiver, free_port, settings

HELLO = Message(title="Halo", body="isi\nbaris", type="failure")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with closing(Receiver()) as made:
        yield made


@pytest.fixture
def sender() -> Iterator[Sender]:
    with closing(Sender()) as made:
        yield made


def test_a_service_that_hangs_is_cut_off_and_the_next_message_goes(
    receiver: Receiver, sender: Sender
) -> None:
    release = threading.Event()
    receiver.before_answer = lambda: (release.wait(PATIENCE), None)[1]
    # The service keeps apprise waiting for longer than we do.
    outcome = sender.send(receiver.url() + "?rto=60", HELLO, 3)
    assert (outcome.ok, outcome.error) == (False, "no answer within 3 s")
    release.set()
    receiver.before_answer = lambda: None
    assert sender.send(receiver.url(), HELLO, 30).ok


def test_a_service_that_is_down_or_refuses_is_no_success(
    receiver: Receiver, sender: Sender
) -> None:
    down = sender.send(f"json://127.0.0.1:{free_port()}/tokentoken", HELLO, 30)
    assert not down.ok
    assert "tokentoken" not in down.error
    receiver.status = 503
    refused = sender.send(receiver.url(), HELLO, 30)
    assert not refused.ok
    assert "503" in refused.error or "Unavailable" in refused.error


@pytest.mark.parametrize("url", ["nosuch://x", "x", "", "json://"])
def test_an_address_that_apprise_does_not_know(sender: Sender, url: str) -> None:
    outcome = sender.send(url, HELLO, 30)
    assert not outcome.ok
    assert outcome.error


def test_after_an_interrupt_nothing_is_sent(receiver: Receiver, sender: Sender) -> None:
    sender.interrupt()
    assert not sender.send(receiver.url(), HELLO, 30).ok
    assert receiver.messages == []


def test_title_body_and_type_arrive(receiver: Receiver, sender: Sender) -> None:
    assert sender.send(receiver.url(), HELLO, 30).ok
    assert sender.send(receiver.url(), HELLO, 30).ok
    first, _ = receiver.messages
    assert (first["title"], first["message"], first["type"]) == ("Halo", "isi\nbaris", "failure")


def test_an_address_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "url"
    channel = ChannelConfig(name="chat", url_file=str(path))
    with pytest.raises(ChannelError, match="No such file"):
        read_url(channel)
    path.write_bytes(b"\xff")
    with pytest.raises(ChannelError, match="not UTF-8"):
        read_url(channel)
    path.write_text("\n")
    with pytest.raises(ChannelError, match="empty url"):
        read_url(channel)
    path.write_text(" json://h/secret\n")
    assert read_url(channel) == "json://h/secret"


def test_a_trial_names_each_channel(receiver: Receiver, tmp_path: Path) -> None:
    config = settings(tmp_path, good=receiver.url(), bad=f"json://127.0.0.1:{free_port()}/x")
    with pytest.raises(LookupError, match="configured: good, bad"):
        send_test(config, "other")
    good, bad = send_test(config)
    assert (good.channel, good.ok, good.error) == ("good", True, "")
    assert (bad.channel, bad.ok) == ("bad", False)
    assert bad.error
    assert [trial.channel for trial in send_test(config, "good")] == ["good"]
    until(lambda: len(receiver.messages) == 2)
    assert "channel good" in receiver.messages[0]["message"]
