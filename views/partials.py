"""Whole page or fragment?"""

from flask import request


def wants_partial() -> bool:
    """Whether htmx asks for a fragment: not for a boosted page, nor for one out of the browser's history."""
    headers = request.headers
    return "HX-Request" in headers and not ("HX-Boosted" in headers or "HX-History-Restore-Request" in headers)
