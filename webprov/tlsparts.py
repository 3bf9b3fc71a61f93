"""The parts that speak TLS: HTTPS for phones, and the admin UI where it has a certificate of its own.

Apart from `webprov.parts`, because the parts without TLS need not carry its libraries (P10).
"""

import socket
import ssl
from collections.abc import Callable
from typing import Any

from webprov.config import Config
from webprov.enums import Protocol
from webprov.serving.fetching import Fetching
from webprov.serving.garbage import collect_seldom
from webprov.serving.http import PhoneApp
from webprov.serving.https import make_tls_server
from webprov.serving.httpserver import PHONE_LIMITS, admin_limits
from webprov.serving.tlscontexts import Contexts, TlsPolicy, admin_pair, phone_policy, stdlib_context
from webprov.store.instance import Instance


def run_https(instance: Instance, listener: socket.socket, is_proxy: Callable[[str], bool]) -> None:
    """The phones' HTTPS."""
    fetching = Fetching(instance)
    policy = phone_policy(instance.config, lambda: fetching.gatekeeper.rules.settings)
    contexts: Contexts[ssl.SSLContext] = Contexts(policy, stdlib_context)
    app = PhoneApp(fetching, Protocol.HTTPS)
    collect_seldom()
    try:
        make_tls_server(app, listener, PHONE_LIMITS, is_proxy, contexts.current).run()
    finally:
        fetching.close()


def run_admin(app: Any, listener: socket.socket, config: Config, is_proxy: Callable[[str], bool]) -> None:
    """The admin UI over HTTPS; `app` is its WSGI application."""
    pair = admin_pair(config)
    assert pair
    contexts: Contexts[ssl.SSLContext] = Contexts(TlsPolicy(pair), stdlib_context)
    limits = admin_limits(config.upload_limit_bytes)
    make_tls_server(app, listener, limits, is_proxy, contexts.current).run()
