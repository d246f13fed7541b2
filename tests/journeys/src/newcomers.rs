//! Animals that only one system knows.

use crate::{TABLE, World};
use record::Json;
use simulator::ehr::Chart;

/// An animal as somebody registers it.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// Its name.
    pub name: &'static str,
    /// Its owner.
    pub owner: &'static str,
    /// The owner's phone number, ten digits.
    pub phone: &'static str,
    /// Its microchip; empty for none.
    pub chip: &'static str,
    /// Its date of birth.
    pub born: &'static str,
}

/// A dog that resembles nobody in the generated clinics.
pub const QUILL: Newcomer = Newcomer {
    name: "Quillfeather",
    owner: "Zebulon Quackenbush",
    phone: "4155550142",
    chip: "",
    born: "2021-03-04",
};

impl World {
    /// Registers it in ServiceNow; gives its `sys_id`.
    pub fn in_servicenow(&self, animal: &Newcomer, more: &[(&str, &str)]) -> String {
        let mut values = vec![
            ("u_patient_name", animal.name),
            ("u_species", "Dog"),
            ("u_gender", "FS"),
            ("u_owner_name", animal.owner),
            ("u_owner_phone", animal.phone),
            ("u_microchip_id", animal.chip),
            ("u_date_of_birth", animal.born),
            ("u_coat_colour", "fawn"),
        ];
        values.extend(more);
        self.remotes.control.servicenow.insert_row(TABLE, &values, "front.desk").expect("the row is new")
    }

    /// Registers it in the EHR under this id.
    pub fn in_ehr(&self, id: &str, animal: &Newcomer, edit: impl FnOnce(&mut Chart)) {
        let mut identifiers = String::new();
        if !animal.chip.is_empty() {
            identifiers = format!(
                r#""identifier":[{{"use":"official","type":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MCN"}}]}},"system":"https://vetsync.example/fhir/identifier/microchip","value":"{}"}}],"#,
                animal.chip
            );
        }
        let patient = format!(
            r#"{{"resourceType":"Patient","id":"{id}",{identifiers}"active":true,"name":[{{"use":"usual","given":["{name}"]}}],"gender":"female","birthDate":"{born}","extension":[{{"url":"http://hl7.org/fhir/StructureDefinition/patient-animal","extension":[{{"url":"species","valueCodeableConcept":{{"coding":[{{"system":"http://snomed.info/sct","code":"448771007"}}],"text":"Dog"}}}},{{"url":"genderStatus","valueCodeableConcept":{{"coding":[{{"system":"http://hl7.org/fhir/animal-genderstatus","code":"neutered"}}]}}}}]}}],"contact":[{{"relationship":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v2-0063","code":"OWN"}}]}}],"name":{{"text":"{owner}"}},"telecom":[{{"system":"phone","value":"+1{phone}"}}]}}]}}"#,
            name = animal.name,
            born = animal.born,
            owner = animal.owner,
            phone = animal.phone,
        );
        let mut chart = Chart { patient: Json::parse(&patient).expect("JSON"), allergies: Vec::new() };
        edit(&mut chart);
        self.remotes.control.ehr.put_chart(id, chart, None);
    }

    /// Ids of EHR patients that carry this ServiceNow key.
    pub fn charts_of(&self, servicenow_key: &str) -> Vec<String> {
        let ehr = &self.remotes.control.ehr;
        ehr.ids()
            .into_iter()
            .filter(|id| {
                ehr.chart(id).is_some_and(|chart| chart.patient.to_string().contains(servicenow_key))
            })
            .collect()
    }

    /// `sys_id`s of rows that carry this EHR id.
    pub fn rows_of(&self, ehr_key: &str) -> Vec<String> {
        let rows = self.remotes.control.servicenow.rows(TABLE, &format!("u_ehr_id={ehr_key}"));
        rows.into_iter().map(|(key, _)| key).collect()
    }
}
