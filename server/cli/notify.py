"""`ronda notify`: do messages reach people?"""

from __future__ import annotations

import click

from server.cli.base import Group, pass_context
from server.cli.context import Context
from server.cli.output import Column, remark, when

TEST_COLUMNS = (
    Column(key="channel", heading="CHANNEL"),
    Column(key="ok", heading="DELIVERED"),
    Column(key="error", heading="ERROR"),
)
STATUS_COLUMNS = (
    Column(key="channel", heading="CHANNEL"),
    Column(key="pending", heading="PENDING", right=True),
    Column(key="retrying", heading="RETRYING", right=True),
    Column(key="delivered", heading="DELIVERED", right=True),
    Column(key="failed", heading="FAILED", right=True),
    Column(key="last_delivered", heading="LAST DELIVERED", show=when),
    Column(key="error", heading="LAST ERROR"),
)
_PATIENCE = 600.0
"""Seconds: each of several channels may take half a minute to fail."""


@click.group(cls=Group)
def notify() -> None:
    """Notifications: the channels to people, and what waits."""


@notify.command("test")
@click.argument("channel", required=False)
@pass_context
def test(context: Context, channel: str | None) -> int:
    """Send a test message to one channel, or to all.

    Exit 1 if one fails.
    """
    answer = context.client(_PATIENCE).post("/v1/notify/test", {"channel": channel or ""})
    results = answer["results"]
    context.out().rows(results, TEST_COLUMNS)
    if not results:
        remark("no channel is configured; add [[notify.channels]] to the collector's settings")
    return 0 if results and all(result["ok"] for result in results) else 1


@notify.command("status")
@pass_context
def status(context: Context) -> int:
    """Show each channel: waiting, delivered, failed.

    Exit 1 if something failed or is being tried again.
    """
    answer = context.client().get("/v1/notify")
    context.out().rows(answer["channels"], STATUS_COLUMNS, empty="no channel is configured")
    return 1 if any(row["failed"] or row["retrying"] for row in answer["channels"]) else 0
