"""What the worker does: the list of its duties."""

from webprov.jobruns import jobs_duty
from webprov.redelivery import pushes_duty
from webprov.store.instance import Instance
from webprov.upkeep import files_duty
from webprov.worker import Worker


def run_worker(instance: Instance) -> None:
    """See to all duties until SystemExit."""
    Worker(instance, [jobs_duty(instance), files_duty(instance), pushes_duty(instance)]).run()
