import subprocess
import sys
from pathlib import Path

from tests.service import eventually
from webprov.processes import _is_alive

_LEAVES_ITS_CHILD = """
import os, time
child = os.fork()
if child:
    print(child, flush=True)
    time.sleep(20)
"""


def test_who_has_ended_is_not_alive_though_nobody_asked_how():
    with subprocess.Popen([sys.executable, "-c", _LEAVES_ITS_CHILD], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())

        assert eventually(lambda: not _is_alive(child), 10)
        assert Path(f"/proc/{child}").exists()
        assert _is_alive(parent.pid)
        parent.kill()
        assert eventually(lambda: not _is_alive(parent.pid), 10)
