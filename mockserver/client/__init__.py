"""Python's doors: the verbs of a sandbox, in this process and from afar."""
