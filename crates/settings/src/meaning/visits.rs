//! What the schema cannot say of appointments, treatments and staff.

use super::{Findings, names_of_columns};
use crate::model::{BILL_FIELDS, Billing, Settings};
use crate::shape;
use record::Catalogue;
use record::codes::appointment_status::AppointmentStatus;
use std::collections::BTreeMap;

pub(super) fn check(settings: &Settings, found: &mut Findings<'_>) {
    let (appointments, treatments) = (&settings.servicenow.appointments, &settings.servicenow.treatments);
    let mut names: Vec<(String, &str)> = vec![
        ("servicenow.appointments.table".to_owned(), appointments.table.as_str()),
        ("servicenow.appointments.ehr_id_column".to_owned(), appointments.ehr_id_column.as_str()),
        ("servicenow.treatments.table".to_owned(), treatments.table.as_str()),
        ("servicenow.treatments.ehr_id_column".to_owned(), treatments.ehr_id_column.as_str()),
        ("servicenow.treatments.status_column".to_owned(), treatments.status_column.as_str()),
    ];
    if let Some(column) = &treatments.appointment_column {
        names.push(("servicenow.treatments.appointment_column".to_owned(), column.as_str()));
    }
    for (section, columns, catalogue) in [
        ("appointments", &appointments.columns, Catalogue::appointment_default()),
        ("treatments", &treatments.columns, Catalogue::treatment_default()),
    ] {
        let key = |field: &str| format!("servicenow.{section}.columns.{field}");
        names.extend(columns.iter().map(|(field, name)| (key(field), name.as_str())));
        let fields: Vec<&str> = catalogue.fields.iter().map(|field| field.id.as_str()).collect();
        let mut by_column: BTreeMap<&str, &str> = BTreeMap::new();
        for (field, column) in columns {
            if catalogue.index_of(field).is_none() {
                let way_out = shape::nearest(field, fields.iter().copied()).map_or_else(
                    || format!("The fields are {}.", fields.join(", ")),
                    |near| format!("Did you mean `{near}`?"),
                );
                found.add(&key(field), format!("{section} have no such field"), way_out);
            }
            if let Some(earlier) = by_column.insert(column, field) {
                found.add(
                    &key(field),
                    format!("this column is already taken by {earlier}"),
                    "Give each field its own column.",
                );
            }
        }
    }
    if let Some(column) = treatments.archive.as_ref().and_then(|archive| archive.column.as_deref()) {
        names.push(("servicenow.treatments.archive.column".to_owned(), column));
    }
    names.extend(billing_names(&settings.servicenow.billing));
    names_of_columns(names, found);
    billing(&settings.servicenow.billing, treatments.synchronise, found);
    if let Some(archive) = &treatments.archive {
        let column = archive.column.as_ref().unwrap_or(&treatments.status_column);
        if *column == treatments.status_column && !treatments.completed_values.contains(&archive.value) {
            found.add(
                "servicenow.treatments.archive.value",
                "with this value in the column of the status a treatment would not count as completed any more",
                "Add it to servicenow.treatments.completed_values, or name another column.",
            );
        }
    }
    one_table_each(settings, found);
    if treatments.completed_values.iter().all(|value| value.trim().is_empty()) {
        found.add_with_example(
            "servicenow.treatments.completed_values",
            "no value says that a treatment is completed, so none would ever be sent",
        );
    }
    required_fields(&treatments.compliance.required, found);
    for code in settings.conventions.appointment_statuses_written.keys() {
        if AppointmentStatus::from_code(code).is_none() {
            let codes = AppointmentStatus::ALL.map(AppointmentStatus::code);
            found.add(
                &format!("conventions.appointment_statuses_written.{code}"),
                "this is not one of FHIR's statuses of appointments",
                format!("They are {}.", codes.join(", ")),
            );
        }
    }
    staff(settings, found);
}

/// A required field that no treatment has would keep every one of them back, or none.
fn required_fields(required: &[String], found: &mut Findings<'_>) {
    let catalogue = Catalogue::treatment_default();
    let fields: Vec<&str> = catalogue.fields.iter().map(|field| field.id.as_str()).collect();
    for (at, field) in required.iter().enumerate() {
        if catalogue.index_of(field).is_none() {
            let way_out = shape::nearest(field, fields.iter().copied()).map_or_else(
                || format!("The fields are {}.", fields.join(", ")),
                |near| format!("Did you mean `{near}`?"),
            );
            found.add(
                &format!("servicenow.treatments.compliance.required[{at}]"),
                "treatments have no such field",
                way_out,
            );
        }
    }
}

/// What names a table or a column of bills.
fn billing_names(billing: &Billing) -> Vec<(String, &str)> {
    let mut names = vec![
        ("servicenow.billing.table".to_owned(), billing.table.as_str()),
        ("servicenow.billing.key_column".to_owned(), billing.key_column.as_str()),
    ];
    // An empty one is not written.
    let columns = billing.columns.iter().filter(|(_, column)| !column.is_empty());
    names.extend(
        columns.map(|(name, column)| (format!("servicenow.billing.columns.{name}"), column.as_str())),
    );
    names
}

fn billing(billing: &Billing, synchronises: bool, found: &mut Findings<'_>) {
    for name in billing.columns.keys().filter(|name| !BILL_FIELDS.contains(&name.as_str())) {
        let way_out = shape::nearest(name, BILL_FIELDS.into_iter()).map_or_else(
            || format!("It says {}.", BILL_FIELDS.join(", ")),
            |near| format!("Did you mean `{near}`?"),
        );
        found.add(&format!("servicenow.billing.columns.{name}"), "a bill says no such thing", way_out);
    }
    let columns = billing.written_columns();
    for (name, column) in &columns {
        let other = columns.iter().find(|(other, taken)| *other < name && *taken == column);
        let key = format!("servicenow.billing.columns.{name}");
        if let Some((other, _)) = other {
            found.add(&key, format!("this column is already taken by {other}"), "Give each its own column.");
        } else if *column == billing.key_column {
            found.add(&key, "this column is already that of the key", "Give each its own column.");
        }
    }
    if billing.since.is_some() && billing.first_day().is_none() {
        found.add_with_example("servicenow.billing.since", "this is no day of the calendar");
    }
    if !billing.generate {
        return;
    }
    for needed in ["treatment", "code", "quantity", "amount"] {
        if !columns.contains_key(needed) {
            found.add(
                &format!("servicenow.billing.columns.{needed}"),
                "a line that does not say this cannot be told from another one",
                "Name the column that holds it.",
            );
        }
    }
    if !synchronises {
        found.add(
            "servicenow.billing.generate",
            "treatments are billed once the EHR has them, and they are not synchronised",
            "Set synchronise = true under [servicenow.treatments], or generate = false.",
        );
    }
    if billing.fee_schedule.is_none() {
        found.add_with_example(
            "servicenow.billing.fee_schedule",
            "nothing can be priced without a fee schedule",
        );
    }
    if billing.since.is_none() {
        found.add_with_example(
            "servicenow.billing.since",
            "without a first day, treatments that were billed in another way would be billed again",
        );
    }
}

/// Two kinds of one table would take each other's rows for their own.
fn one_table_each(settings: &Settings, found: &mut Findings<'_>) {
    let own = &settings.servicenow;
    let tables = [
        ("servicenow.patient_table", &own.patient_table),
        ("servicenow.appointments.table", &own.appointments.table),
        ("servicenow.treatments.table", &own.treatments.table),
        ("servicenow.billing.table", &own.billing.table),
    ];
    for (at, (key, table)) in tables.iter().enumerate() {
        if let Some((earlier, _)) = tables.iter().take(at).find(|(_, other)| other == table) {
            found.add(
                key,
                format!("this table is already that of {earlier}"),
                "Give each kind of record its own table.",
            );
        }
    }
}

fn staff(settings: &Settings, found: &mut Findings<'_>) {
    let mut by_practitioner: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, member) in settings.staff.iter().enumerate() {
        let key = format!("staff[{at}].practitioner");
        let is_reference = |text: &str| {
            let mut parts = text.rsplit('/');
            parts.next().is_some_and(|id| !id.is_empty() && !id.contains(char::is_whitespace))
                && parts
                    .next()
                    .is_some_and(|kind| matches!(kind, "Practitioner" | "PractitionerRole" | "practitioners"))
        };
        if !is_reference(&member.practitioner) {
            found.add(
                &key,
                "a reference to a practitioner of the EHR is expected",
                "Write it as in practitioner = \"Practitioner/dr-lee\".",
            );
        }
        if let Some(earlier) = by_practitioner.insert(&member.practitioner, at)
            && settings
                .staff
                .get(earlier)
                .is_some_and(|other| other.servicenow_user != member.servicenow_user)
        {
            found.add(
                &key,
                "this practitioner is already somebody else in ServiceNow",
                "Give each practitioner one ServiceNow user.",
            );
        }
    }
}
