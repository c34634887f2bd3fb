"""Exact data match: is this number one of the protected people's?

A register is a file of keyed hashes (`signatures.edm.form`), built once where the data lives
(`signatures.edm.build`), looked up in the bounded child (`signatures.edm.lookup`). The hash is
SipHash-2-4 under a key made of the fleet key: whoever has the file alone can test no number. Who
has an agent's fleet key, too, can try all numbers: there are about 1e10 for one city, minutes of
work; the file then tells who is registered, but no names (they stand in it only together with
their number, and have to be guessed). `docs` says so to operators.
"""
