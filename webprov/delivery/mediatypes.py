"""The media type of a rendered file, the same for phones and for the bucket."""

import mimetypes

_TYPES = {"xml": "application/xml", "json": "application/json"}


def content_type(path: str) -> str:
    """By the suffix of `path`; configuration files are plain text."""
    return _TYPES.get(path.rpartition(".")[2].lower(), "text/plain; charset=utf-8")


def asset_type(path: str) -> str:
    """As `content_type`, for firmware and the like: what is not known is bytes."""
    return mimetypes.guess_type(path, strict=False)[0] or "application/octet-stream"
