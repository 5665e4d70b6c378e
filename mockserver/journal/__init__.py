"""Every call, and the answers to questions about calls."""
