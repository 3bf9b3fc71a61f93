"""What the worker does: the list of its duties."""

import os

from webprov.alarms import alarms_duty
from webprov.changes.owncredentials import own_credentials_duty
from webprov.changes.rotation import rotation_duty
from webprov.delivery.assets import SyncKind
from webprov.directories import directories_duty
from webprov.fetchkeeping import fetches_duty
from webprov.importruns import imports_duty
from webprov.jobruns import jobs_duty
from webprov.redelivery import pushes_duty
from webprov.site import SiteLoader
from webprov.store.instance import Instance
from webprov.syncruns import sync_duty
from webprov.templatebases import bases_duty
from webprov.upkeep import files_duty
from webprov.worker import Worker

_POLITE = 5


def run_worker(instance: Instance) -> None:
    """See to all duties until SystemExit. Phones and people go first where processors are short."""
    os.nice(_POLITE)
    loader = SiteLoader(instance.config)  # one for all: the models are large
    duties = [
        jobs_duty(instance, loader),
        imports_duty(instance, loader),
        files_duty(loader),
        pushes_duty(instance, loader),
        rotation_duty(instance),
        own_credentials_duty(instance),
        alarms_duty(instance),
        bases_duty(loader),
        fetches_duty(instance),
        directories_duty(instance, loader),
        *(sync_duty(instance, loader, kind) for kind in SyncKind),
    ]
    Worker(instance, duties).run()
