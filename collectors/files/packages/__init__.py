"""Package awareness (dpkg; rpm is not supported): one event for what a package manager did."""
