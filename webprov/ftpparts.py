"""The parts that serve FTP and FTPS."""

import socket

from OpenSSL import SSL

from webprov.enums import Protocol
from webprov.serving.fetching import Fetching
from webprov.serving.ftp import FtpServer, openssl_context
from webprov.serving.garbage import collect_seldom
from webprov.serving.tlscontexts import Contexts, phone_policy
from webprov.store.instance import Instance


def run_ftp(instance: Instance, listener: socket.socket) -> None:
    """The phones' FTP: clients that ask for TLS get it if people supplied a certificate, because many ask on their own
    and end where they meet one that they cannot check."""
    _run(instance, listener, Protocol.FTP)


def run_ftps(instance: Instance, listener: socket.socket) -> None:
    """The phones' FTPS, where TLS is a must."""
    _run(instance, listener, Protocol.FTPS)


def _run(instance: Instance, listener: socket.socket, protocol: Protocol) -> None:
    fetching = Fetching(instance)
    policy = phone_policy(instance.config, lambda: fetching.gatekeeper.rules.settings)
    has_tls = protocol is Protocol.FTPS or not policy.pair.own
    contexts: Contexts[SSL.Context] | None = Contexts(policy, openssl_context) if has_tls else None
    collect_seldom()
    try:
        FtpServer(listener, fetching, protocol, contexts.current if contexts else lambda: None).run()
    finally:
        fetching.close()
