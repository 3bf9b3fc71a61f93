"""Imported last in the process that others are forked from, so that its memory stays as it is, and shared (P10)."""

import gc

from setproctitle import setproctitle
from sqlalchemy.orm import configure_mappers

from webprov.store.secrets import Keyring

setproctitle("webprov (the parts are forked from this)")

# what is set up when it is first used, 20 MB in each process otherwise
configure_mappers()
Keyring([bytes(32)]).encrypt("")
gc.collect()
gc.freeze()
