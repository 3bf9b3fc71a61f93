"""Whether what people type about S3 storage is well-formed; like `checks`, but nothing is connected here (spec 1)."""

import re

from webprov.checks import check_text
from webprov.errors import InvalidValue
from webprov.hosts import parse_host

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)


def check_endpoint(text: str) -> str:
    """`http(s)://host[:port]`, normalised; empty stays empty. Raises InvalidValue (security TR-07)."""
    text = check_text(text)
    if not text:
        return ""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        raise InvalidValue("Begin with https:// or http://, like https://s3.acme.example:9000.")
    rest = rest.removesuffix("/")
    if "@" in rest:
        raise InvalidValue("Leave out user and password: the keys have fields of their own.")
    if re.search(r"[/?#\\]", rest):
        raise InvalidValue("Leave out the path: the bucket and the prefix have fields of their own.")
    return f"{scheme.lower()}://{parse_host(rest)}"


def check_bucket(text: str) -> str:
    """A name by S3's rules: 3 to 63 lower-case letters, digits, `-` and `.`; empty stays empty."""
    text = text.strip()
    address = re.fullmatch(r"[0-9]+(\.[0-9]+){3}", text)
    if text and (not _BUCKET.fullmatch(text) or re.search(r"\.\.|\.-|-\.", text) or address):
        raise InvalidValue(
            f"“{text[:70]}” is not a bucket's name. Use 3 to 63 lower-case letters, digits and -, like acme-phones."
        )
    return text


def check_region(text: str) -> str:
    """A region like `eu-central-1`; empty stays empty."""
    text = text.strip().lower()
    if text and not _REGION.fullmatch(text):
        raise InvalidValue(f"“{text[:60]}” is not a region. Enter one like eu-central-1.")
    return text


def check_prefix(text: str) -> str:
    """A folder in the bucket: no leading slash, one trailing; empty stays empty (security TR-09)."""
    parts = [part for part in check_text(text).split("/") if part]
    if any(part in (".", "..") or "\\" in part or not part.isprintable() for part in parts):
        raise InvalidValue("Leave out “..” and “\\”: the prefix is a folder in the bucket, like phones/.")
    prefix = "".join(f"{part}/" for part in parts)
    if len(prefix.encode()) > 500:
        raise InvalidValue("This is too long: at most 500 bytes fit.")
    return prefix


def check_script_path(text: str) -> str:
    """An absolute path; whether a script that may be run lies there is decided when it is saved and before each run."""
    text = check_text(text)
    if text and not text.startswith("/"):
        raise InvalidValue("Enter the whole path, like /usr/local/bin/push.sh.")
    return text


def needs_region(endpoint: str) -> bool:
    """Whether this is AWS itself, where the signature holds the bucket's region."""
    return bool(endpoint) and parse_host(endpoint.partition("://")[2]).name.endswith(
        (".amazonaws.com", ".amazonaws.com.cn")
    )
