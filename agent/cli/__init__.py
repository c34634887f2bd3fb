"""The command line of the agent."""

from __future__ import annotations


def main() -> None:
    """Entry point of ``ronda-agent``."""
    from agent.cli.root import agent

    agent(prog_name="ronda-agent")
