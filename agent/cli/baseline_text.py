"""What the baseline knows and what differs from it, as people read it in a terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

import click

from agent.cli.ask import Host, view
from agent.cli.base import print_table, show_time
from agent.cli.words import N_, Words

PAGE = 100
"""Lines of a table, unless more are asked for."""
_ACTIONS = {
    "created": N_("created"),
    "modified": N_("modified"),
    "deleted": N_("deleted"),
}


def print_overview(found: Host, words: Words) -> None:
    """Print how much the baseline knows, root by root."""
    from collectors.paths import SafePath

    with contextlib.closing(view(found)) as known:
        counts = list(known.counts())
        complete = known.complete_roots()
        totals = known.totals()
        drift = sum(1 for _ in known.differences(SafePath(b"")))
    say = words.say
    names, folders = sum(each.names for each in counts), sum(each.directories for each in counts)
    click.echo(
        say(N_("{names} names in {directories} directories"), names=names, directories=folders)
    )
    click.echo(
        say(N_("{number} differ from the accepted state: ronda-agent baseline diff"), number=drift)
        if drift
        else say(N_("nothing differs from the accepted state"))
    )
    if totals.packages or totals.git:
        click.echo(explained(totals.packages, totals.git, words))
    click.echo()
    headings = (say(N_("NAMES")), say(N_("DIRECTORIES")), say(N_("STATE")), say(N_("PATH")))
    done, partly = say(N_("complete")), say(N_("being recorded"))
    print_table(
        headings,
        [
            (
                say("{number}", number=each.names),
                say("{number}", number=each.directories),
                done if each.root in complete else partly,
                found.guard.display(each.root),
            )
            for each in counts
        ],
    )
    click.echo()
    click.echo(say(N_("One of them, name by name: ronda-agent baseline show PATH")))


def explained(packages: int, git: int, words: Words) -> str:
    return words.say(
        N_("accepted by themselves so far: {packages} changes of packages, {git} of git checkouts"),
        packages=packages,
        git=git,
    )


def print_differences(rows: Iterable[Mapping[str, Any]], words: Words, limit: int) -> int:
    """Print a summary and the first *limit* differences, two lines each; return how many."""
    shown: list[Mapping[str, Any]] = []
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["change"]] = counts.get(row["change"], 0) + 1
        if len(shown) < limit:
            shown.append(row)
    number = sum(counts.values())
    if not number:
        click.echo(words.say(N_("nothing differs from the accepted state")))
        return 0
    tally = ", ".join(
        f"{words.say('{number}', number=counts[name])} {words.say(text)}"
        for name, text in _ACTIONS.items()
        if name in counts
    )
    click.echo(words.say(N_("{number} differences: {tally}"), number=number, tally=tally))
    if number > len(shown):
        click.echo(words.say(N_("shown: the first {number}; more with --limit"), number=limit))
    wide = max(len(words.say(text)) for text in _ACTIONS.values())
    for row in shown:
        click.echo(f"{words.say(_ACTIONS[row['change']]):<{wide}}  {row['path']}")
        since = words.say(N_("since {since}"), since=show_time(row["since"]))
        window = [words.say(N_("window {window}"), window=row["window"])] if row["window"] else []
        click.echo(f"{'':<{wide}}  {', '.join([since, *window, *row['what']])}")
    return number
