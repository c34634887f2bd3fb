"""The command line of the agent."""

from __future__ import annotations

import errno
import os
import sys


def main() -> None:
    """Entry point of ``ronda-agent``."""
    from agent.cli.root import agent

    try:
        agent(prog_name="ronda-agent")
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        # The interpreter flushes stdout once more at exit; give it something that takes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit("ronda-agent: cannot write: the disk is full")
