"""Notifications: a durable outbox and its delivery through apprise."""

from __future__ import annotations

from typing import NamedTuple

from server.config import ChannelConfig, ServerConfig

TEST_TIMEOUT = 30.0
"""Seconds for each channel."""


class Trial(NamedTuple):
    """What came of a test message."""

    channel: str
    ok: bool
    error: str


def send_test(config: ServerConfig, channel: str | None = None) -> list[Trial]:
    """Send a test message to *channel*, or to all; one answer for each.

    Raises:
        LookupError: there is no such channel; the message lists those there are.
    """
    channels = [item for item in config.notify.channels if channel in {None, item.name}]
    if channel is not None and not channels:
        names = ", ".join(item.name for item in config.notify.channels) or "none"
        raise LookupError(f"no channel {channel!r}; configured: {names}")
    return [_try(item, item.language or config.language) for item in channels]


def _try(channel: ChannelConfig, language: str) -> Trial:
    from server.notify.channels import ChannelError, Sender, read_url
    from server.notify.message import trial_message

    sender = Sender()
    try:
        message = trial_message(channel.name, language)
        outcome = sender.send(read_url(channel), message, TEST_TIMEOUT)
    except ChannelError as error:
        return Trial(channel.name, False, str(error))
    finally:
        sender.close()
    return Trial(channel.name, outcome.ok, outcome.error)
