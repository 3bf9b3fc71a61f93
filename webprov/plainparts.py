"""The parts that speak to phones without TLS by servers of our own or waitress: HTTP and TFTP."""

import socket

from webprov.serving.fetching import Fetching
from webprov.serving.garbage import collect_seldom
from webprov.serving.http import PhoneApp
from webprov.serving.httpserver import PHONE_LIMITS, make_server
from webprov.serving.sources import Sources
from webprov.serving.tftp import TftpServer
from webprov.serving.tftpdesk import Desk
from webprov.store.instance import Instance


def run_http(instance: Instance, listener: socket.socket) -> None:
    """The phones' HTTP."""
    fetching = Fetching(instance)
    collect_seldom()
    try:
        make_server(
            PhoneApp(fetching), listener, PHONE_LIMITS, Sources("", instance.config.trusted_proxies).is_proxy
        ).run()
    finally:
        fetching.close()


def run_tftp(instance: Instance, listener: socket.socket) -> None:
    """The phones' TFTP."""
    fetching = Fetching(instance)
    collect_seldom()
    try:
        TftpServer(listener, Desk(fetching)).run()
    finally:
        fetching.close()
