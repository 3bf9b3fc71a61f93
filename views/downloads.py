"""Files in and out of the browser."""

from collections.abc import Iterable

from flask import Response, request


def uploaded(name: str) -> bytes:
    """All of an uploaded file, empty where none was chosen. Large ones lie in a temporary file, given back at once."""
    upload = request.files.get(name)
    if upload is None:
        return b""
    with upload.stream as stream:
        content: bytes = stream.read()
    return content


def csv_download(lines: Iterable[str], name: str) -> Response:
    """Read whole before it is sent, so that trouble is a page and no half file."""
    response = Response("".join(lines), mimetype="text/csv; charset=utf-8")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response
