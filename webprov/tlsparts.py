"""The part that serves phones over HTTPS."""

import socket
import ssl

from webprov.enums import Protocol
from webprov.serving.fetching import Fetching
from webprov.serving.garbage import collect_seldom
from webprov.serving.http import PhoneApp
from webprov.serving.https import make_tls_server
from webprov.serving.httpserver import PHONE_LIMITS
from webprov.serving.sources import Sources
from webprov.serving.tlscontexts import Contexts, phone_policy, stdlib_context
from webprov.store.instance import Instance


def run_https(instance: Instance, listener: socket.socket) -> None:
    """The phones' HTTPS."""
    fetching = Fetching(instance)
    policy = phone_policy(instance.config, lambda: fetching.gatekeeper.rules.settings)
    contexts: Contexts[ssl.SSLContext] = Contexts(policy, stdlib_context)
    app, is_proxy = PhoneApp(fetching, Protocol.HTTPS), Sources("", instance.config.trusted_proxies).is_proxy
    collect_seldom()
    try:
        make_tls_server(app, listener, PHONE_LIMITS, is_proxy, contexts.current).run()
    finally:
        fetching.close()
