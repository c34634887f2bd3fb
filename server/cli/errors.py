"""What can go wrong for the user of `ronda`, by exit code.

CliError              1  something failed, or is not healthy
|-- BadRequest        2  an argument that only the collector could judge, such as a query
|-- NotFound          3  no such alert, event, host ...
|-- Denied            4  you may not
`-- Unreachable       5  the collector does not answer

Other usage errors (2) are click's own.
"""

from __future__ import annotations


class CliError(Exception):
    """``str()`` is one sentence for the user."""

    code = 1


class BadRequest(CliError):  # noqa: N818 - named for what it is
    """The collector says that an argument is wrong."""

    code = 2


class NotFound(CliError):  # noqa: N818
    """The thing asked for does not exist."""

    code = 3


class Denied(CliError):  # noqa: N818
    """The collector refuses this user."""

    code = 4


class Unreachable(CliError):  # noqa: N818
    """Nobody listens on the socket, or the answer broke off."""

    code = 5
