"""The parts that serve FTP and FTPS; apart from `webprov.parts`, because only they need pyftpdlib and pyOpenSSL."""

import socket

from OpenSSL import SSL

from webprov.enums import Protocol
from webprov.serving.fetching import Fetching
from webprov.serving.ftp import FtpServer, openssl_context
from webprov.serving.garbage import collect_seldom
from webprov.serving.tlscontexts import Contexts, phone_policy
from webprov.store.instance import Instance


def run_ftp(instance: Instance, listener: socket.socket, protocol: Protocol) -> None:
    """FTPS, where TLS is a must, or FTP, where clients that ask for it get it if people supplied a certificate: many
    ask on their own, and end where they meet one that they cannot check."""
    fetching = Fetching(instance)
    policy = phone_policy(instance.config, lambda: fetching.gatekeeper.rules.settings)
    has_tls = protocol is Protocol.FTPS or not policy.pair.own
    contexts: Contexts[SSL.Context] | None = Contexts(policy, openssl_context) if has_tls else None
    collect_seldom()
    try:
        FtpServer(listener, fetching, protocol, contexts.current if contexts else lambda: None).run()
    finally:
        fetching.close()
