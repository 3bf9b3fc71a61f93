import io
import os

import pytest

from webprov.backups.sealing import MAGIC, SealedReader, SealingWriter
from webprov.errors import BackupError

PIECE = 64 * 1024
SEALED_PIECE = PIECE + 16


def sealed(content: bytes, step: int = 10_000) -> bytes:
    file = io.BytesIO()
    with SealingWriter(file, "hush") as writer:
        for start in range(0, len(content), step):
            writer.write(content[start : start + step])
    return file.getvalue()


def opened(data: bytes, passphrase: str = "hush") -> bytes:
    file = io.BytesIO(data)
    assert file.read(len(MAGIC)) == MAGIC
    return io.BufferedReader(SealedReader(file, passphrase)).read()


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 5 * PIECE + 7])
def test_what_is_sealed_comes_out_as_it_was(size):
    content = os.urandom(size)

    assert opened(sealed(content)) == content


def test_nothing_of_the_content_can_be_read_in_it():
    assert b"secret" not in sealed(b"secret" * 50_000)


def test_the_same_content_is_sealed_differently_each_time():
    assert sealed(b"x" * 100) != sealed(b"x" * 100)


def test_another_passphrase_opens_nothing():
    with pytest.raises(BackupError, match="The passphrase does not open this backup"):
        opened(sealed(b"secret" * 100), "hush2")


def body(content: bytes) -> tuple[bytes, list[bytes]]:
    data = sealed(content)
    head = len(MAGIC) + 16
    return data[:head], [data[at : at + SEALED_PIECE] for at in range(head, len(data), SEALED_PIECE)]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pieces: pieces[:-1],
        lambda pieces: [*pieces[:-1], pieces[-1][:-1]],
        lambda pieces: [pieces[0], *pieces[2:]],
        lambda pieces: [pieces[0], pieces[2], pieces[1], *pieces[3:]],
        lambda pieces: [*pieces, pieces[-1]],
        lambda pieces: [*pieces, b"more"],
        lambda pieces: [pieces[0], bytes([pieces[1][0] ^ 1]) + pieces[1][1:], *pieces[2:]],
    ],
    ids=["last piece gone", "cut", "piece gone", "swapped", "repeated", "something added", "a bit changed"],
)
def test_whatever_is_not_as_it_was_written_is_noticed(spoil):
    head, pieces = body(os.urandom(4 * PIECE + 100))
    assert len(pieces) == 5

    with pytest.raises(BackupError, match="damaged or cut off"):
        opened(head + b"".join(spoil(pieces)))
