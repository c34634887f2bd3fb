"""From segments to records: order, protocol, and the object that reads it.

`streams.StreamReader` is the `model.Streams` of the sensor. `reassembly` puts the bytes of one
direction in order, `identify` tells the protocol from the first of them, `dialogue` hands them to
the parser of that protocol and keeps what the content child is to see.
"""
