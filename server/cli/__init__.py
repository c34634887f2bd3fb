"""The command line `ronda`: responders, the security team and the collector's administrator.

Nothing heavy is imported here: a command loads what it needs when it runs, so that the shell
prompt comes back at once.
"""

from __future__ import annotations

import errno
import os
import sys

INTERRUPTED = 130
BROKEN_PIPE = 141
"""What a shell reports for a program that SIGPIPE ended, as with `cat | head`."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit; `server.cli.errors` has the codes."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets its escape, not a traceback.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    sys.exit(_run(arguments))


def _run(arguments: list[str] | None) -> int:
    import click

    from server.cli import output
    from server.cli.errors import CliError
    from server.cli.root import ronda

    if "_RONDA_COMPLETE" in os.environ:
        ronda.main(prog_name="ronda")
    try:
        # Not ronda.main(): it answers a broken pipe with an exit code that means "error" here.
        words = sys.argv[1:] if arguments is None else arguments
        with ronda.make_context("ronda", list(words)) as context:
            result = ronda.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CliError as error:
        output.remark(*f"ronda: {error}".splitlines())
        return error.code
    except BrokenPipeError:
        # The interpreter flushes stdout once more at exit; give it something that takes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        output.remark("ronda: the output cannot be written: the disk is full")
        return CliError.code
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    return result if isinstance(result, int) else 0
