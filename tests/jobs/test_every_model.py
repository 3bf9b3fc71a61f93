"""One device of every shipped model boots against a running webprov, by its own protocol, and gets what it needs."""

import pytest

from tests.factories import make_tenant
from tests.service import Service, eventually, free_port, status
from webprov.deviceimport import import_devices
from webprov.enums import Protocol
from webprov.provisioning import provision_devices
from webprov.rights import CONSOLE
from webprov.simulation import plan_boot, play
from webprov.site import SiteLoader
from webprov.store.devicedata import read_devices


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = Service(tmp_path_factory.mktemp("models"))
    ports = {protocol: free_port() for protocol in Protocol if protocol is not Protocol.HTTP}
    running.change(
        server_address="127.0.0.1",
        **{f"{protocol}_enabled": True for protocol in ports},
        **{f"{protocol}_port": port for protocol, port in ports.items()},
        tftp_networks="127.0.0.0/8",
    )
    yield running
    running.close()


@pytest.fixture(scope="module")
def fleet(service):
    """Every model once, provisioned, and the service running; the session and the site."""
    loader = SiteLoader(service.instance.config, recheck_seconds=0)
    with service.instance.sessions() as session:
        make_tenant(session)
        rows = [
            f"acme,{0x805EC0100000 + number:012X},{model.key},1000,secret-1000"
            for number, model in enumerate(loader.load(session).catalog.models())
        ]
        text = "\n".join(["tenant,mac,model,line1_userid,line1_password", *rows])
        result = import_devices(session, loader.load(session), text.encode(), CONSOLE)
        assert result.added == len(rows)
        devices = read_devices(session)
        failed = [
            result
            for result in provision_devices(session, loader.load(session), [device.id for device in devices])
            if result.error
        ]
        assert failed == []
        service.start()
        assert eventually(lambda: status(service.port, "/provisioning/x"), 20)
        yield session, loader.load(session), devices


def test_every_model_gets_each_file_it_needs_by_its_own_protocol(fleet):
    session, site, devices = fleet

    missing = {}
    for device in devices:
        steps = list(play(plan_boot(session, site, device)))
        failed = [f"{step.request}: {step.status} {step.note}" for step in steps if step.failed]
        if failed or not any(step.status == 200 for step in steps):
            missing[device.model] = failed or [f"{step.request}: {step.status}" for step in steps]

    assert missing == {}
