"""The API behind the `ronda` command line: HTTP over a unix socket, callers known by the kernel."""
