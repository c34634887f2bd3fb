"""Where sensitive content lies on this host, and who could reach it."""
