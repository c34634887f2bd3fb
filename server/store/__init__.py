"""Where the collector keeps things: state (`state`), events (`events`), and how to ask (`query`)."""
