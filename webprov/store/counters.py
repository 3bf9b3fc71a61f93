"""Counters (see `store.models.Counter`) by which processes tell each other that something has changed or waits."""

FILES = "files"
"""Grows with every change of what phones may fetch: records of files, whose they are, and to whom they are open."""

FAILED_PUSHES = "failed pushes"
"""Grows when a push has failed: there is something to try again."""
RETRY_NOW = "retry pushes"
"""Grows when the next try shall not be waited for: a person asked, or another place has been saved."""
