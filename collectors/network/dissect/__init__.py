"""Dissects what Ronda's own parsers do not read: ARP, DHCP, ICMP, SMB, Kerberos and the unknown.

`program` runs in a bounded child of its own and is the one door to scapy (GPL-2.0-only): it carries
its own licence, nothing imports it, and without scapy everything else works.
"""
