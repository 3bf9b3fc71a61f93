"""Words for how a request of a phone ended: what support reads, and never the phone (spec 8)."""

from dataclasses import dataclass
from enum import StrEnum

from webprov.serving.askers import Reason


class Answer(StrEnum):
    """The kinds of answers that people tell apart."""

    SERVED = "served"
    NOTHING = "nothing"  # not there, or asked to sign in first: everyday life
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Words:
    """How a request ended: its kind, and the end of the sentence “asked for x.cfg, …”."""

    answer: Answer
    text: str


WORDS: dict[str, Words] = {
    Reason.DELIVERED: Words(Answer.SERVED, "got it"),
    Reason.UNCHANGED: Words(Answer.SERVED, "has it already"),
    Reason.NO_CREDENTIALS: Words(Answer.NOTHING, "was asked to sign in"),
    Reason.STORED: Words(Answer.SERVED, "sent it, and it was kept"),
    Reason.STALE_NONCE: Words(Answer.NOTHING, "was asked to sign in again"),
    Reason.UNKNOWN_NAME: Words(Answer.NOTHING, "there is no such file"),
    Reason.OUTSIDE: Words(Answer.NOTHING, "wrong path: files lie under /provisioning/"),
    Reason.FILE_GONE: Words(Answer.REFUSED, "the file is missing on this server’s disk"),
    Reason.WRONG_CREDENTIALS: Words(Answer.REFUSED, "wrong password"),
    Reason.NETWORK: Words(Answer.REFUSED, "not from an allowed network"),
    Reason.TENANT_NETWORK: Words(Answer.REFUSED, "not from a network of its tenant"),
    Reason.NO_CERTIFICATE: Words(Answer.REFUSED, "showed no certificate"),
    Reason.FOREIGN_CERTIFICATE: Words(Answer.REFUSED, "its certificate is of no known device"),
    Reason.NOT_OWN: Words(Answer.REFUSED, "the file belongs to another device"),
    Reason.OWN_NEEDED: Words(Answer.REFUSED, "used the shared sign-in, but has one of its own"),
    Reason.WINDOW_CLOSED: Words(Answer.REFUSED, "has fetched its files already, and its window has closed"),
    Reason.OTHER_PHONE: Words(Answer.REFUSED, "calls itself another phone than this device"),
    Reason.UPLOADS_OFF: Words(Answer.REFUSED, "uploads are switched off"),
    Reason.TOO_LARGE: Words(Answer.REFUSED, "what it sent is too large"),
    Reason.TOO_MANY: Words(Answer.REFUSED, "it sent too many files"),
    Reason.NOT_KEPT: Words(Answer.REFUSED, "what it sent could not be stored"),
    Reason.BROKEN_OFF: Words(Answer.REFUSED, "broken off before the end"),
    Reason.BUSY: Words(Answer.REFUSED, "too many transfers at once, tries again"),
    Reason.LOCKED_OUT: Words(Answer.REFUSED, "locked out after wrong guesses"),
    Reason.METHOD: Words(Answer.REFUSED, "only reading is allowed"),
}


def words_for(reason: str) -> Words:
    """The words for the reason code of a FetchRecord; one that has none yet speaks for itself, as a refusal."""
    return WORDS.get(reason) or Words(Answer.REFUSED, reason)


def reasons_of(answer: Answer) -> list[str]:
    """The reason codes that count as this kind of answer."""
    return [str(reason) for reason in Reason if words_for(reason).answer is answer]
