//! Treatments: from a ServiceNow row to one Bundle, and back.

use crate::appointments::conventions;
use crate::support::{json, same};
use crate::valid_r4::errors_of;
use mapping::fhir::check;
use mapping::{MappingError, RowLens, TreatmentForm, TreatmentLens, TreatmentVersion};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use record::value::{Coding, Instant, Value};
use record::{Catalogue, FieldIx, FieldState, Json, Record};
use serde_json::{Value as Serde, json as of};
use std::sync::{Arc, LazyLock};

const SYSTEM: &str = "https://clinic.service-now.example/u_treatment";
const LEE: &str = "46d44a5dc0a8010e0000b4bb8f62b0fd";
const BELLA: &str = "0f3c1e2d9b7a4c5e8f60123456789abc";
const KEY: &str = "1234567890abcdef1234567890abcdef";

fn catalogue() -> Arc<Catalogue> {
    static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| Arc::new(Catalogue::treatment_default()));
    Arc::clone(&CATALOGUE)
}

fn lens() -> TreatmentLens {
    TreatmentLens::new(catalogue(), conventions(), SYSTEM.to_owned())
}

fn field(id: &str) -> FieldIx {
    catalogue().index_of(id).unwrap_or_else(|| panic!("field {id}"))
}

const FULL: &[(&str, &str)] = &[
    ("patient", BELLA),
    ("treatment_date", "2025-03-10 14:35:00"),
    ("clinician", LEE),
    ("diagnosis", "Otitis externa, left ear; suspected atopy"),
    ("procedures_performed", "1. Ear flush under sedation\n2. Cytology"),
    (
        "medications_prescribed",
        "Prednisolone 5 mg tablet: 1 tablet by mouth SID for 5 days\nMeloxicam 1.5 mg/mL suspension 0.2 mL PO BID, then SID",
    ),
    ("treatment_notes", "Recheck in 10 days.\nKeep the ear dry."),
];

/// A row of ServiceNow read, its patient linked.
fn treatment(said: &[(&str, &str)]) -> Record {
    let mut row = Json::object([("sys_id", Json::str(KEY))]);
    for (id, text) in said {
        row.set(&format!("u_{id}"), Json::str(*text));
    }
    let mut record = RowLens::new(catalogue(), conventions()).get(&row).expect("readable");
    record.resolve_patients(|_, _| Some("p-1001".to_owned()));
    record
}

fn ids() -> impl FnMut() -> String {
    let mut count = 0;
    move || {
        count += 1;
        format!("3f0a4b50-6a0c-4a2b-8a64-1f1a5a0e{count:04x}")
    }
}

fn recorded() -> Instant {
    Instant::parse("2025-03-10 15:05:00").expect("a moment")
}

fn version(number: u32, recorded: &Instant) -> TreatmentVersion<'_> {
    TreatmentVersion { number, recorded, revises: None, appointment: None }
}

fn written(record: &Record, number: u32) -> Json {
    lens().write(record, version(number, &recorded()), ids()).expect("writable")
}

fn resources<'a>(bundle: &'a Json, kind: &str) -> Vec<&'a Json> {
    bundle
        .get("entry")
        .map(Json::items)
        .unwrap_or_default()
        .iter()
        .filter_map(|entry| entry.get("resource"))
        .filter(|resource| resource.get("resourceType").and_then(Json::as_str) == Some(kind))
        .collect()
}

fn serde(of: &Json) -> Serde {
    serde_json::from_str(&of.to_string()).expect("JSON")
}

/// The condition on the Encounter alone would let a repeated transaction make everything else twice.
#[test]
fn as_a_transaction_every_create_has_a_condition_that_its_own_resource_fulfils() {
    let lens = TreatmentLens { form: TreatmentForm::Transaction, ..lens() };
    let bundle = lens.write(&treatment(FULL), version(2, &recorded()), ids()).expect("writable");
    assert_eq!(errors_of(&bundle), Vec::<String>::new(), "{bundle}");
    let found = serde(&bundle);
    assert_eq!(found["type"], "transaction");
    let mut conditions = std::collections::BTreeSet::new();
    for entry in found["entry"].as_array().expect("entries") {
        let (resource, request) = (&entry["resource"], &entry["request"]);
        assert_eq!((&request["method"], &request["url"]), (&of!("POST"), &resource["resourceType"]));
        if resource["resourceType"] == "Provenance" {
            assert!(resource.get("identifier").is_none(), "R4 has none there");
            continue;
        }
        let condition = request["ifNoneExist"].as_str().expect("a condition");
        let carried = resource["identifier"].as_array().expect("identifiers").iter().any(|identifier| {
            let text = |name: &str| identifier[name].as_str().unwrap_or_default();
            condition == format!("identifier={}|{}", text("system"), text("value"))
        });
        assert!(carried, "{condition}");
        assert!(conditions.insert(condition.to_owned()), "{condition} is another one's");
    }
    assert_eq!(conditions.len(), 7, "{conditions:?}");
    // Apart from that it says what the collection says.
    let read = |bundle: &Json| self::lens().get(bundle).expect("readable").fields;
    assert_eq!(read(&bundle), read(&written(&treatment(FULL), 2)));
}

#[test]
fn the_appointment_is_referred_to_where_the_ehr_has_it() {
    let recorded = recorded();
    let at = TreatmentVersion { appointment: Some("Appointment/ap-9"), ..version(1, &recorded) };
    let bundle = lens().write(&treatment(FULL), at, ids()).expect("writable");
    assert_eq!(errors_of(&bundle), Vec::<String>::new(), "{bundle}");
    let encounter = serde(resources(&bundle, "Encounter")[0]);
    assert_eq!(encounter["appointment"], of!([{ "reference": "Appointment/ap-9" }]));
    let plain = written(&treatment(FULL), 1);
    assert!(resources(&plain, "Encounter")[0].get("appointment").is_none());
}

#[test]
fn a_treatment_is_one_bundle_with_all_that_r4_demands() {
    let bundle = written(&treatment(FULL), 1);
    assert_eq!(errors_of(&bundle), Vec::<String>::new(), "{bundle}");
    assert_eq!(check::findings(&bundle), Vec::new(), "{bundle}");
    let url = |count: u32| format!("urn:uuid:3f0a4b50-6a0c-4a2b-8a64-1f1a5a0e{count:04x}");
    let found = serde(&bundle);
    assert_eq!(found["type"], "collection");
    assert_eq!(
        found["identifier"],
        of!({"system": format!("{SYSTEM}/version"), "value": format!("{KEY}-v1")})
    );
    assert_eq!(found["timestamp"], "2025-03-10T15:05:00Z");
    let doctor = of!({"reference": "Practitioner/dr-lee", "display": "Dr Lee"});
    let subject = of!({"reference": "Patient/p-1001"});
    assert_eq!(
        serde(resources(&bundle, "Encounter")[0]),
        of!({
            "resourceType": "Encounter",
            "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/note",
                "valueAnnotation": {"authorString": "Dr Lee", "text": "Recheck in 10 days.\nKeep the ear dry."}}],
            "identifier": [{"system": SYSTEM, "value": KEY}, {"system": format!("{SYSTEM}/version"), "value": format!("{KEY}-v1")}],
            "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB", "display": "ambulatory"},
            "subject": subject,
            "participant": [{"type": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
                "code": "PPRF", "display": "primary performer"}]}], "individual": doctor}],
            "period": {"start": "2025-03-10T14:35:00Z"},
            "diagnosis": [{"condition": {"reference": url(2)}}, {"condition": {"reference": url(3)}}],
        })
    );
    let conditions = resources(&bundle, "Condition");
    let said: Vec<(Serde, Serde)> = conditions
        .iter()
        .map(|condition| serde(condition))
        .map(|condition| {
            (condition["code"].clone(), condition["verificationStatus"]["coding"][0]["code"].clone())
        })
        .collect();
    assert_eq!(
        said,
        [
            (of!({"text": "Otitis externa, left ear"}), of!("confirmed")),
            // A guess does not become a fact on the way.
            (of!({"text": "suspected atopy"}), of!("provisional")),
        ]
    );
    let procedures: Vec<Serde> = resources(&bundle, "Procedure").into_iter().map(serde).collect();
    assert_eq!(
        procedures.iter().map(|procedure| procedure["code"]["text"].clone()).collect::<Vec<_>>(),
        ["Ear flush under sedation", "Cytology"]
    );
    assert!(procedures.iter().all(|procedure| procedure["encounter"]["reference"] == url(1) && procedure["subject"] == subject));
    let requests: Vec<Serde> = resources(&bundle, "MedicationRequest").into_iter().map(serde).collect();
    assert_eq!(
        requests[0],
        of!({
            "resourceType": "MedicationRequest", "status": "active", "intent": "order",
            "medicationCodeableConcept": {"text": "Prednisolone 5 mg tablet"},
            "subject": subject, "encounter": {"reference": url(1)}, "authoredOn": "2025-03-10T14:35:00Z", "requester": doctor,
            "dosageInstruction": [{"text": "1 tablet by mouth SID for 5 days", "timing": {"code": {
                "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation", "code": "QD"}], "text": "SID"}}}],
        })
    );
    // Two frequencies one after the other are none that a code can say.
    assert_eq!(requests[1]["medicationCodeableConcept"], of!({"text": "Meloxicam 1.5 mg/mL suspension"}));
    assert_eq!(requests[1]["dosageInstruction"], of!([{"text": "0.2 mL PO BID, then SID"}]));
}

#[test]
fn what_was_written_is_read_back_as_the_treatment() {
    let record = treatment(FULL);
    let bundle = written(&record, 3);
    let mut read = lens().get(&bundle).expect("readable");
    assert_eq!((read.key.as_str(), read.other_key.as_deref()), ("", Some(KEY)));
    assert_eq!(lens().version(&bundle), Some(3));
    read.resolve_patients(|_, _| Some(BELLA.to_owned()));
    for (at, spec) in catalogue().iter() {
        assert!(same(read.field(at), record.field(at)), "{}: {:?}", spec.id, read.field(at));
    }
}

#[test]
fn a_later_version_says_which_one_it_revises() {
    let record = treatment(FULL);
    assert_eq!(resources(&written(&record, 1), "Provenance").len(), 0);
    let by_identifier = written(&record, 2);
    let recorded = recorded();
    let known = TreatmentVersion { revises: Some("Encounter/e-77"), ..version(2, &recorded) };
    let by_reference = lens().write(&record, known, ids()).expect("writable");
    let what = |bundle: &Json| serde(resources(bundle, "Provenance")[0])["entity"][0].clone();
    assert_eq!(
        what(&by_identifier),
        of!({"role": "revision", "what": {"type": "Encounter",
            "identifier": {"system": format!("{SYSTEM}/version"), "value": format!("{KEY}-v1")}}})
    );
    assert_eq!(what(&by_reference), of!({"role": "revision", "what": {"reference": "Encounter/e-77"}}));
    for bundle in [by_identifier, by_reference] {
        assert_eq!(errors_of(&bundle), Vec::<String>::new(), "{bundle}");
        assert_eq!(check::findings(&bundle), Vec::new(), "{bundle}");
        // Looked up before it is sent again, the first version is not found in its place.
        assert_eq!(serde(&bundle)["identifier"]["value"], format!("{KEY}-v2"));
    }
}

#[test]
fn codes_classes_and_statuses_are_configuration() {
    let mut lens = lens();
    lens.class = Coding {
        system: "http://terminology.hl7.org/CodeSystem/v3-ActCode".to_owned(),
        code: "FLD".to_owned(),
        display: None,
    };
    let otitis = Coding {
        system: "http://snomed.info/sct".to_owned(),
        code: "3135009".to_owned(),
        display: Some("Otitis externa".to_owned()),
    };
    lens.codes.insert("otitis externa, left ear".to_owned(), otitis);
    let recorded = recorded();
    let bundle = lens.write(&treatment(FULL), version(1, &recorded), ids()).expect("writable");
    assert_eq!(serde(resources(&bundle, "Encounter")[0])["class"]["code"], "FLD");
    assert_eq!(
        serde(resources(&bundle, "Condition")[0])["code"],
        of!({"coding": [{"system": "http://snomed.info/sct", "code": "3135009", "display": "Otitis externa"}], "text": "Otitis externa, left ear"})
    );
    assert_eq!(errors_of(&bundle), Vec::<String>::new(), "{bundle}");
}

#[test]
fn what_is_missing_is_left_out_and_what_cannot_be_sent_is_refused() {
    let recorded = recorded();
    let write = |said: &[(&str, &str)]| lens().write(&treatment(said), version(1, &recorded), ids());
    let bare = write(&[("patient", BELLA)]).expect("writable");
    assert_eq!(bare.get("entry").map(|entries| entries.items().len()), Some(1));
    assert_eq!(errors_of(&bare), Vec::<String>::new(), "{bare}");
    assert_eq!(check::findings(&bare), Vec::new(), "{bare}");
    // (said, the field that is named)
    let refused: [(&[(&str, &str)], &str); 4] = [
        (&[("diagnosis", "Otitis")], "patient"),
        (&[("patient", ""), ("diagnosis", "Otitis")], "patient"),
        (&[("patient", BELLA), ("clinician", "Dr Who")], "clinician"),
        (&[("patient", BELLA), ("treatment_date", "10/03/2025")], "treatment_date"),
    ];
    for (said, named) in refused {
        match write(said) {
            Err(MappingError::CannotWrite { field, problem }) => {
                assert_eq!(field, named);
                assert!(
                    !problem.contains("10/03/2025") && !problem.contains("Dr Who"),
                    "a value in {problem}"
                );
            }
            other => panic!("{said:?}: {other:?}"),
        }
    }
    let mut unlinked = treatment(FULL);
    if let FieldState::Value(Value::PatientLink(link)) = &mut unlinked.fields[usize::from(field("patient").0)]
    {
        link.ehr = None;
    }
    assert!(
        matches!(lens().write(&unlinked, version(1, &recorded), ids()), Err(MappingError::CannotWrite { field, .. }) if field == "patient")
    );
}

#[test]
fn the_ehrs_own_way_of_writing_a_treatment_is_read() {
    let fixture = of!({"resourceType": "Bundle", "type": "collection", "entry": [
        {"fullUrl": "urn:uuid:a", "resource": {"resourceType": "Encounter", "id": "e-1", "status": "finished",
            "class": {"code": "AMB"}, "subject": {"reference": "Patient/p-1001"}, "note": [{"text": "as R5 might"}],
            "identifier": [{"system": SYSTEM, "value": KEY}]}},
        {"resource": {"resourceType": "Condition", "subject": {"reference": "Patient/p-1001"}, "encounter": {"reference": "Encounter/e-1"},
            "code": {"coding": [{"code": "1", "display": "Otitis externa"}]}}},
        {"resource": {"resourceType": "Condition", "subject": {"reference": "Patient/p-1001"}, "encounter": {"reference": "Encounter/e-2"},
            "code": {"text": "of another visit"}}},
        {"resource": {"resourceType": "Procedure", "status": "entered-in-error", "subject": {"reference": "Patient/p-1001"}, "code": {"text": "taken back"}}},
        {"resource": {"resourceType": "Procedure", "status": "completed", "subject": {"reference": "Patient/p-1001"}, "code": {"text": "Ear flush"}}},
        {"resource": {"resourceType": "MedicationRequest", "status": "completed", "intent": "order", "subject": {"reference": "Patient/p-1001"},
            "medicationReference": {"display": "Prednisolone 5 mg"}, "dosageInstruction": [{"text": "1 tab SID"}]}}
    ]});
    let record = lens().get(&json(&fixture)).expect("readable");
    let shown: Vec<String> = record.fields.iter().map(FieldState::display).collect();
    assert_eq!(
        shown,
        [
            "Patient/p-1001",
            "",
            "",
            "Otitis externa",
            "Ear flush",
            "Prednisolone 5 mg 1 tab SID",
            "as R5 might"
        ]
    );
    assert_eq!(record.key, "e-1");
    for wrong in [of!({"resourceType": "Patient"}), of!({"resourceType": "Bundle", "entry": []})] {
        assert!(matches!(lens().get(&json(&wrong)), Err(MappingError::NotThisKind { .. })));
    }
}

#[test]
fn the_checks_know_the_rules_of_a_treatment() {
    let subject = of!({"reference": "Patient/p"});
    let wrong = [
        (
            of!({"resourceType": "Encounter", "status": "finished", "subject": subject, "class": [{"code": "AMB"}]}),
            "class",
        ),
        (
            of!({"resourceType": "Encounter", "status": "done", "subject": subject, "class": {"code": "AMB"}}),
            "status",
        ),
        (of!({"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}}), "subject"),
        (
            of!({"resourceType": "Encounter", "status": "finished", "subject": subject, "class": {"code": "AMB"}, "note": [{"text": "x"}]}),
            "note",
        ),
        (
            of!({"resourceType": "Encounter", "status": "finished", "subject": subject, "class": {"code": "AMB"},
            "period": {"start": "2025-03-10T14:30:00Z", "end": "2025-03-10T14:00:00Z"}}),
            "per-1",
        ),
        (of!({"resourceType": "Condition"}), "subject"),
        (of!({"resourceType": "Condition", "subject": subject, "abatementString": "gone"}), "con-4"),
        (
            of!({"resourceType": "Condition", "subject": subject, "clinicalStatus": {"text": "active"}, "verificationStatus":
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "entered-in-error"}]}}),
            "con-5",
        ),
        (of!({"resourceType": "Procedure", "subject": subject, "status": "notdone"}), "status"),
        (
            of!({"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": subject}),
            "medication",
        ),
        (
            of!({"resourceType": "MedicationRequest", "status": "active", "subject": subject, "medicationReference": {"display": "x"}}),
            "intent",
        ),
        (
            of!({"resourceType": "Provenance", "target": [subject], "recorded": "2025-03-10", "agent": [{"who": subject}]}),
            "recorded",
        ),
        (
            of!({"resourceType": "Provenance", "target": [subject], "recorded": "2025-03-10T14:30:00Z", "agent": [{}]}),
            "who",
        ),
    ];
    for (document, rule) in wrong {
        let findings = check::findings(&json(&document));
        assert!(findings.iter().any(|finding| finding.to_string().contains(rule)), "{rule}: {findings:?}");
    }
}

fn some_of(items: Vec<&'static str>) -> impl Strategy<Value = String> {
    let most = items.len();
    (subsequence(items, 0..=most).prop_shuffle(), select(vec!["\n", "; ", "\n- ", "\r\n"]))
        .prop_map(|(items, separator)| items.join(separator))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a row says, its Bundle is valid by our checks, says the same, and every reference in it leads somewhere.
    #[test]
    fn every_treatment_survives_its_bundle(
        date in select(vec!["2025-03-10 14:35:00", ""]),
        clinician in select(vec![LEE, "Dr Lee", ""]),
        diagnosis in some_of(vec!["Otitis externa, left ear", "r/o atopy", "Fracture (femur; left)", "Obesity 7/9"]),
        procedures in some_of(vec!["Ear flush", "Ear flush", "2 radiographs, thorax", "1.5 L fluids IV"]),
        medications in some_of(vec![
            "Prednisolone 5 mg tablet: 1 tablet by mouth SID for 5 days", "Amoxicillin 250 mg, 1 capsule BID", "Meloxicam - 0.1 mg/kg PO q24h",
            "Ear drops", "Insulin 2 units SC BID", "Metronidazole 15 mg/kg PO twice a day", "1 tablet of something",
        ]),
        notes in select(vec!["", "Recheck.", "Line one\nLine two"]),
        number in 1_u32..4,
    ) {
        let record = treatment(&[("patient", BELLA), ("treatment_date", date), ("clinician", clinician), ("diagnosis", &diagnosis),
            ("procedures_performed", &procedures), ("medications_prescribed", &medications), ("treatment_notes", notes)]);
        let bundle = written(&record, number);
        prop_assert_eq!(check::findings(&bundle), Vec::new());
        let mut read = lens().get(&bundle).expect("readable");
        read.resolve_patients(|_, _| Some(BELLA.to_owned()));
        for (at, spec) in catalogue().iter() {
            prop_assert!(same(read.field(at), record.field(at)), "{}: {:?} / {:?}", spec.id, read.field(at), record.field(at));
        }
        prop_assert_eq!(lens().version(&bundle), Some(number));
        let text = bundle.to_string();
        let addresses: Vec<&str> = bundle.get("entry").expect("entries").items().iter()
            .filter_map(|entry| entry.get("fullUrl")?.as_str()).collect();
        for reference in text.split("\"reference\":\"urn:uuid:").skip(1) {
            let target = reference.split('"').next().unwrap_or_default();
            prop_assert!(addresses.iter().any(|address| address.ends_with(target)), "{}", target);
        }
    }
}

/// A guess must not stand as confirmed in the EHR.
#[test]
fn a_guess_stays_a_guess() {
    let verification = |text: &str| {
        let bundle = written(&treatment(&[("patient", BELLA), ("diagnosis", text)]), 1);
        let found = serde(resources(&bundle, "Condition")[0]);
        found["verificationStatus"]["coding"][0]["code"].as_str().unwrap_or_default().to_owned()
    };
    for guess in [
        "Otitis?",
        "R/O atopy",
        "suspected atopy",
        "rule out atopy",
        "possible atopy",
        "probable atopy",
        "presumptive atopy",
        "tentative: atopy",
        "DDx atopy",
        "differential atopy",
    ] {
        assert_eq!(verification(guess), "provisional", "{guess}");
    }
    for known in ["Otitis externa", "atopy r/o flea allergy", "Fracture"] {
        assert_eq!(verification(known), "confirmed", "{known}");
    }
}

/// Of what came in a Bundle, what names another visit is another's, and what was taken back is nobody's.
#[test]
fn only_what_belongs_to_the_visit_and_stands_is_read() {
    let read = |url: Option<&str>, id: Option<&str>, procedure: Serde| {
        let mut encounter = of!({"resource": {"resourceType": "Encounter", "status": "finished"}});
        if let Some(url) = url {
            encounter["fullUrl"] = of!(url);
        }
        if let Some(id) = id {
            encounter["resource"]["id"] = of!(id);
        }
        let mut resource = of!({"resourceType": "Procedure", "code": {"text": "Flush"}});
        for (key, value) in procedure.as_object().expect("an object") {
            resource[key] = value.clone();
        }
        let bundle = of!({"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:none"}, encounter, {"resource": resource}]});
        lens().get(&json(&bundle)).expect("readable").field(field("procedures_performed")).display()
            == "Flush"
    };
    let names = |reference: &str| of!({"encounter": {"reference": reference}});
    // (address and id of the visit, the procedure, whether it counts)
    let cases = [
        (Some("urn:uuid:a"), Some("e-1"), of!({}), true),
        (Some("urn:uuid:a"), Some("e-1"), names("urn:uuid:a"), true),
        (Some("urn:uuid:a"), Some("e-1"), names("urn:uuid:b"), false),
        (Some("urn:uuid:a"), Some("e-1"), names("Encounter/e-1"), true),
        (Some("urn:uuid:a"), Some("e-1"), names("https://e/Encounter/e-1/_history/2"), true),
        (Some("urn:uuid:a"), Some("e-1"), names("Encounter/e-2"), false),
        (None, None, names("Encounter/e-1"), false),
        (None, Some("e-1"), names("Encounter/e-1"), true),
        (Some("urn:uuid:a"), None, of!({"status": "completed"}), true),
        (Some("urn:uuid:a"), None, of!({"status": "entered-in-error"}), false),
        (Some("urn:uuid:a"), None, of!({"status": "not-done"}), false),
        (Some("urn:uuid:a"), None, of!({"status": "cancelled"}), false),
    ];
    for (url, id, procedure, counts) in cases {
        assert_eq!(read(url, id, procedure.clone()), counts, "{url:?} {id:?} {procedure}");
    }
    let verification = |code: &str| {
        let status = of!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": code}]});
        of!({"resource": {"resourceType": "Condition", "code": {"text": code}, "verificationStatus": status}})
    };
    let bundle = of!({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Encounter", "status": "entered-in-error"}},
        verification("confirmed"), verification("refuted"), verification("entered-in-error"), verification("provisional")]});
    let record = lens().get(&json(&bundle)).expect("readable");
    assert_eq!(record.field(field("diagnosis")).display(), "confirmed\nprovisional");
    assert!(!record.active);
}

#[test]
fn notes_doctor_and_directions_are_read_where_an_ehr_may_keep_them() {
    let read = |encounter: Serde, more: Vec<Serde>, id: &str| {
        let mut visit = of!({"resourceType": "Encounter", "status": "finished", "id": "e-1"});
        for (key, value) in encounter.as_object().expect("an object") {
            visit[key] = value.clone();
        }
        let entries: Vec<Serde> =
            std::iter::once(visit).chain(more).map(|resource| of!({"resource": resource})).collect();
        let record = lens().get(&json(&of!({"resourceType": "Bundle", "entry": entries}))).expect("readable");
        assert!(record.active && !record.deceased);
        record.field(field(id)).display()
    };
    let extension =
        of!([{"url": "http://hl7.org/fhir/StructureDefinition/note", "valueAnnotation": {"text": "a"}}]);
    let impression = |members: Serde| {
        let mut impression = members;
        impression["resourceType"] = of!("ClinicalImpression");
        vec![impression]
    };
    let notes = [
        (of!({"extension": extension, "note": [{"text": "b"}]}), vec![], "a"),
        (of!({"note": [{}, {"text": "b"}]}), impression(of!({"summary": "c"})), "b"),
        (of!({}), impression(of!({"summary": "c"})), "c"),
        (of!({}), impression(of!({"summary": "c", "note": [{"text": "d"}]})), "d"),
        (of!({}), vec![], ""),
    ];
    for (encounter, more, said) in notes {
        assert_eq!(read(encounter.clone(), more, "treatment_notes"), said, "{encounter}");
    }
    let doctors = of!({"participant": [{"type": [{"text": "x"}]}, {"individual": {"reference": "Practitioner/dr-lee"}}]});
    assert_eq!(read(doctors, vec![], "clinician"), "Dr Lee");
    let request = |members: Serde| {
        let mut request = members;
        request["resourceType"] = of!("MedicationRequest");
        vec![request]
    };
    // (members, the line)
    let requests = [
        (
            of!({"medicationCodeableConcept": {"text": "A"}, "dosageInstruction": [{"text": "b"}, {"patientInstruction": "c"}]}),
            "A b c",
        ),
        (of!({"medicationReference": {"display": "A"}}), "A"),
        (of!({"medicationReference": {"display": "A"}, "status": "cancelled"}), ""),
        (of!({"medicationCodeableConcept": {"text": "A"}, "status": "entered-in-error"}), ""),
        (of!({"medicationReference": {"reference": "Medication/1"}}), ""),
    ];
    for (members, line) in requests {
        assert_eq!(read(of!({}), request(members.clone()), "medications_prescribed"), line, "{members}");
    }
}

#[test]
fn a_version_is_read_from_its_identifier() {
    let version = |system: &str, value: &str| {
        let encounter =
            of!({"resourceType": "Encounter", "identifier": [{"system": system, "value": value}]});
        lens().version(&json(&of!({"resourceType": "Bundle", "entry": [{"resource": encounter}]})))
    };
    let system = format!("{SYSTEM}/version");
    assert_eq!(version(&system, "a-v2-v13"), Some(13));
    assert_eq!(version(&system, "a-v"), None);
    assert_eq!(version(&system, "a"), None);
    assert_eq!(version(SYSTEM, "a-v2"), None);
}

/// The appointment it was given at, the date and the doctor stand with everything they are about.
#[test]
fn what_is_known_of_the_visit_stands_with_each_resource() {
    let recorded = recorded();
    let at = TreatmentVersion { appointment: Some("Appointment/ap-1"), ..version(1, &recorded) };
    let full = lens().write(&treatment(FULL), at, ids()).expect("writable");
    assert_eq!(
        serde(resources(&full, "Encounter")[0])["appointment"],
        of!([{"reference": "Appointment/ap-1"}])
    );
    let date = "2025-03-10T14:35:00Z";
    assert_eq!(serde(resources(&full, "Condition")[0])["recordedDate"], date);
    assert_eq!(serde(resources(&full, "Procedure")[0])["performedDateTime"], date);
    assert_eq!(serde(resources(&full, "MedicationRequest")[0])["authoredOn"], date);
    let said = [
        ("patient", BELLA),
        ("diagnosis", "Otitis"),
        ("procedures_performed", "Flush"),
        ("medications_prescribed", "Ear drops"),
    ];
    let bare = written(&treatment(&said), 1);
    for (kind, missing) in [
        ("Encounter", &["appointment", "period", "participant", "extension"][..]),
        ("Condition", &["recordedDate"][..]),
        ("Procedure", &["performedDateTime"][..]),
        ("MedicationRequest", &["authoredOn", "requester", "dosageInstruction"][..]),
    ] {
        let resource = serde(resources(&bare, kind)[0]);
        assert!(missing.iter().all(|key| resource.get(key).is_none()), "{resource}");
        assert_eq!(resource["subject"], of!({"reference": "Patient/p-1001"}));
    }
    assert_eq!(
        serde(resources(&bare, "Condition")[0])["category"][0]["coding"][0]["code"],
        "encounter-diagnosis"
    );
    assert_eq!(TreatmentLens::version_identifier("a", 4), "a-v4");
}
