"""`ronda rules`: what is detected, and whether the rules do what they say."""

from __future__ import annotations

import click

from server.cli.base import Group, pass_context
from server.cli.context import Context
from server.cli.output import Column, plain, remark, when


def _cost(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else plain(value)


COLUMNS = (
    Column(key="level", heading="LEVEL"),
    Column(key="stage", heading="STAGE"),
    Column(key="version", heading="VERSION", right=True),
    Column(key="hits", heading="HITS", right=True),
    Column(key="last_hit", heading="LAST HIT", show=when),
    Column(key="cost_us", heading="US/EVENT", show=_cost, right=True),
    Column(key="title", heading="TITLE"),
    Column(key="id", heading="ID"),
    Column(key="error", heading="ERROR"),
)
TEST_COLUMNS = (
    Column(key="ok", heading="OK"),
    Column(key="cases", heading="CASES", right=True),
    Column(key="rule", heading="RULE"),
    Column(key="problem", heading="PROBLEM"),
)


@click.group(cls=Group)
def rules() -> None:
    """Rules: what is detected, how often it fired, and tests for it."""


@rules.command("list")
@pass_context
def list_rules(context: Context) -> None:
    """List the rules in force, with hits and cost."""
    answer = context.client().get("/v1/rules", lang=context.language())
    context.out().rows(answer["rules"], COLUMNS, empty="no rules are loaded")


@rules.command("test")
@click.argument("paths", nargs=-1, type=click.Path(exists=True))
@click.option("-v", "--verbose", is_flag=True, help="Rules without problems too.")
@pass_context
def test(context: Context, paths: tuple[str, ...], verbose: bool) -> int:
    """Check rules and run their cases.

    Works here, without the collector. Exit 1 on a problem. PATHS are rule files or folders;
    without them the rules that come with Ronda.
    """
    from server.cli.rule_tests import examine

    result = examine(paths)
    shown = [row for row in result.rows if verbose or not row["ok"]]
    if shown or context.output != "table":
        context.out().rows(shown, TEST_COLUMNS)
    problems = sum(not row["ok"] for row in result.rows)
    remark(f"{result.rules} rules, {result.cases} cases, {problems} problems")
    return 1 if problems or not result.rules else 0
