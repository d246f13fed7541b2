//! What the mapping writes is valid FHIR R4, by a validator that works from HL7's definitions, and by the product's own
//! checks for what no validator finds.

use crate::support::*;
use mapping::fhir::check;
use record::{FieldIx, FieldState, Json};
use rh_validator::{FhirValidator, FhirVersion, Severity};
use std::path::PathBuf;

fn definitions() -> PathBuf {
    let directory = std::env::var_os("VETSYNC_FHIR_DEFINITIONS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/fhir-r4-definitions"),
        PathBuf::from,
    );
    assert!(
        directory.join("complete.txt").exists(),
        "the FHIR R4 definitions are missing in {}; fetch them with: \
         node crates/mapping/tests/support/definitions.mjs",
        directory.display()
    );
    directory
}

thread_local! {
    /// The validator is not `Send`.
    static VALIDATOR: FhirValidator = {
        let validator = FhirValidator::new(FhirVersion::R4, definitions().to_str()).expect("validator");
        for (_, definition) in published() {
            validator.register_profile(&definition);
        }
        validator
    };
}

/// The product's own definitions.
fn published() -> Vec<(String, serde_json::Value)> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/fhir");
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .expect("docs/fhir")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("file");
            (path.display().to_string(), serde_json::from_str(&text).expect("JSON"))
        })
        .collect()
}

/// The errors of a document and of every resource in it.
fn errors(document: &serde_json::Value) -> Vec<String> {
    VALIDATOR.with(|validator| errors_by(validator, document))
}

fn errors_by(validator: &FhirValidator, document: &serde_json::Value) -> Vec<String> {
    let mut resources = vec![document];
    resources.extend(document["entry"].as_array().into_iter().flatten().map(|entry| &entry["resource"]));
    let mut out = Vec::new();
    for resource in resources {
        let kind = resource["resourceType"].as_str().unwrap_or_default();
        let profile = format!("http://hl7.org/fhir/StructureDefinition/{kind}");
        let results = [
            validator.validate(resource).expect("validates"),
            validator.validate_with_profile(resource, &profile).expect("validates"),
        ];
        for issue in results.into_iter().flat_map(|result| result.issues) {
            let path = issue.path.unwrap_or_default();
            let allowed = is_foreign_extension(&issue.message)
                || stands_outside(&issue.message)
                || is_a_target(kind, &path, &issue.message);
            if issue.severity == Severity::Error && !allowed {
                out.push(format!("{kind}: {} {path}", issue.message));
            }
        }
    }
    out.sort();
    out.dedup();
    out
}

/// Extensions whose definitions lie elsewhere: HL7's note is published for R5, a hospital's own by the hospital.
fn is_foreign_extension(message: &str) -> bool {
    [NOTE, "https://clinic.example/fhir/"]
        .iter()
        .any(|url| message.starts_with(&format!("Extension definition '{url}")))
}

/// A Bundle of type `collection` may refer to what stands outside it by type and id; only a `urn:uuid` must lead to an
/// entry (FHIR R4 Bundle, "Resolving references in Bundles"). The validator looks for both inside.
fn stands_outside(message: &str) -> bool {
    ["Patient/", "Practitioner/", "Encounter/", "Appointment/"]
        .iter()
        .any(|kind| message.starts_with(&format!("Unable to resolve resource with reference '{kind}")))
}

/// The validator knows only the first type of resource an element may refer to; HL7's definition knows them all.
fn is_a_target(kind: &str, path: &str, message: &str) -> bool {
    let Some(named) = message
        .strip_prefix("The type '")
        .and_then(|rest| rest.split_once("' implied by the reference URL is not a valid Target"))
        .map(|(named, _)| format!("/{named}"))
    else {
        return false;
    };
    let file = definitions().join(format!("StructureDefinition-{kind}.json"));
    let definition: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(file).expect("definition")).expect("JSON");
    let elements = definition["snapshot"]["element"].as_array().into_iter().flatten();
    elements
        .filter(|element| element["path"] == path)
        .flat_map(|element| element["type"].as_array().into_iter().flatten())
        .flat_map(|kind| kind["targetProfile"].as_array().into_iter().flatten())
        .any(|target| target.as_str().is_some_and(|target| target.ends_with(&named)))
}

pub fn errors_of(document: &Json) -> Vec<String> {
    errors(&serde_json::from_str(&document.to_string()).expect("JSON"))
}

fn written(document: &Json, changes: &[(&str, &str)]) -> Json {
    let writes: Vec<(FieldIx, FieldState)> =
        changes.iter().map(|(id, text)| (field(id), state(id, text))).collect();
    patient_lens().body(document, &writes, Some("0f3c1e2d9b7a4c5e8f60123456789abc")).expect("writable")
}

const FULL: &[(&str, &str)] = &[
    ("patient_name", "Bella"),
    ("species", "Dog"),
    ("breed", "Labrador Retriever"),
    ("date_of_birth", "2019-06"),
    ("gender", "female spayed"),
    ("microchip_id", "985 112 003 456 789"),
    ("owner_name", "Peter Chalmers"),
    ("owner_phone", "(415) 555-2671"),
    ("owner_email", "peter@example.test"),
    ("allergies", "Penicillin; Chicken"),
    ("medical_notes", "Nervous.\nMuzzle for nail trims."),
    ("weight", "12.50 lb"),
    ("tag", "A-17"),
    ("diet", "Dry food\nNo chicken"),
    ("coat", "Merle"),
    ("vaccinated", "2024-02-29"),
    ("breeder", "Ana López"),
    ("breeder_phone", "555-0100"),
    ("breeder_email", "ana@example.test"),
    ("dislikes", "Vet, cats"),
];

#[test]
fn the_validator_finds_mistakes() {
    // (what is wrong with it, document)
    let wrong = [
        ("gender", serde_json::json!({"resourceType": "Patient", "gender": "MN"})),
        ("an element that is none", serde_json::json!({"resourceType": "Patient", "animal": {}})),
        (
            "ait-1",
            serde_json::json!({"resourceType": "AllergyIntolerance", "patient": {"reference": "Patient/1"}}),
        ),
        ("pat-1", serde_json::json!({"resourceType": "Patient", "contact": [{"gender": "male"}]})),
        (
            "missing patient",
            serde_json::json!({"resourceType": "AllergyIntolerance",
            "verificationStatus": {"coding": [{"system":
                "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "code": "entered-in-error"}]}}),
        ),
    ];
    for (what, document) in wrong {
        assert!(!errors(&document).is_empty(), "{what} was not found");
    }
}

#[test]
fn a_new_patient_is_valid() {
    let lens = patient_lens();
    for changes in
        [FULL, &[("patient_name", "Bella")], &[("breed", "DSH")], &[("allergies", "none known")], &[]]
    {
        let body = written(&lens.empty(), changes);
        assert_eq!(errors_of(&body), Vec::<String>::new(), "{body}");
        assert_eq!(check::findings(&body), Vec::new(), "{body}");
        let record = lens.get(&body).expect("readable");
        for (id, text) in changes {
            assert!(same(record.field(field(id)), &state(id, text)), "{id}");
        }
        assert_eq!(record.other_key.as_deref(), Some("0f3c1e2d9b7a4c5e8f60123456789abc"));
    }
}

#[test]
fn each_field_alone_and_emptied_again_is_valid() {
    let lens = patient_lens();
    let full = written(&lens.empty(), FULL);
    for (id, text) in FULL {
        let alone = written(&lens.empty(), &[(id, text)]);
        assert_eq!(errors_of(&alone), Vec::<String>::new(), "{id}: {alone}");
        assert_eq!(check::findings(&alone), Vec::new(), "{id}: {alone}");
        let mut emptied = full.clone();
        lens.put(&mut emptied, field(id), &FieldState::Blank).expect("can be emptied");
        assert_eq!(errors_of(&emptied), Vec::<String>::new(), "{id}: {emptied}");
        assert_eq!(check::findings(&emptied), Vec::new(), "{id}: {emptied}");
    }
    let all: Vec<(FieldIx, FieldState)> = FULL.iter().map(|(id, _)| (field(id), FieldState::Blank)).collect();
    let emptied = lens.body(&full, &all, None).expect("can be emptied");
    assert_eq!(errors_of(&emptied), Vec::<String>::new(), "{emptied}");
    assert_eq!(check::findings(&emptied), Vec::new(), "{emptied}");
}

#[test]
fn a_bare_patient_with_its_allergies_is_valid() {
    let lens = bare_patient_lens();
    let writes: Vec<(FieldIx, FieldState)> =
        FULL.iter().map(|(id, text)| (field(id), state(id, text))).collect();
    let full = lens.body(&lens.empty(), &writes, Some("0f3c1e2d9b7a4c5e8f60123456789abc")).expect("writable");
    assert_eq!(full.get("resourceType").and_then(Json::as_str), Some("Patient"));
    let none_known =
        lens.body(&full, &[(field("allergies"), state("allergies", "none known"))], None).expect("writable");
    let emptied = lens.body(&full, &[(field("allergies"), FieldState::Blank)], None).expect("can be emptied");
    for body in [lens.empty(), full, none_known, emptied] {
        assert_eq!(errors_of(&body), Vec::<String>::new(), "{body}");
        assert_eq!(check::findings(&body), Vec::new(), "{body}");
    }
}

#[test]
fn writing_the_official_example_keeps_it_valid() {
    let example = Json::parse(include_str!("../fhir-examples/Patient-animal.json")).expect("example");
    let before = errors_of(&example);
    let body = written(&example, FULL);
    let new: Vec<String> = errors_of(&body).into_iter().filter(|error| !before.contains(error)).collect();
    assert_eq!(new, Vec::<String>::new(), "{body}");
    assert_eq!(check::introduced(&example, &body), Vec::new());
}

#[test]
fn published_definitions_are_valid() {
    let published = published();
    assert!(!published.is_empty());
    for (file, definition) in &published {
        assert_eq!(errors(definition), Vec::<String>::new(), "{file}");
        let text = Json::parse(&definition.to_string()).expect("JSON");
        assert_eq!(check::findings(&text), Vec::new(), "{file}");
        if definition["resourceType"] == "StructureDefinition" {
            let url = definition["url"].as_str().expect("url");
            assert!(url.starts_with("https://vetsync.example/fhir/StructureDefinition/"), "{file}");
            assert!(file.contains(definition["id"].as_str().expect("id")), "{file}");
            assert_eq!(definition["fhirVersion"], "4.0.1", "{file}");
        }
    }
}

#[test]
fn every_extension_the_product_owns_is_published() {
    let published: Vec<String> = published()
        .into_iter()
        .filter_map(|(_, definition)| definition["url"].as_str().map(str::to_owned))
        .collect();
    for url in [WEIGHT, mapping::fhir::ALLERGIES_TEXT] {
        assert!(published.iter().any(|known| known == url), "{url} is not published");
    }
}
