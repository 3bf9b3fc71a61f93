import io

from sqlalchemy import func, select

from tests.pages import PASSWORD, error_at, post, token
from webprov.store.models import ChangeRecord, Device

MINE = "805EC0000001"
GOOD = "tenant,mac,model,label,line1_userid\nacme,805EC0000009,test-desk,=1+1,1009\n"


def upload(client, text: str | bytes, action: str = "import"):
    data = text if isinstance(text, bytes) else text.encode()
    fields = {"csrf_token": token(client), "action": action, "file": (io.BytesIO(data), "devices.csv")}
    return client.post("/devices/import", data=fields)


def count(session) -> int:
    session.rollback()
    return session.scalar(select(func.count()).select_from(Device))


def test_a_file_is_tried_and_then_imported(admin, devices, session):
    trial = upload(admin, GOOD, "try")
    assert "It would add 1" in trial.text
    assert count(session) == 2

    upload(admin, GOOD)

    assert "1 added, 0 changed" in admin.get("/devices/").text
    assert count(session) == 3


def test_errors_come_by_row_and_column_and_nothing_is_imported(admin, devices, session):
    answer = upload(admin, GOOD + "nobody,80,test-desk,<script>,1\n")

    assert answer.status_code == 422
    assert "<td>3</td>" in answer.text
    assert "is not a MAC address" in answer.text
    assert count(session) == 2


def test_a_file_that_is_none_is_refused(admin, site):
    assert "Choose a CSV file" in error_at(upload(admin, ""), "file")
    assert upload(admin, b"\x89PNG\r\n\x1a\n\x00\xff").status_code == 422


def test_uploads_may_be_larger_than_other_posts(admin, site):
    text = GOOD.replace("line1_userid", "x" * 3_000_000)
    parts = [f'name="csrf_token"\r\n\r\n{token(admin)}', f'name="file"; filename="devices.csv"\r\n\r\n{text}']
    body = "".join(f"--b\r\nContent-Disposition: form-data; {part}\r\n" for part in parts) + "--b--\r\n"

    large = admin.post("/devices/import", data=body.encode(), content_type="multipart/form-data; boundary=b")

    assert large.status_code == 422
    assert "Nothing was imported" in large.text
    assert post(admin, f"/devices/{MINE}/phone", label="x" * 3_000_000).status_code == 413


def test_a_tenant_administrator_imports_into_the_own_tenant(keeper, devices, session):
    assert upload(keeper, GOOD.replace("acme", "globex")).status_code == 422
    assert upload(keeper, GOOD).status_code == 302


def test_an_export_has_no_secrets_and_guards_cells(admin, devices):
    upload(admin, GOOD)

    answer = admin.get("/devices/export.csv")

    assert answer.headers["Content-Disposition"] == "attachment; filename=devices.csv"
    assert "R=#*2cN-D39A" not in answer.text
    assert "'=1+1" in answer.text


def test_an_export_with_secrets_asks_for_the_own_password_and_is_recorded(admin, devices, session):
    refused = post(admin, "/devices/export.csv", own_password="wrong")
    answer = post(admin, "/devices/export.csv", own_password=PASSWORD)

    assert refused.status_code == 422
    assert "R=#*2cN-D39A" in answer.text
    session.rollback()
    assert session.scalar(select(func.count()).where(ChangeRecord.action == "export secrets")) == 1


def test_a_tenant_administrator_exports_the_own_tenant_without_secrets(keeper, devices):
    assert "globex" not in keeper.get("/devices/export.csv").text
    assert post(keeper, "/devices/export.csv", own_password=PASSWORD).status_code == 403
    assert "With secrets" not in keeper.get("/devices/export").text


def test_support_neither_imports_nor_exports(support, devices):
    assert upload(support, GOOD).status_code == 403
    assert support.get("/devices/export.csv").status_code == 403


def test_the_example_can_be_imported(admin, devices):
    example = admin.get("/devices/example.csv").data

    assert "It would add 1" in upload(admin, example, "try").text
