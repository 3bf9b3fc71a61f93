"""The process that those of parts are forked from, once it has imported what they need."""

import multiprocessing
import os
import tempfile
from collections.abc import Iterable
from multiprocessing import forkserver, util

from webprov.parts import Part

FORKING = multiprocessing.get_context("forkserver")
_SPARING = {"MALLOC_ARENA_MAX": "1"}
"""glibc keeps memory apart for each thread, in vain where one runs at a time: a tenth of what we hold (P10)."""
_LONGEST_FOLDER = 60


def import_ahead(parts: Iterable[Part]) -> None:
    """Begin to import what processes of `parts` need, in the process that they are forked from; returns at once.

    They share what is imported there, and need not import it themselves when they start (P9, P10).
    """
    for name, value in _SPARING.items():
        os.environ.setdefault(name, value)
    modules = {module: None for part in parts for module in part.modules}
    FORKING.set_forkserver_preload([*modules, "webprov.frozen"])
    _make_socket_folder()
    forkserver.ensure_running()


def _make_socket_folder() -> None:
    """Where the two processes meet: a socket's name has 107 characters at the most, that of TMPDIR may have more."""
    if len(tempfile.gettempdir()) <= _LONGEST_FOLDER:
        return
    chosen, tempfile.tempdir = tempfile.tempdir, "/tmp"  # noqa: S108 - a folder of our own is made in it
    try:
        util.get_temp_dir()
    finally:
        tempfile.tempdir = chosen
