"""The database of a request: Flask-SQLAlchemy around the plain tables of `webprov.store.models`."""

from flask import current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Session

from webprov.nudges import QUEUE_URL
from webprov.store.models import Base

db = SQLAlchemy(model_class=Base)


def db_session() -> Session:
    """The session of this request, as the functions of `webprov/` take it; closed when the request ends.

    Write through `webprov.store.database.writing`, or a function that does.
    """
    session: Session = db.session()
    session.info.setdefault(QUEUE_URL, current_app.extensions["webprov"].config.queue_url)
    return session
