"""The one-way street to the collector."""
