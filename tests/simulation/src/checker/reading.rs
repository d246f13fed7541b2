//! What a record says, read from the remotes' own form: the checker's own eyes, which share no code with the product.

use record::Remote;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A field as the checker compares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Said {
    Name,
    Species,
    Breed,
    Birth,
    Gender,
    Chip,
    Owner,
    Phone,
    Email,
    Allergies,
    Notes,
}

impl Said {
    /// All of them.
    pub const ALL: [Said; 11] = [
        Said::Name,
        Said::Species,
        Said::Breed,
        Said::Birth,
        Said::Gender,
        Said::Chip,
        Said::Owner,
        Said::Phone,
        Said::Email,
        Said::Allergies,
        Said::Notes,
    ];

    /// The name the product's catalogue has for it.
    pub const fn id(self) -> &'static str {
        match self {
            Said::Name => "patient_name",
            Said::Species => "species",
            Said::Breed => "breed",
            Said::Birth => "date_of_birth",
            Said::Gender => "gender",
            Said::Chip => "microchip_id",
            Said::Owner => "owner_name",
            Said::Phone => "owner_phone",
            Said::Email => "owner_email",
            Said::Allergies => "allergies",
            Said::Notes => "medical_notes",
        }
    }
}

/// A record as it was read, texts as they stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Seen {
    pub name: String,
    /// `dog`, `cat`, or the text.
    pub species: String,
    pub breed: String,
    pub birth: String,
    /// `male`, `female` or empty.
    pub sex: String,
    /// `neutered`, `intact` or empty.
    pub neuter: String,
    pub chip: String,
    pub owner: String,
    pub phone: String,
    pub email: String,
    pub allergies: Vec<String>,
    pub notes: String,
    /// The key of the other system's record that this one carries.
    pub other_key: Option<String>,
    pub active: bool,
    pub deceased: bool,
    /// `sys_mod_count` or `versionId`.
    pub version: String,
    /// Who wrote last, where the system says so.
    pub changed_by: String,
}

fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Substances in normal form.
pub fn substances(of: &Seen) -> BTreeSet<String> {
    of.allergies.iter().map(|substance| folded(substance)).filter(|text| !text.is_empty()).collect()
}

impl Seen {
    /// The normal form of every field.
    pub fn said(&self) -> BTreeMap<Said, String> {
        Said::ALL.into_iter().map(|field| (field, self.field(field))).collect()
    }

    /// The normal form of a field: what differs here differs for a person.
    pub fn field(&self, field: Said) -> String {
        match field {
            Said::Name => folded(&self.name),
            Said::Species => folded(&self.species),
            Said::Breed => folded(&self.breed),
            Said::Birth => folded(&self.birth),
            Said::Gender => format!("{} {}", self.sex, self.neuter).trim().to_owned(),
            Said::Chip => self.chip.chars().filter(char::is_ascii_alphanumeric).collect(),
            Said::Owner => folded(&self.owner),
            Said::Phone => {
                let digits: String = self.phone.chars().filter(char::is_ascii_digit).collect();
                let from = digits.len().saturating_sub(10);
                digits.get(from..).unwrap_or_default().to_owned()
            }
            Said::Email => folded(&self.email),
            Said::Allergies => substances(self).into_iter().collect::<Vec<_>>().join(" | "),
            Said::Notes => self
                .notes
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .collect::<Vec<_>>()
                .join(" / "),
        }
    }
}

/// Reads a record.
pub fn read(remote: Remote, raw: &str) -> Seen {
    let tree: Value = serde_json::from_str(raw).unwrap_or_default();
    match remote {
        Remote::ServiceNow => row(&tree),
        Remote::Ehr => chart(&tree),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn species(word: &str) -> String {
    match folded(word).as_str() {
        "dog" | "canine" | "canis lupus familiaris" | "448771007" | "canis lupus subspecies familiaris" => {
            "dog".to_owned()
        }
        "cat" | "feline" | "felis catus" | "448169003" => "cat".to_owned(),
        other => other.to_owned(),
    }
}

fn gender(words: &str) -> (String, String) {
    let words = folded(words);
    let has = |part: &str| words.split([' ', ',', '-', '_', '/']).any(|word| word == part);
    let short = |all: &[&str]| all.contains(&words.as_str());
    let sex = if has("female") || short(&["f", "fs", "fi", "fn", "fe", "sf"]) {
        "female"
    } else if has("male") || short(&["m", "mn", "mi", "mc", "me"]) {
        "male"
    } else {
        ""
    };
    let neuter =
        if has("neutered") || has("spayed") || has("castrated") || short(&["mn", "mc", "fs", "fn", "sf"]) {
            "neutered"
        } else if has("intact") || has("entire") || short(&["mi", "me", "fi", "fe"]) {
            "intact"
        } else {
            ""
        };
    (sex.to_owned(), neuter.to_owned())
}

fn row(tree: &Value) -> Seen {
    let (sex, neuter) = gender(&text(&tree["u_gender"]));
    Seen {
        name: text(&tree["u_patient_name"]),
        species: species(&text(&tree["u_species"])),
        breed: text(&tree["u_breed"]),
        birth: text(&tree["u_date_of_birth"]),
        sex,
        neuter,
        chip: text(&tree["u_microchip_id"]),
        owner: text(&tree["u_owner_name"]),
        phone: text(&tree["u_owner_phone"]),
        email: text(&tree["u_owner_email"]),
        allergies: text(&tree["u_allergies"])
            .split([',', ';', '\n', '\r'])
            .map(|part| part.trim().to_owned())
            .filter(|part| !part.is_empty())
            .collect(),
        notes: text(&tree["u_medical_notes"]),
        other_key: Some(text(&tree["u_ehr_id"])).filter(|key| !key.is_empty()),
        active: tree["u_active"] != "false",
        deceased: tree["u_deceased"] == "true",
        version: text(&tree["sys_mod_count"]),
        changed_by: text(&tree["sys_updated_by"]),
    }
}

/// Words of a concept: its text, or the display of its first coding, or its code.
fn concept(of: &Value) -> String {
    let coding = &of["coding"][0];
    [&of["text"], &coding["display"], &coding["code"]]
        .into_iter()
        .filter_map(Value::as_str)
        .find(|text| !text.is_empty())
        .unwrap_or_default()
        .to_owned()
}

fn items(of: &Value) -> &[Value] {
    of.as_array().map_or(&[], Vec::as_slice)
}

fn person(name: &Value) -> String {
    let said = text(&name["text"]);
    if !said.is_empty() {
        return said;
    }
    let mut parts: Vec<String> = items(&name["given"]).iter().map(text).collect();
    parts.push(text(&name["family"]));
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

fn chart(tree: &Value) -> Seen {
    let patient = &tree["patient"];
    let extension = |url: &str| {
        items(&patient["extension"]).iter().find(|one| one["url"] == url).cloned().unwrap_or_default()
    };
    let animal = extension("http://hl7.org/fhir/StructureDefinition/patient-animal");
    let part = |name: &str| {
        items(&animal["extension"])
            .iter()
            .find(|one| one["url"] == name)
            .map(|one| one["valueCodeableConcept"].clone())
            .unwrap_or_default()
    };
    let owner = items(&patient["contact"])
        .iter()
        .find(|contact| contact["relationship"].to_string().contains("OWN"))
        .or_else(|| items(&patient["contact"]).first())
        .cloned()
        .unwrap_or_default();
    let point = |system: &str| {
        items(&owner["telecom"])
            .iter()
            .find(|point| point["system"] == system)
            .map(|point| text(&point["value"]))
            .unwrap_or_default()
    };
    let identifiers = items(&patient["identifier"]);
    let neuter = match text(&part("genderStatus")["coding"][0]["code"]).as_str() {
        "neutered" => "neutered",
        "intact" => "intact",
        _ => "",
    };
    let sex = match text(&patient["gender"]).as_str() {
        "male" => "male",
        "female" => "female",
        _ => "",
    };
    let counts = |allergy: &&Value| {
        let clinical = text(&allergy["clinicalStatus"]["coding"][0]["code"]);
        let verified = text(&allergy["verificationStatus"]["coding"][0]["code"]);
        !matches!(clinical.as_str(), "inactive" | "resolved")
            && !matches!(verified.as_str(), "entered-in-error" | "refuted")
    };
    Seen {
        name: person(&patient["name"][0]),
        species: species(&concept(&part("species"))),
        breed: concept(&part("breed")),
        birth: text(&patient["birthDate"]),
        sex: sex.to_owned(),
        neuter: neuter.to_owned(),
        chip: identifiers
            .iter()
            .find(|one| one["type"].to_string().contains("MCN"))
            .map(|one| text(&one["value"]))
            .unwrap_or_default(),
        owner: person(&owner["name"]),
        phone: point("phone"),
        email: point("email"),
        allergies: items(&tree["allergies"]).iter().filter(counts).map(|one| concept(&one["code"])).collect(),
        notes: text(&extension("http://hl7.org/fhir/StructureDefinition/note")["valueAnnotation"]["text"]),
        other_key: identifiers
            .iter()
            .find(|one| one["system"] == crate::animals::ROWS)
            .map(|one| text(&one["value"])),
        active: patient["active"] != false,
        deceased: patient["deceasedBoolean"] == true || patient["deceasedDateTime"].is_string(),
        version: text(&patient["meta"]["versionId"]),
        changed_by: String::new(),
    }
}
