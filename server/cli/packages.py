"""`ronda packages`: is a package the same on all hosts?"""

from __future__ import annotations

import click

from server.cli.base import Command, Group, limit_option, pass_context
from server.cli.context import Context
from server.cli.output import Column, short

COMPARED = (
    Column(key="package", heading="PACKAGE"),
    Column(key="version", heading="VERSION"),
    Column(key="consensus", heading="CONSENSUS"),
    Column(key="differs", heading="DIFFERS"),
    Column(key="count", heading="HOSTS", right=True),
    Column(key="files", heading="FILES", right=True),
    Column(key="digest", heading="DIGEST", show=short),
    Column(key="hosts", heading="FOR EXAMPLE"),
)


@click.group(cls=Group)
def packages() -> None:
    """Packages: compared between hosts."""


@packages.command("compare", cls=Command)
@limit_option(1000, 200, "Versions at most.")
@pass_context
def compare(context: Context, limit: int) -> None:
    """List packages whose files differ between hosts.

    One line for each kind of files. CONSENSUS: clear (three hosts or more agree, and twice as many
    as all others), few (two against one, in a fleet of three), or no consensus, which raises no
    alert. Configuration files do not count.
    """
    answer = context.client().get("/v1/packages/compare", limit=limit)
    context.out().rows(
        answer["digests"], COMPARED, empty="every version has the same files on all its hosts"
    )
