"""The media type of a rendered file, the same for phones and for the bucket."""

_TYPES = {"xml": "application/xml", "json": "application/json"}


def content_type(path: str) -> str:
    """By the suffix of `path`; configuration files are plain text."""
    return _TYPES.get(path.rpartition(".")[2].lower(), "text/plain; charset=utf-8")
