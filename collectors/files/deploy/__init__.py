"""Announced deployments, accepted changes and git checkouts: what explains a change."""
