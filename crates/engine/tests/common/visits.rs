//! Appointments as both systems show them, each of half an hour.

use super::{Bench, LEE};
use record::RecordKind;
use remote::Fetched;

/// A row of the table of appointments, of the patient `r1`.
pub fn visit(key: &str, version: u32, begins: &str, ehr: &str) -> Fetched {
    visit_as(key, version, begins, "Confirmed", LEE, ehr)
}

pub fn visit_as(key: &str, version: u32, begins: &str, status: &str, clinician: &str, ehr: &str) -> Fetched {
    Fetched {
        key: key.to_owned(),
        version: version.to_string(),
        raw: format!(
            r#"{{"sys_id":"{key}","sys_mod_count":"{version}","u_patient":"r1","u_appointment_date":"{begins}","u_duration_minutes":"30","u_assigned_clinician":"{clinician}","u_appointment_type":"Surgery","u_reason_for_visit":"Limping","u_appointment_status":"{status}","u_ehr_id":"{ehr}"}}"#
        ),
        changed_by: None,
        changed_at_ms: None,
    }
}

/// The same of the patient `r<patient>`.
pub fn visit_for(key: &str, version: u32, patient: u32, begins: &str, ehr: &str) -> Fetched {
    let of_first = visit(key, version, begins, ehr);
    let raw = of_first.raw.replace(r#""u_patient":"r1""#, &format!(r#""u_patient":"r{patient}""#));
    Fetched { raw, ..of_first }
}

/// An Appointment of the EHR, of the patient `p1`; `begins` and `ends` as ServiceNow writes them.
pub fn booked(id: &str, version: u32, begins: &str, ends: &str, row: &str) -> Fetched {
    let fhir = |text: &str| format!("{}Z", text.replace(' ', "T"));
    let identifier = if row.is_empty() {
        String::new()
    } else {
        format!(r#""identifier":[{{"system":"https://example.org/u_appointment","value":"{row}"}}],"#)
    };
    Fetched {
        key: id.to_owned(),
        version: version.to_string(),
        raw: format!(
            r#"{{"resourceType":"Appointment","id":"{id}",{identifier}"status":"booked","serviceType":[{{"text":"Surgery"}}],"reasonCode":[{{"text":"Limping"}}],"start":"{}","end":"{}","minutesDuration":30,"participant":[{{"actor":{{"reference":"Patient/p1"}},"status":"accepted"}},{{"type":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"PPRF"}}]}}],"actor":{{"reference":"Practitioner/dr-lee"}},"status":"accepted"}}]}}"#,
            fhir(begins),
            fhir(ends)
        ),
        changed_by: None,
        changed_at_ms: None,
    }
}

/// The same of the patient `p<patient>`.
pub fn booked_for(id: &str, version: u32, patient: u32, begins: &str, ends: &str, row: &str) -> Fetched {
    let of_first = booked(id, version, begins, ends, row);
    let raw = of_first.raw.replace("Patient/p1", &format!("Patient/p{patient}"));
    Fetched { raw, ..of_first }
}

/// A run of patients and appointments in which both systems show these rows and these documents.
pub async fn run_with(
    bench: &mut Bench,
    patients: (&[Fetched], &[Fetched]),
    appointments: (&[Fetched], &[Fetched]),
) {
    bench.start_run().await;
    bench.pages_of(RecordKind::Patient, patients.0, patients.1).await;
    bench.pages_of(RecordKind::Appointment, appointments.0, appointments.1).await;
}
