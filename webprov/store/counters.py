"""Counters (see `store.models.Counter`) by which processes tell the worker that something waits for the storage."""

FAILED_PUSHES = "failed pushes"
"""Grows when a push has failed: there is something to try again."""
RETRY_NOW = "retry pushes"
"""Grows when the next try shall not be waited for: a person asked, or another place has been saved."""
