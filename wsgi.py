"""Composition root of the admin UI."""

from flask import Flask
from flask_bootstrap import Bootstrap5
from htmx_flask import Htmx

from views.access import ABSOLUTE_SECONDS
from views.database import db
from views.proxies import TrustedProxies
from views.web import init_web
from webprov.config import Config, data_dir, load_config
from webprov.store.database import prepare_engine
from webprov.store.instance import open_instance
from webprov.store.secrets import keyring

MAX_BODY_BYTES = 2 * 1024 * 1024


def create_app(config: Config | None = None) -> Flask:
    """The admin UI over the instance of `config` (default: the environment's), which is opened or made.

    Raises as `open_instance` does.
    """
    instance = open_instance(config or load_config())
    app = Flask(
        "webprov",
        static_folder=data_dir("static"),
        template_folder=data_dir("templates"),
        instance_path=str(instance.config.instance),
    )
    app.config.from_mapping(
        SECRET_KEY=keyring().session_key,
        SQLALCHEMY_DATABASE_URI=instance.config.database_url,
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        SESSION_COOKIE_NAME="webprov",
        SESSION_COOKIE_SAMESITE="Lax",
        SEND_FILE_MAX_AGE_DEFAULT=31536000,
        BOOTSTRAP_SERVE_LOCAL=True,
        WTF_CSRF_TIME_LIMIT=ABSOLUTE_SECONDS,
        WTF_CSRF_SSL_STRICT=False,  # it wants a Referer, which our policy withholds; see views.security
    )
    app.extensions["webprov"] = instance
    db.init_app(app)
    with app.app_context():
        prepare_engine(db.engine)
    Bootstrap5(app)
    Htmx(app)
    init_web(app)
    app.wsgi_app = TrustedProxies(app.wsgi_app, instance.config.trusted_proxies)  # type: ignore[method-assign]
    return app
