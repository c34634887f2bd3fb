"""Where the collector keeps things: `state`, `events`, and how to ask: `query`."""
