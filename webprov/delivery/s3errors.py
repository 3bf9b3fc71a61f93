"""What went wrong with the storage, as a sentence at the setting that has to change (ui guide 16).

Nothing of what the server answered is repeated but its error code and, if it has the form of one, a region (TR-07).
"""

import re
from xml.etree.ElementTree import ParseError

from minio.error import MinioException, S3Error, ServerError
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from webprov.delivery.guardedhttp import AddressRefused, AnswerTooLong, DoctypeRefused
from webprov.errors import TransportError

FAILURES = (MinioException, HTTPError, ParseError, ValueError, OSError)
"""All that the minio client raises; ParseError for an answer that only looks like XML."""

_CODE = re.compile(r"<Code>\s*(\w{1,60})\s*</Code>")
_STATUS = re.compile(r"Response code: (\d{3})")
_REGION = re.compile(r"(?:expecting|use region) '?([a-z0-9-]{3,32})")
_EXPIRED = (
    "s3_secret_key",
    "These keys have expired or were withdrawn. Type new ones: an access key and its secret key.",
)
_KEYS = "The server refused these keys. Check the access key and type the secret key again."
_ANSWERS = {
    "InvalidAccessKeyId": ("s3_access_key", "The server does not know this access key. Check it for typing mistakes."),
    "SignatureDoesNotMatch": ("s3_secret_key", _KEYS),
    "InvalidTokenId": ("s3_secret_key", _KEYS),
    "ExpiredToken": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "InvalidToken": _EXPIRED,
    "401": ("s3_secret_key", _KEYS),
    "NoSuchBucket": (
        "s3_bucket",
        "There is no bucket “{bucket}” at this endpoint. Check the spelling or create it first.",
    ),
    "InvalidBucketName": ("s3_bucket", "The server does not accept “{bucket}” as a bucket's name. Check the spelling."),
    "AccessDenied": (
        "s3_bucket",
        "These keys may not write to “{bucket}”. Allow them to put and delete objects under the prefix.",
    ),
    "RequestTimeTooSkewed": (
        "s3_endpoint",
        "The clocks of this server and of the storage differ by more than it accepts. Set this server's clock.",
    ),
    "AuthorizationHeaderMalformed": ("s3_region", "The bucket lies in another region{region}."),
    "IllegalLocationConstraintException": ("s3_region", "The bucket lies in another region{region}."),
    "PermanentRedirect": ("s3_region", "The bucket lies in another region or at another endpoint{region}."),
    "Redirect": ("s3_endpoint", "The endpoint sends us elsewhere. Enter the address that it leads to."),
    "500": ("s3_endpoint", "{endpoint} reports an error of its own. Try again, and look at the storage's log."),
    "SlowDown": ("s3_endpoint", "The storage asks to slow down. Try again in a minute."),
    "EntityTooLarge": ("s3_bucket", "The storage does not take a file of this size."),
    "QuotaExceeded": ("s3_bucket", "The bucket is full. Make room or raise its quota."),
}
_STATUSES = {"301": "Redirect", "302": "Redirect", "307": "Redirect", "308": "Redirect",
             "403": "AccessDenied", "404": "NoSuchBucket", "503": "SlowDown", "ServiceUnavailable": "SlowDown",
             "InternalError": "500", "502": "500", "504": "500", "RequestExpired": "RequestTimeTooSkewed",
             "AllAccessDisabled": "AccessDenied", "AccountProblem": "AccessDenied"}  # fmt: skip


def transport_error(error: BaseException, endpoint: str, bucket: str) -> TransportError:
    """The TransportError that says what `error` (one of FAILURES) means to a person."""
    if isinstance(error, MinioException):
        return _answered(error, endpoint, bucket)
    return TransportError("s3_endpoint", _unreached(error, endpoint))


def sentence_of(code: str, endpoint: str, bucket: str) -> str:
    """What S3's error code means to a person, whichever client was told it."""
    return str(_by_code(code, "", endpoint, bucket))


def _answered(error: MinioException, endpoint: str, bucket: str) -> TransportError:
    return _by_code(answer_code(error), str(error), endpoint, bucket)


def _by_code(code: str, text: str, endpoint: str, bucket: str) -> TransportError:
    field, sentence = _ANSWERS.get(code) or _ANSWERS.get(_STATUSES.get(code, "")) or ("", "")
    if not field:
        shown = f" ({code})" if code else ""
        return TransportError(
            "s3_endpoint", f"{endpoint} does not answer like S3 storage{shown}. Check the address and its port."
        )
    region = _REGION.search(text)
    hint = f": {region[1]}. Enter that one" if region else ". Enter its own one"
    return TransportError(field, sentence.format(bucket=bucket, region=hint, endpoint=endpoint))


def answer_code(error: MinioException) -> str:
    """S3's error code, also out of an answer that minio does not take for XML; else the HTTP status; else empty."""
    if isinstance(error, S3Error):
        return error.code or ""
    if isinstance(error, ServerError):
        return str(error.status_code)
    found = _CODE.search(str(error)) or _STATUS.search(str(error))
    return found[1] if found else ""


def _unreached(error: BaseException, endpoint: str) -> str:
    if isinstance(error, AddressRefused):
        return str(error)
    if isinstance(error, NameResolutionError):
        return f"There is no host of the name in {endpoint}. Check the spelling, or this server's name service."
    if isinstance(error, SSLError):
        return _tls(str(error), endpoint)
    if isinstance(error, NewConnectionError):  # to urllib3 a kind of ConnectTimeoutError
        return f"{endpoint} cannot be reached: {_reason(error)}. Check the address, its port and that it runs."
    if isinstance(error, ConnectTimeoutError | ReadTimeoutError | TimeoutError):
        return f"{endpoint} did not answer in time. Check the address, its port and firewalls in between."
    if isinstance(error, ProtocolError):
        return f"{endpoint} broke the connection off. Check the port, and whether it needs https://."
    if isinstance(error, ParseError | AnswerTooLong | DoctypeRefused):
        return f"{endpoint} does not answer like S3 storage. Check the address and its port."
    return f"{endpoint} could not be used. Check the address and its port."


def _reason(error: BaseException) -> str:
    cause = error.__cause__
    return (cause.strerror or "no answer").lower() if isinstance(cause, OSError) else "no answer"


def _tls(text: str, endpoint: str) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in text:
        found = re.search(r"certificate verify failed: ([\w ,'.:*-]{1,120})", text)
        why = f" ({found[1].strip()})" if found else ""
        return (
            f"The certificate of {endpoint} is not trusted{why}."
            " Install its authority on this server, or use a name that the certificate holds."
        )
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER" in text:
        return f"{endpoint} does not speak TLS. Check the port, or enter http:// for storage in your own network."
    return f"No secure connection to {endpoint} came about. Check its certificate and TLS versions."
