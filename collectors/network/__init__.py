"""What the server talks to, and whether data leaves.

The agent's own process opens the sockets and passes them on; everything that looks at packets runs
in a bounded child without any capability. `collectors.network.model` is what its parts hand to each
other.
"""
