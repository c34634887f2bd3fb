"""`ronda network`: what hosts talked to, what was found in it, and whose data left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from server.cli.base import (
    Group,
    level_option,
    opd_option,
    options,
    pass_context,
    range_options,
)
from server.cli.client import segment
from server.cli.context import Context
from server.cli.network_text import size, summary_page
from server.cli.output import Column, remark, when

FLOWS = (
    Column(key="host", heading="HOST"),
    Column(key="opd", heading="OPD"),
    Column(key="direction", heading="DIRECTION"),
    Column(key="peer", heading="PEER"),
    Column(key="transport", heading="TRANSPORT"),
    Column(key="port", heading="PORT", right=True),
    Column(key="process", heading="PROGRAM"),
    Column(key="count", heading="COUNT", right=True),
    Column(key="failed", heading="FAILED", right=True),
    Column(key="sent", heading="SENT", right=True, show=size),
    Column(key="received", heading="RECEIVED", right=True, show=size),
    Column(key="first", heading="FIRST", show=when),
    Column(key="last", heading="LAST", show=when),
)
FINDINGS = (
    Column(key="time", heading="TIME", show=when),
    Column(key="level", heading="LEVEL"),
    Column(key="host", heading="HOST"),
    Column(key="opd", heading="OPD"),
    Column(key="finding", heading="FINDING"),
    Column(key="count", heading="COUNT", right=True),
    Column(key="source", heading="SOURCE"),
    Column(key="destination", heading="DESTINATION"),
    Column(key="port", heading="PORT", right=True),
    Column(key="about", heading="ABOUT"),
    Column(key="process", heading="PROGRAM"),
    Column(key="detail", heading="DETAIL"),
    Column(key="event", heading="ID"),
)
LEAKS = (
    Column(key="time", heading="TIME", show=when),
    Column(key="level", heading="LEVEL"),
    Column(key="host", heading="HOST"),
    Column(key="opd", heading="OPD"),
    Column(key="way", heading="WAY"),
    Column(key="peer", heading="PEER"),
    Column(key="what", heading="WHAT"),
    Column(key="type", heading="TYPE"),
    Column(key="certain", heading="CERTAIN", right=True),
    Column(key="file_host", heading="LIES ON"),
    Column(key="file_opd", heading="OF OPD"),
    Column(key="path", heading="FILE"),
    Column(key="exposure", heading="ID"),
)


@click.group(cls=Group)
def network() -> None:
    """Network: what hosts talked to, and whose data left."""


_filters = options(
    click.option("--peer", metavar="ADDRESS", help="Only with this address or name."),
    click.option("--host", metavar="NAME", help="Only of this host name or agent id."),
    opd_option,
)


def _end(answer: Mapping[str, Any], limit: int) -> None:
    if answer["more"]:
        remark(f"there are more than {limit}; see them with --limit, or narrow the question")
    if answer["stopped"]:
        remark("it took too long or was too much: not everything was looked at; narrow it")


@network.command("flows")
@_filters
@click.option("--port", type=click.IntRange(0, 65_535), help="Only this port of the service.")
@range_options("24h", 200)
@pass_context
def flows(context: Context, /, limit: int, **query: Any) -> None:
    """List whom hosts talked to, most bytes first.

    Added up for each peer and service. SENT and RECEIVED are IP bytes seen from the host. FAILED
    connections had no answer or were refused. A peer is missing where many small ones were added
    up.
    """
    answer = context.client().get("/v1/network/flows", limit=limit, **query)
    context.out().rows(answer["flows"], FLOWS, empty="no flows in this time")
    _end(answer, limit)


@network.command("findings")
@_filters
@level_option
@range_options("7d", 200)
@pass_context
def findings(context: Context, /, limit: int, **query: Any) -> None:
    """List what was found in traffic, the newest first.

    Detections, citizens' data and passwords that crossed in clear, and sources that knock at many
    hosts. Also what raised no alert.
    """
    answer = context.client().get("/v1/network/findings", limit=limit, **query)
    context.out().rows(answer["findings"], FINDINGS, empty="no findings in this time")
    _end(answer, limit)


@network.command("show")
@click.argument("peer", metavar="ADDRESS")
@range_options("7d", 50)
@pass_context
def show(context: Context, /, peer: str, limit: int, **query: Any) -> None:
    """Show all that is known of one address or name, on all hosts."""
    answer = context.client().get(f"/v1/network/show/{segment(peer)}", limit=limit, **query)
    out = context.out()
    out.record(answer, lambda: summary_page(answer, out, FLOWS, FINDINGS))
    _end(answer, limit)


@network.command("leaks")
@_filters
@level_option
@range_options("7d", 200)
@pass_context
def leaks(context: Context, /, limit: int, **query: Any) -> None:
    """List files whose values crossed the network in clear.

    That is: whose data left. Told by keyed tokens; no value leaves its host. CERTAIN counts the
    values that were seen at both, of up to 64 that were compared. ID is for ronda exposure show.
    """
    answer = context.client().get("/v1/network/leaks", limit=limit, **query)
    context.out().rows(answer["leaks"], LEAKS, empty="nothing that crossed lies in a known file")
    _end(answer, limit)
