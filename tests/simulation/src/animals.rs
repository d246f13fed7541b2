//! The animals of a day as people type them into either system, and the edits people make there.
//!
//! Every new value is one that nobody has used before, so that where it later stands can be told without doubt.

use crate::draw::Draw;
use record::Json;
use serde_json::{Value, json};
use simulator::ehr::Chart;

/// Identifier system of ServiceNow's keys in the EHR.
pub const ROWS: &str = "https://vetsync.example/servicenow/u_patient_record";
/// Identifier system of microchips in the EHR.
pub const CHIPS: &str = "https://vetsync.example/fhir/identifier/microchip";

const ANIMAL: &str = "http://hl7.org/fhir/StructureDefinition/patient-animal";
const NOTE: &str = "http://hl7.org/fhir/StructureDefinition/note";
const NAMES: &[&str] = &["Luna", "Milo", "Bella", "Rocky", "Daisy", "Oscar", "Nala", "Bruno"];
const OWNERS: &[&str] = &["Ada Byron", "Grace Murray", "Alan Mathison", "Edsger Wybe", "Barbara Jane"];
const BREEDS: &[&str] = &["Cockapoo", "Labradoodle", "Puggle", "Morkie", "Schnoodle", "Cavachon", "Maltipoo"];
/// What animals of this clinic are allergic to.
pub const SUBSTANCES: &[&str] =
    &["Penicillin", "Latex", "Chicken", "Beef", "Fleas", "Carprofen", "Soy", "Pollen", "House dust", "Sulfa"];

/// Everything mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Animal {
    /// Name.
    pub name: String,
    /// `Dog` or `Cat`.
    pub species: &'static str,
    /// Breed.
    pub breed: String,
    /// `YYYY-MM-DD`.
    pub birth: String,
    /// Male or female.
    pub male: bool,
    /// Neutered or not.
    pub neutered: bool,
    /// Fifteen digits, or none.
    pub chip: String,
    /// Owner's name.
    pub owner: String,
    /// Ten digits.
    pub phone: String,
    /// Owner's address.
    pub email: String,
    /// Substances.
    pub allergies: Vec<String>,
    /// Lines.
    pub notes: Vec<String>,
}

/// What people can edit, in the words of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Name of the animal.
    Name,
    /// Species.
    Species,
    /// Breed.
    Breed,
    /// Date of birth.
    Birth,
    /// Sex and neuter status.
    Gender,
    /// Microchip.
    Chip,
    /// Owner's name.
    Owner,
    /// Owner's phone.
    Phone,
    /// Owner's e-mail.
    Email,
    /// Allergies.
    Allergies,
    /// Notes.
    Notes,
}

/// Every field, the ones people edit most often more than once.
pub const EDITED: &[Field] = &[
    Field::Name,
    Field::Breed,
    Field::Birth,
    Field::Owner,
    Field::Phone,
    Field::Phone,
    Field::Email,
    Field::Email,
    Field::Allergies,
    Field::Allergies,
    Field::Allergies,
    Field::Notes,
    Field::Notes,
    Field::Gender,
    Field::Chip,
    Field::Species,
];

/// Makes values that were never there.
#[derive(Debug)]
pub struct Values {
    draw: Draw,
    next: u64,
}

/// The animal with one field of another.
pub fn with_field_of(animal: &Animal, other: &Animal, field: Field) -> Animal {
    let (mut new, other) = (animal.clone(), other.clone());
    match field {
        Field::Name => new.name = other.name,
        Field::Species => new.species = other.species,
        Field::Breed => new.breed = other.breed,
        Field::Birth => new.birth = other.birth,
        Field::Gender => (new.male, new.neutered) = (other.male, other.neutered),
        Field::Chip => new.chip = other.chip,
        Field::Owner => new.owner = other.owner,
        Field::Phone => new.phone = other.phone,
        Field::Email => new.email = other.email,
        Field::Allergies => new.allergies = other.allergies,
        Field::Notes => new.notes = other.notes,
    }
    new
}

fn letters(mut number: u64) -> String {
    let mut out = String::new();
    for _ in 0..3 {
        let at = u8::try_from(number % 26).unwrap_or(0);
        out.push(char::from(if out.is_empty() { b'A' } else { b'a' } + at));
        number /= 26;
    }
    out
}

impl Values {
    /// Values of that day.
    pub fn of(seed: u64) -> Values {
        Values { draw: Draw::of(seed, 11), next: 0 }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn word(&mut self, from: &[&str]) -> String {
        let number = self.number();
        format!("{} {}", self.draw.pick(from).copied().unwrap_or("Rex"), letters(number * 137))
    }

    /// A name.
    pub fn name(&mut self) -> String {
        self.word(NAMES)
    }

    /// A person's name.
    pub fn owner(&mut self) -> String {
        self.word(OWNERS)
    }

    /// A breed.
    pub fn breed(&mut self) -> String {
        self.word(BREEDS)
    }

    /// A date; never a first of a month, which may stand for an unknown day.
    pub fn birth(&mut self) -> String {
        let number = self.number();
        format!("20{:02}-{:02}-{:02}", 10 + number / 300 % 10, 1 + number / 25 % 12, 3 + number % 25)
    }

    /// Fifteen digits.
    pub fn chip(&mut self) -> String {
        format!("985{:012}", 141_000_000_000 + self.number() * 7_919)
    }

    /// Ten digits.
    pub fn phone(&mut self) -> String {
        let number = self.number();
        format!("303{}{:04}", 220 + number % 70, 1_000 + number * 37 % 9_000)
    }

    /// An address.
    pub fn email(&mut self) -> String {
        format!("owner{}@example.org", self.number())
    }

    /// A line of notes.
    pub fn line(&mut self) -> String {
        format!("Seen for check {}", letters(self.number() * 59))
    }

    /// A substance; one of few, or one nobody named before.
    pub fn substance(&mut self) -> String {
        if self.draw.percent(70) {
            self.draw.pick(SUBSTANCES).copied().unwrap_or("Latex").to_owned()
        } else {
            self.word(&["Shampoo", "Biscuit", "Vaccine"])
        }
    }

    /// A whole animal.
    pub fn animal(&mut self) -> Animal {
        let mut allergies: Vec<String> = Vec::new();
        for _ in 0..self.draw.below(3) {
            let substance = self.substance();
            if !allergies.contains(&substance) {
                allergies.push(substance);
            }
        }
        Animal {
            name: self.name(),
            species: if self.draw.percent(60) { "Dog" } else { "Cat" },
            breed: if self.draw.percent(80) { self.breed() } else { String::new() },
            birth: if self.draw.percent(85) { self.birth() } else { String::new() },
            male: self.draw.percent(50),
            neutered: self.draw.percent(40),
            chip: if self.draw.percent(80) { self.chip() } else { String::new() },
            owner: self.owner(),
            phone: if self.draw.percent(90) { self.phone() } else { String::new() },
            email: if self.draw.percent(80) { self.email() } else { String::new() },
            allergies,
            notes: (0..self.draw.below(3)).map(|_| self.line()).collect(),
        }
    }

    /// A new value for a field; `None` where there is nothing sensible to change.
    pub fn change(&mut self, animal: &mut Animal, field: Field) -> Option<&'static str> {
        match field {
            Field::Name => animal.name = self.name(),
            Field::Species => animal.species = if animal.species == "Dog" { "Cat" } else { "Dog" },
            Field::Breed => animal.breed = self.breed(),
            Field::Birth => animal.birth = self.birth(),
            Field::Gender if !animal.neutered => animal.neutered = true,
            Field::Gender => return None,
            Field::Chip => animal.chip = self.chip(),
            Field::Owner => animal.owner = self.owner(),
            Field::Phone => animal.phone = self.phone(),
            Field::Email => animal.email = self.email(),
            Field::Allergies => match self.draw.below(10) {
                0..=6 => {
                    let substance = self.substance();
                    if animal.allergies.contains(&substance) {
                        return None;
                    }
                    animal.allergies.push(substance);
                    return Some("allergy added");
                }
                7..=8 if !animal.allergies.is_empty() => {
                    let at = self.draw.index(animal.allergies.len())?;
                    animal.allergies.remove(at);
                    return Some("allergy removed");
                }
                _ if !animal.allergies.is_empty() => {
                    let at = self.draw.index(animal.allergies.len())?;
                    let new = self.substance();
                    if animal.allergies.contains(&new) {
                        return None;
                    }
                    *animal.allergies.get_mut(at)? = new;
                    return Some("allergy reworded");
                }
                _ => return None,
            },
            Field::Notes => {
                let line = self.line();
                if self.draw.percent(50) { animal.notes.push(line) } else { animal.notes.insert(0, line) }
            }
        }
        Some(match field {
            Field::Name => "new name",
            Field::Species => "other species",
            Field::Breed => "new breed",
            Field::Birth => "new date of birth",
            Field::Gender => "neutered",
            Field::Chip => "new microchip",
            Field::Owner => "new owner",
            Field::Phone => "new phone",
            Field::Email => "new e-mail",
            Field::Allergies => "allergies",
            Field::Notes => "note written",
        })
    }

    /// Empties a field.
    pub fn blank(&mut self, animal: &mut Animal, field: Field) -> Option<&'static str> {
        let text = match field {
            Field::Breed => &mut animal.breed,
            Field::Birth => &mut animal.birth,
            Field::Chip => &mut animal.chip,
            Field::Phone => &mut animal.phone,
            Field::Email => &mut animal.email,
            Field::Allergies => {
                let was = std::mem::take(&mut animal.allergies);
                return (!was.is_empty()).then_some("allergies emptied");
            }
            Field::Name | Field::Species | Field::Gender | Field::Owner | Field::Notes => return None,
        };
        let was = std::mem::take(text);
        (!was.is_empty()).then_some("field emptied")
    }

    /// The row as somebody types it.
    pub fn row(&mut self, animal: &Animal) -> Vec<(&'static str, String)> {
        let phone = |digits: &str, style: u64| match (digits.len(), style) {
            (10, 0) => format!("({}) {}-{}", &digits[..3], &digits[3..6], &digits[6..]),
            (10, 1) => format!("{}-{}-{}", &digits[..3], &digits[3..6], &digits[6..]),
            (10, 2) => format!("+1{digits}"),
            _ => digits.to_owned(),
        };
        let gender = match (animal.male, animal.neutered) {
            (true, true) => "Male Neutered",
            (true, false) => "Male Intact",
            (false, true) => "Female Spayed",
            (false, false) => "Female Intact",
        };
        vec![
            ("u_patient_name", animal.name.clone()),
            ("u_species", animal.species.to_owned()),
            ("u_breed", animal.breed.clone()),
            ("u_date_of_birth", animal.birth.clone()),
            ("u_gender", gender.to_owned()),
            ("u_microchip_id", animal.chip.clone()),
            ("u_owner_name", animal.owner.clone()),
            ("u_owner_phone", phone(&animal.phone, self.draw.below(4))),
            ("u_owner_email", animal.email.clone()),
            ("u_allergies", animal.allergies.join(if self.draw.percent(50) { ", " } else { "\n" })),
            ("u_medical_notes", animal.notes.join("\n")),
        ]
    }

    /// The columns of one field.
    pub fn columns(&mut self, animal: &Animal, field: Field) -> Vec<(&'static str, String)> {
        let column = match field {
            Field::Name => "u_patient_name",
            Field::Species => "u_species",
            Field::Breed => "u_breed",
            Field::Birth => "u_date_of_birth",
            Field::Gender => "u_gender",
            Field::Chip => "u_microchip_id",
            Field::Owner => "u_owner_name",
            Field::Phone => "u_owner_phone",
            Field::Email => "u_owner_email",
            Field::Allergies => "u_allergies",
            Field::Notes => "u_medical_notes",
        };
        self.row(animal).into_iter().filter(|(name, _)| *name == column).collect()
    }
}

fn tree(json: &Json) -> Value {
    serde_json::from_str(&json.to_string()).unwrap_or_default()
}

fn json_of(value: &Value) -> Json {
    Json::parse(&value.to_string()).unwrap_or(Json::Null)
}

fn animal_extension(animal: &Animal) -> Value {
    let species = if animal.species == "Dog" {
        json!({"coding": [{"system": "http://snomed.info/sct", "code": "448771007", "display": "Canis lupus subspecies familiaris"}], "text": "Dog"})
    } else {
        json!({"coding": [{"system": "http://snomed.info/sct", "code": "448169003", "display": "Felis catus"}], "text": "Cat"})
    };
    let mut parts = vec![json!({"url": "species", "valueCodeableConcept": species})];
    if !animal.breed.is_empty() {
        parts.push(json!({"url": "breed", "valueCodeableConcept": {"text": animal.breed}}));
    }
    let status = if animal.neutered { "neutered" } else { "intact" };
    parts.push(json!({"url": "genderStatus", "valueCodeableConcept": {"coding": [{"system": "http://hl7.org/fhir/animal-genderstatus", "code": status}]}}));
    json!({"url": ANIMAL, "extension": parts})
}

fn contact(animal: &Animal) -> Value {
    let mut points = Vec::new();
    if !animal.phone.is_empty() {
        points.push(json!({"system": "phone", "value": format!("+1{}", animal.phone), "use": "mobile"}));
    }
    if !animal.email.is_empty() {
        points.push(json!({"system": "email", "value": animal.email}));
    }
    let mut contact = json!({
        "relationship": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0063", "code": "OWN"}], "text": "Owner"}],
        "name": {"text": animal.owner},
    });
    if !points.is_empty() {
        contact["telecom"] = Value::Array(points);
    }
    contact
}

fn allergy(substance: &str) -> Value {
    json!({
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "code": "confirmed"}]},
        "code": {"text": substance},
        "patient": {"reference": "Patient/self"},
    })
}

fn chip_identifier(chip: &str) -> Value {
    json!({
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MCN"}]},
        "system": CHIPS,
        "value": chip,
    })
}

/// The chart as the EHR keeps it, with something no mapping knows.
pub fn chart(animal: &Animal, row: Option<&str>) -> Chart {
    let mut identifiers = Vec::new();
    if !animal.chip.is_empty() {
        identifiers.push(chip_identifier(&animal.chip));
    }
    if let Some(row) = row {
        identifiers.push(json!({"use": "secondary", "system": ROWS, "value": row}));
    }
    let mut patient = json!({
        "resourceType": "Patient",
        "active": true,
        "name": [{"use": "usual", "given": [animal.name]}],
        "gender": if animal.male { "male" } else { "female" },
        "extension": [
            animal_extension(animal),
            {"url": "https://mainstreetvet.example/fhir/StructureDefinition/kennel-size", "valueDecimal": 2.5},
        ],
        "contact": [contact(animal)],
    });
    if !identifiers.is_empty() {
        patient["identifier"] = Value::Array(identifiers);
    }
    if !animal.birth.is_empty() {
        patient["birthDate"] = Value::String(animal.birth.clone());
    }
    set_note(&mut patient, &animal.notes);
    Chart {
        patient: json_of(&patient),
        allergies: animal.allergies.iter().map(|substance| json_of(&allergy(substance))).collect(),
    }
}

fn set_note(patient: &mut Value, lines: &[String]) {
    let Some(extensions) = patient["extension"].as_array_mut() else { return };
    extensions.retain(|extension| extension["url"] != NOTE);
    if !lines.is_empty() {
        extensions.push(json!({"url": NOTE, "valueAnnotation": {"text": lines.join("\n")}}));
    }
}

/// Edits one field of a live chart, leaving everything else alone.
pub fn edit_chart(chart: &mut Chart, animal: &Animal, field: Field) {
    let mut patient = tree(&chart.patient);
    match field {
        Field::Name => {
            patient["name"] = json!([{"use": "usual", "given": [animal.name]}]);
        }
        Field::Birth => {
            if animal.birth.is_empty() {
                patient.as_object_mut().map(|members| members.remove("birthDate"));
            } else {
                patient["birthDate"] = Value::String(animal.birth.clone());
            }
        }
        Field::Species | Field::Breed | Field::Gender => {
            patient["gender"] = Value::String(if animal.male { "male" } else { "female" }.to_owned());
            if let Some(extensions) = patient["extension"].as_array_mut() {
                extensions.retain(|extension| extension["url"] != ANIMAL);
                extensions.insert(0, animal_extension(animal));
            }
        }
        Field::Chip => {
            let mut identifiers = patient["identifier"].as_array().cloned().unwrap_or_default();
            identifiers.retain(|identifier| identifier["type"]["coding"][0]["code"] != "MCN");
            if !animal.chip.is_empty() {
                identifiers.push(chip_identifier(&animal.chip));
            }
            if identifiers.is_empty() {
                patient.as_object_mut().map(|members| members.remove("identifier"));
            } else {
                patient["identifier"] = Value::Array(identifiers);
            }
        }
        Field::Owner | Field::Phone | Field::Email => {
            patient["contact"] = json!([contact(animal)]);
        }
        Field::Allergies => {
            let words = |known: &Json| tree(known)["code"]["text"].as_str().unwrap_or_default().to_owned();
            chart.allergies.retain(|known| {
                animal.allergies.iter().any(|wanted| wanted.eq_ignore_ascii_case(&words(known)))
            });
            for wanted in &animal.allergies {
                if !chart.allergies.iter().any(|known| wanted.eq_ignore_ascii_case(&words(known))) {
                    chart.allergies.push(json_of(&allergy(wanted)));
                }
            }
        }
        Field::Notes => set_note(&mut patient, &animal.notes),
    }
    chart.patient = json_of(&patient);
}

/// Merged into another record: kept, but not in use any more.
pub fn retire_chart(chart: &mut Chart, into: Option<&str>) {
    let mut patient = tree(&chart.patient);
    patient["active"] = Value::Bool(false);
    if let Some(into) = into {
        patient["link"] = json!([{"other": {"reference": format!("Patient/{into}")}, "type": "replaced-by"}]);
    }
    chart.patient = json_of(&patient);
}
