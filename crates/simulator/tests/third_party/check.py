"""Real clients of the Table API log in, query, page, create, update and delete against the simulator.

Reads the simulation's description (URLs, credentials) as JSON from standard input; the certificate authority is
trusted through REQUESTS_CA_BUNDLE. Exits with 0 only if every check held.
"""

import json
import sys
from urllib.parse import urlparse

import pysnow
from pysnc import ServiceNowClient
from pysnc.auth import ServiceNowPasswordGrantFlow

TABLE = "u_patient_record"


def check(what, held):
    if not held:
        sys.exit(f"does not hold: {what}")
    print(f"holds: {what}")


def with_pysnc(client, name):
    record = client.GlideRecord(TABLE, batch_size=20)
    record.add_query("u_active", "true")
    record.order_by("sys_id")
    record.query()
    total = record.get_row_count()
    keys = [row.get_value("sys_id") for row in record]
    check(f"{name}: pages through every row once", total > 20 and len(keys) == total == len(set(keys)))

    record = client.GlideRecord(TABLE)
    record.initialize()
    record.u_patient_name = "Ottoline"
    record.u_species = "Cat"
    created = record.insert()
    check(f"{name}: creates a row", created is not None and len(str(created)) == 32)

    record = client.GlideRecord(TABLE)
    check(f"{name}: gets it by its key", record.get(str(created)) and record.get_value("u_patient_name") == "Ottoline")
    record.u_breed = "DSH"
    check(f"{name}: updates it", record.update() is not None)

    record = client.GlideRecord(TABLE)
    record.add_query("u_patient_name", "Ottoline")
    record.add_query("u_breed", "STARTSWITH", "DS")
    record.query()
    check(f"{name}: finds it by two conditions", record.next() and record.get_value("sys_mod_count") == "1")
    check(f"{name}: deletes it", record.delete() is True)
    record = client.GlideRecord(TABLE)
    check(f"{name}: it is gone", not record.get(str(created)))

    condition = client.GlideRecord(TABLE)
    either = condition.add_query("u_species", "Dog")
    either.add_or_condition("u_species", "dog")
    condition.limit = 5
    condition.query()
    species = {row.get_value("u_species").lower() for row in condition}
    check(f"{name}: alternatives bind to one condition", species == {"dog"})


def with_pysnow(host, user, password, oauth):
    client = pysnow.Client(host=host, user=user, password=password)
    patients = client.resource(api_path=f"/table/{TABLE}")
    client.parameters.display_value = False
    client.parameters.exclude_reference_link = True

    rows = patients.get(query={}, stream=True, limit=30).all()
    rows = list(rows)
    check("pysnow: streams a page", len(rows) == 30)
    rest = list(patients.get(query={}, stream=True, limit=30, offset=30).all())
    check("pysnow: the next page is another", not {row["sys_id"] for row in rows} & {row["sys_id"] for row in rest})

    created = patients.create(payload={"u_patient_name": "Peregrine", "u_weight": "1.2 kg"}).one()
    check("pysnow: creates a row", created["u_patient_name"] == "Peregrine")
    updated = patients.update(query={"sys_id": created["sys_id"]}, payload={"u_weight": "1.3 kg"}).one()
    check("pysnow: updates it", updated["u_weight"] == "1.3 kg" and updated["sys_mod_count"] == "1")

    builder = (
        pysnow.QueryBuilder().field("u_patient_name").equals("Peregrine").AND().field("u_weight").is_not_empty()
    )
    check("pysnow: finds it by a built query", patients.get(query=builder).one()["sys_id"] == created["sys_id"])
    check("pysnow: deletes it", patients.delete(query={"sys_id": created["sys_id"]})["status"] == "record deleted")
    check("pysnow: it is gone", patients.get(query={"sys_id": created["sys_id"]}).one_or_none() is None)

    login = pysnow.OAuthClient(client_id=oauth["client_id"], client_secret=oauth["client_secret"], host=host)
    tokens = []
    login.token_updater = tokens.append
    token = login.generate_token(user, password)
    login.set_token(token)
    # The token may be the one handed out before, with what is left of its half hour.
    check("pysnow: signs in by password grant", 1 <= token["expires_in"] <= 1799 and "refresh_token" in token)
    rows = list(login.resource(api_path=f"/table/{TABLE}").get(query={}, limit=2, stream=True).all())
    check("pysnow: reads with the token", len(rows) == 2)


def main():
    simulation = json.load(sys.stdin)
    url = simulation["servicenow_url"]
    oauth = simulation["credentials"]["servicenow"]
    user, password = oauth["user_name"], oauth["password"]
    with_pysnc(ServiceNowClient(url, (user, password)), "pysnc with basic")
    flow = ServiceNowPasswordGrantFlow(user, password, oauth["client_id"], oauth["client_secret"])
    with_pysnc(ServiceNowClient(url, flow), "pysnc with OAuth")
    with_pysnow(urlparse(url).netloc, user, password, oauth)


if __name__ == "__main__":
    main()
