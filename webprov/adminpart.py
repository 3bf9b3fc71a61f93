"""The part that serves the admin UI, over HTTPS where it has a certificate of its own."""

import importlib
import socket
import ssl
import tempfile

from webprov.config import Config
from webprov.serving.https import make_tls_server
from webprov.serving.httpserver import admin_limits, make_server
from webprov.serving.sources import Sources
from webprov.serving.tlscontexts import Contexts, TlsPolicy, admin_pair, stdlib_context
from webprov.store.instance import Instance


def run_admin(instance: Instance, listener: socket.socket) -> None:
    """Serve the app of `wsgi`, which is loaded by name because it stands above this package."""
    config = instance.config
    app = importlib.import_module("wsgi").create_app(config)
    tempfile.tempdir = _spool(config)
    limits, is_proxy, pair = (
        admin_limits(config.upload_limit_bytes),
        Sources("", config.trusted_proxies).is_proxy,
        admin_pair(config),
    )
    if pair:
        contexts: Contexts[ssl.SSLContext] = Contexts(TlsPolicy(pair), stdlib_context)
        make_tls_server(app, listener, limits, is_proxy, contexts.current).run()
    else:
        make_server(app, listener, limits, is_proxy).run()


def _spool(config: Config) -> str:
    """Where uploads are received: beside the files that they become, for /tmp may be small, or memory."""
    folder = config.instance / "tmp"
    folder.mkdir(mode=0o700, exist_ok=True)
    return str(folder)
