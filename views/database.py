"""The database of a request: Flask-SQLAlchemy around the plain tables of `webprov.store.models`."""

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Session

from webprov.store.models import Base

db = SQLAlchemy(model_class=Base)


def db_session() -> Session:
    """The session of this request, as the functions of `webprov/` take it; closed when the request ends.

    Write through `webprov.store.database.writing`, or a function that does.
    """
    return db.session()
