//! The hospital's tables of appointments, treatments and bills.

use super::{Column, ColumnType, TableSchema};

fn text(name: &str, label: &str) -> Column {
    Column::new(name, label, ColumnType::Text)
}

fn refers(name: &str, label: &str, table: &str) -> Column {
    Column::new(name, label, ColumnType::Reference(table.to_owned()))
}

fn choice(name: &str, label: &str, values: &[(&str, &str)]) -> Column {
    let values = values.iter().map(|(value, label)| ((*value).to_owned(), (*label).to_owned())).collect();
    Column::new(name, label, ColumnType::Choice(values))
}

/// Stored values and labels of `u_appointment.u_appointment_type` (wire-facts 10.5).
pub const APPOINTMENT_TYPES: &[(&str, &str)] = &[
    ("wellness", "Wellness exam"),
    ("vaccination", "Vaccination"),
    ("new_patient", "New patient"),
    ("nurse_visit", "Nurse visit"),
    ("sick_visit", "Sick visit"),
    ("recheck", "Recheck"),
    ("surgery", "Surgery drop-off"),
    ("spay_neuter", "Spay / neuter"),
    ("dental", "Dental"),
    ("emergency", "Emergency"),
    ("walk_in", "Walk-in"),
    ("imaging", "Imaging"),
    ("blood_draw", "Blood draw"),
    ("euthanasia", "Euthanasia"),
    ("grooming", "Grooming"),
    ("house_call", "House call"),
    ("telehealth", "Telehealth"),
    ("discharge", "Discharge"),
];

/// Stored values and labels of `u_appointment.u_appointment_status`; several mean the same stage (wire-facts 10.5).
pub const APPOINTMENT_STATUSES: &[(&str, &str)] = &[
    ("requested", "Requested"),
    ("tentative", "Tentative"),
    ("waitlist", "Waiting list"),
    ("scheduled", "Scheduled"),
    ("confirmed", "Confirmed"),
    ("arrived", "Arrived"),
    ("checked_in", "Checked in"),
    ("in_progress", "In progress"),
    ("completed", "Completed"),
    ("cancelled", "Cancelled"),
    ("no_show", "No show"),
    ("entered_in_error", "Entered in error"),
];

/// Stored values and labels of `u_treatment.u_treatment_status`.
pub const TREATMENT_STATUSES: &[(&str, &str)] = &[
    ("draft", "Draft"),
    ("in_progress", "In progress"),
    ("completed", "Completed"),
    ("archived", "Archived"),
];

/// Appointments: the columns of the specification, the EHR's id, and columns no mapping knows.
pub fn appointment_table() -> TableSchema {
    TableSchema::new(
        "u_appointment",
        "u_number",
        vec![
            text("u_number", "Number").length(40),
            refers("u_patient", "Patient", "u_patient_record"),
            Column::new("u_appointment_date", "Date and time", ColumnType::DateTime),
            Column::new("u_duration_minutes", "Duration in minutes", ColumnType::Integer),
            choice("u_appointment_type", "Type", APPOINTMENT_TYPES),
            refers("u_assigned_clinician", "Clinician", "sys_user"),
            text("u_reason_for_visit", "Reason for the visit").length(1_000),
            choice("u_appointment_status", "Status", APPOINTMENT_STATUSES).default_value("scheduled"),
            text("u_ehr_id", "EHR id").length(64).unique(),
            text("u_room", "Room").length(40),
            Column::new("u_reminder_sent", "Reminder sent", ColumnType::Boolean).default_value("false"),
        ],
    )
}

/// Treatments: the columns of the specification, who answers for it, how far it is, and the EHR's id.
pub fn treatment_table() -> TableSchema {
    TableSchema::new(
        "u_treatment",
        "u_number",
        vec![
            text("u_number", "Number").length(40),
            refers("u_patient", "Patient", "u_patient_record"),
            refers("u_appointment", "Appointment", "u_appointment"),
            Column::new("u_treatment_date", "Date and time", ColumnType::DateTime),
            refers("u_clinician", "Clinician", "sys_user"),
            text("u_diagnosis", "Diagnosis").length(1_000),
            text("u_procedures_performed", "Procedures").length(4_000),
            text("u_medications_prescribed", "Medications").length(4_000),
            text("u_treatment_notes", "Notes").length(4_000),
            choice("u_treatment_status", "Status", TREATMENT_STATUSES).default_value("draft"),
            Column::new("u_completed_on", "Completed on", ColumnType::DateTime),
            text("u_ehr_id", "EHR id").length(64).unique(),
            text("u_invoice_note", "Note for the invoice"),
        ],
    )
}

/// Bills, a row for each line: the unique index of the key refuses a second one.
pub fn billing_table() -> TableSchema {
    TableSchema::new(
        "u_billing_record",
        "u_billing_key",
        vec![
            text("u_billing_key", "Key").length(100).unique(),
            refers("u_treatment", "Treatment", "u_treatment"),
            refers("u_patient", "Patient", "u_patient_record"),
            Column::new("u_date", "Given on", ColumnType::DateTime),
            text("u_code", "Code").length(40),
            text("u_description", "Description").length(255),
            Column::new("u_quantity", "Quantity", ColumnType::Decimal),
            text("u_unit", "Unit").length(40),
            Column::new("u_price", "Price", ColumnType::Decimal),
            Column::new("u_amount", "Amount", ColumnType::Decimal),
            text("u_currency", "Currency").length(3),
            choice(
                "u_billing_status",
                "Status",
                &[("draft", "Draft"), ("open", "Open"), ("paid", "Paid"), ("void", "Void")],
            )
            .default_value("open"),
        ],
    )
}

/// The platform's own list of choices.
pub(crate) fn choice_table() -> TableSchema {
    let mut table = TableSchema::new(
        "sys_choice",
        "label",
        vec![
            text("name", "Table"),
            text("element", "Element"),
            text("value", "Value"),
            text("label", "Label"),
            text("language", "Language").default_value("en"),
            Column::new("sequence", "Sequence", ColumnType::Integer),
            Column::new("inactive", "Inactive", ColumnType::Boolean).default_value("false"),
        ],
    );
    table.audit_delete = false;
    table
}
