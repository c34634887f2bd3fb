"""Opens what holds other files or wraps text: archives, documents, databases, mail.

Everything here runs inside the bounded child and takes bytes from a source, never from a path. A
container becomes a row of leaves; each leaf is a stream of text that the scanner reads in pieces.
What cannot be read has an outcome with a name, and the rest of the container is still looked at.
"""
