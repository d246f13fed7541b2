//! What stays of a Patient's place when its field is emptied, and what an emptied place must not take with it.

use crate::places::{put, read, write};
use crate::support::*;
use mapping::MappingError;
use record::value::{Neuter, Sex, SexStatus, Value};
use record::{FieldState, Json};
use serde_json::{Value as Serde, json as of};

fn emptied(document: &Serde, id: &str) -> Serde {
    put(document, id, &FieldState::Blank).expect("writable")
}

fn patient(members: Serde) -> Serde {
    let mut patient = members;
    patient["resourceType"] = of!("Patient");
    patient
}

#[test]
fn a_name_goes_and_what_else_is_said_of_it_stays() {
    // (names, names after; null where no list is left)
    let cases = [
        (of!([{"use": "usual", "given": ["Kenzi"], "text": "Kenzi"}]), Serde::Null),
        // A use, a period or an id alone is no name.
        (of!([{"use": "usual", "id": "n", "period": {"start": "2019"}, "text": "Kenzi"}]), Serde::Null),
        (
            of!([{"text": "Kenzi", "extension": [{"url": "x", "valueCode": "keep"}]}, {"use": "old", "text": "Pup"}]),
            of!([{"extension": [{"url": "x", "valueCode": "keep"}]}, {"use": "old", "text": "Pup"}]),
        ),
        (of!([{"use": "old", "text": "Pup"}, {"text": "Kenzi"}]), of!([{"use": "old", "text": "Pup"}])),
        (
            of!([{"family": "Smith", "_family": {"id": "1"}, "prefix": ["Mr."], "suffix": ["II"], "given": ["Rex"]}]),
            Serde::Null,
        ),
    ];
    for (names, after) in cases {
        let document = patient(of!({"id": "p-1", "name": names}));
        let mut expected = patient(of!({"id": "p-1"}));
        if !after.is_null() {
            expected["name"] = after;
        }
        assert_eq!(emptied(&document, "patient_name"), expected, "{names}");
    }
    // Another name would take its place.
    let two = patient(
        of!({"name": [{"use": "usual", "text": "Kenzi"}, {"use": "official", "text": "Kenzi von der Heide"}]}),
    );
    assert!(matches!(put(&two, "patient_name", &FieldState::Blank),
        Err(MappingError::CannotWrite { field, problem }) if field == "patient_name" && problem.contains("further entry")));
}

/// The name an animal goes by, among those that are there.
#[test]
fn the_usual_name_counts_before_the_official_one() {
    let named = |of_use: Option<&str>, text: &str| match of_use {
        Some(of_use) => of!({"use": of_use, "text": text}),
        None => of!({"text": text}),
    };
    // (names, the one that counts)
    let cases = [
        (of!([named(Some("official"), "A"), named(Some("usual"), "B")]), "B"),
        (of!([named(None, "A"), named(Some("official"), "B")]), "B"),
        (of!([named(Some("nickname"), "A"), named(None, "B")]), "B"),
        (of!([named(Some("nickname"), "A"), named(Some("nickname"), "B")]), "A"),
        (of!([named(Some("old"), "A"), named(Some("nickname"), "B")]), "B"),
        (of!([named(Some("maiden"), "A"), named(Some("nickname"), "B")]), "B"),
        (of!([{"use": "usual", "text": "A", "period": {"end": "2018"}}, named(None, "B")]), "B"),
        (of!([{"use": "usual", "text": "A", "period": {"start": "2018"}}, named(None, "B")]), "A"),
        (of!([{"use": "usual"}, named(None, "B")]), "B"),
        (of!([named(Some("maiden"), "A")]), ""),
        (
            of!([{"prefix": ["Mr."], "given": ["Whiskers", " "], "family": "Smith", "suffix": ["II"]}]),
            "Whiskers Smith II",
        ),
    ];
    for (names, counts) in cases {
        assert_eq!(read(&patient(of!({"name": names})), "patient_name"), counts, "{names}");
    }
}

#[test]
fn parts_of_a_name_go_where_they_are_not_true_any_more() {
    // (name of an animal, written, name after)
    let cases = [
        (
            of!({"use": "usual", "given": ["Kenzi"], "family": "Smith", "text": "Kenzi Smith"}),
            "Rex",
            of!({"use": "usual", "given": ["Rex"], "text": "Rex"}),
        ),
        (of!({"use": "usual", "text": "Kenzi"}), "Rex", of!({"use": "usual", "text": "Rex"})),
        (of!({"family": "Kenzi"}), "Rex", of!({"given": ["Rex"], "text": "Rex"})),
        (of!({"given": ["Kenzi"]}), "KENZI", of!({"given": ["Kenzi"], "text": "KENZI"})),
    ];
    for (before, text, after) in cases {
        let written = write(&patient(of!({"name": [before]})), "patient_name", text);
        assert_eq!(written["name"], of!([after]));
    }
    // Beside names that do not count, a new one is added.
    let written = write(&patient(of!({"name": [{"use": "old", "text": "Pup"}]})), "patient_name", "Rex");
    assert_eq!(
        written["name"],
        of!([{"use": "old", "text": "Pup"}, {"use": "usual", "given": ["Rex"], "text": "Rex"}])
    );
}

#[test]
fn of_an_animal_only_the_emptied_part_goes() {
    let part = |url: &str, text: &str| of!({"url": url, "valueCodeableConcept": {"text": text}});
    let (dog, lab, spayed) = (part("species", "Dog"), part("breed", "Lab"), part("genderStatus", "neutered"));
    let unknown = part("species", "Unknown");
    let other = of!({"url": "other", "valueCode": "keep"});
    // (parts, what is emptied, parts after; none where nothing is left of the extension)
    let cases = [
        (vec![&dog, &lab], "breed", Some(vec![&dog])),
        (vec![&dog, &lab], "species", Some(vec![&unknown, &lab])),
        (vec![&dog], "species", None),
        (vec![&unknown, &lab], "breed", None),
        (vec![&unknown, &lab, &spayed], "breed", Some(vec![&unknown, &spayed])),
        (vec![&unknown, &lab, &other], "breed", Some(vec![&unknown, &other])),
        (vec![&dog, &other], "species", Some(vec![&unknown, &other])),
        (vec![&dog, &lab, &spayed], "gender", Some(vec![&dog, &lab])),
        (vec![&dog], "breed", Some(vec![&dog])),
    ];
    for (parts, id, after) in cases {
        let with = |parts: &[&Serde]| patient(of!({"extension": [{"url": ANIMAL, "extension": parts}]}));
        let expected = after.map_or_else(|| patient(of!({})), |after| with(&after));
        assert_eq!(emptied(&with(&parts), id), expected, "{parts:?} {id}");
    }
    // What else the extension says keeps it.
    let more = patient(of!({"extension": [{"url": ANIMAL, "id": "a", "extension": [dog]}]}));
    assert_eq!(
        emptied(&more, "species"),
        patient(of!({"extension": [{"url": ANIMAL, "id": "a", "extension": [unknown]}]}))
    );
    // Emptied of both, the sex is gone and the species stays.
    let both = patient(of!({"gender": "female", "extension": [{"url": ANIMAL, "extension": [dog, spayed]}]}));
    assert_eq!(emptied(&both, "gender"), patient(of!({"extension": [{"url": ANIMAL, "extension": [dog]}]})));
}

#[test]
fn a_species_stands_first_and_a_stand_in_is_none() {
    let status = of!({"url": "genderStatus", "valueCodeableConcept": {"text": "neutered"}});
    let document = patient(of!({"extension": [{"url": ANIMAL, "extension": [status]}]}));
    let written = write(&document, "species", "Dog");
    assert_eq!(written["extension"][0]["extension"][0]["url"], "species");
    assert_eq!(written["extension"][0]["extension"][1], status);
    // (species, what is read)
    let cases = [
        (of!({"text": "Unknown"}), ""),
        (of!({"text": " unknown "}), ""),
        (
            of!({"coding": [{"system": "http://snomed.info/sct", "code": "448771007"}], "text": "Unknown"}),
            "Unknown",
        ),
        (of!({"text": "Axolotl"}), "Axolotl"),
    ];
    for (concept, said) in cases {
        let document = patient(
            of!({"extension": [{"url": ANIMAL, "extension": [{"url": "species", "valueCodeableConcept": concept}]}]}),
        );
        assert_eq!(read(&document, "species"), said, "{concept}");
    }
}

#[test]
fn sex_and_neuter_status_are_joined() {
    let status = |concept: Serde| of!({"url": ANIMAL, "extension": [{"url": "genderStatus", "valueCodeableConcept": concept}]});
    let coded =
        |code: &str| of!({"coding": [{"system": "http://hl7.org/fhir/animal-genderstatus", "code": code}]});
    let masked = of!({"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]});
    let value = |sex, neuter| FieldState::Value(Value::Sex(SexStatus::new(sex, neuter)));
    // (members, what is read)
    let cases = [
        (of!({"gender": "female"}), value(Sex::Female, Neuter::Unknown)),
        (
            of!({"gender": "male", "extension": [status(coded("neutered"))]}),
            value(Sex::Male, Neuter::Neutered),
        ),
        (of!({"gender": "other", "extension": [status(coded("intact"))]}), value(Sex::Other, Neuter::Intact)),
        (of!({"extension": [status(coded("neutered"))]}), value(Sex::Unknown, Neuter::Neutered)),
        // Words instead of a code.
        (
            of!({"gender": "female", "extension": [status(of!({"text": " Spayed "}))]}),
            value(Sex::Female, Neuter::Neutered),
        ),
        (
            of!({"gender": "male", "extension": [status(of!({"text": "gelded"}))]}),
            value(Sex::Male, Neuter::Neutered),
        ),
        (
            of!({"gender": "male", "extension": [status(of!({"text": "castrated"}))]}),
            value(Sex::Male, Neuter::Neutered),
        ),
        (
            of!({"gender": "male", "extension": [status(of!({"text": "Entire"}))]}),
            value(Sex::Male, Neuter::Intact),
        ),
        (
            of!({"gender": "male", "extension": [status(of!({"text": "perhaps"}))]}),
            value(Sex::Male, Neuter::Unknown),
        ),
        // The code of the system that is meant counts before the words.
        (
            of!({"gender": "male", "extension": [status(of!({"text": "entire", "coding": [
                {"system": "http://other.example", "code": "intact"},
                {"system": "http://hl7.org/fhir/animal-genderstatus", "code": "neutered"}]}))]}),
            value(Sex::Male, Neuter::Neutered),
        ),
        (of!({}), FieldState::Blank),
        // Hidden from us is not empty; but what is said beside it counts.
        (of!({"_gender": masked}), FieldState::Unknown),
        (
            of!({"_gender": masked, "extension": [status(coded("intact"))]}),
            value(Sex::Unknown, Neuter::Intact),
        ),
    ];
    for (members, expected) in cases {
        let record = patient_lens().get(&json(&patient(members.clone()))).expect("readable");
        assert_eq!(*record.field(field("gender")), expected, "{members}");
    }
    let record = patient_lens().get(&json(&patient(of!({"gender": "MN"})))).expect("readable");
    assert!(matches!(record.field(field("gender")), FieldState::Invalid { raw, .. } if raw == "MN"));
    // What says the same already stays to the letter, and another status replaces its words and codes.
    let spayed =
        patient(of!({"gender": "female", "extension": [status(of!({"text": "spayed", "id": "s"}))]}));
    assert_eq!(
        put(&spayed, "gender", &value(Sex::Male, Neuter::Neutered)).expect("writable")["extension"],
        spayed["extension"]
    );
    let intact = put(&spayed, "gender", &value(Sex::Female, Neuter::Intact)).expect("writable");
    let code =
        of!({"system": "http://hl7.org/fhir/animal-genderstatus", "code": "intact", "display": "Intact"});
    assert_eq!(
        intact["extension"][0]["extension"],
        of!([{"url": "species", "valueCodeableConcept": {"text": "Unknown"}},
            {"url": "genderStatus", "valueCodeableConcept": {"id": "s", "coding": [code]}}])
    );
}

#[test]
fn a_date_of_birth_that_is_hidden_is_not_empty() {
    let absent = |reason: &str| {
        patient(
            of!({"_birthDate": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": reason}]}}),
        )
    };
    let said = |document: &Serde| {
        patient_lens().get(&json(document)).expect("readable").field(field("date_of_birth")).clone()
    };
    assert_eq!(said(&absent("masked")), FieldState::Unknown);
    assert_eq!(said(&absent("unknown")), FieldState::Blank);
    // Once there is one, nothing says why there is none; other things about it stay.
    assert_eq!(write(&absent("unknown"), "date_of_birth", "2019"), patient(of!({"birthDate": "2019"})));
    let mut more = absent("unknown");
    more["_birthDate"]["id"] = of!("b");
    assert_eq!(
        write(&more, "date_of_birth", "2019"),
        patient(of!({"_birthDate": {"id": "b"}, "birthDate": "2019"}))
    );
    assert_eq!(
        emptied(&patient(of!({"birthDate": "2019", "_birthDate": {"id": "b"}})), "date_of_birth"),
        patient(of!({"_birthDate": {"id": "b"}}))
    );
}

#[test]
fn an_owner_of_whom_nothing_is_left_goes() {
    let phone = of!({"system": "phone", "value": "(415) 555-2671"});
    // (contact, what is emptied, contact after; null where none is left)
    let cases = [
        (of!({"name": {"text": "Ana"}}), "owner_name", Serde::Null),
        (of!({"name": {"text": "Ana"}, "gender": "female"}), "owner_name", Serde::Null),
        (
            of!({"name": {"text": "Ana"}, "address": {"city": "A"}}),
            "owner_name",
            of!({"address": {"city": "A"}}),
        ),
        (
            of!({"name": {"text": "Ana"}, "organization": {"display": "A"}}),
            "owner_name",
            of!({"organization": {"display": "A"}}),
        ),
        (of!({"name": {"text": "Ana"}, "telecom": [phone]}), "owner_name", of!({"telecom": [phone]})),
        (of!({"name": {"text": "Ana"}, "telecom": [phone]}), "owner_phone", of!({"name": {"text": "Ana"}})),
        (of!({"telecom": [phone]}), "owner_phone", Serde::Null),
        (
            of!({"name": {"text": "Ana", "extension": [{"url": "x", "valueCode": "keep"}]}}),
            "owner_name",
            of!({"name": {"extension": [{"url": "x", "valueCode": "keep"}]}}),
        ),
        // Nothing is there to be emptied.
        (
            of!({"gender": "female", "address": {"city": "A"}}),
            "owner_email",
            of!({"gender": "female", "address": {"city": "A"}}),
        ),
    ];
    let employer = of!({"relationship": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0131", "code": "E"}]}],
        "organization": {"display": "keep"}});
    for (contact, id, after) in cases {
        let mut owner = contact.clone();
        owner["relationship"] = of!([{"text": "Owner"}]);
        let mut left = after.clone();
        if !after.is_null() {
            left["relationship"] = of!([{"text": "Owner"}]);
        }
        let alone = emptied(&patient(of!({"contact": [owner]})), id);
        let expected = if after.is_null() { patient(of!({})) } else { patient(of!({"contact": [left]})) };
        assert_eq!(alone, expected, "{contact} {id}");
        // Another contact is not touched.
        let beside = emptied(&patient(of!({"contact": [employer, owner]})), id);
        let expected = if after.is_null() { of!([employer]) } else { of!([employer, left]) };
        assert_eq!(beside["contact"], expected, "{contact} {id}");
    }
}

#[test]
fn identifiers_of_others_stay_as_they_are() {
    let of_system = |system: &str, value: &str| of!({"system": system, "value": value});
    let mut old = of_system(SERVICENOW_SYSTEM, "a");
    old["use"] = of!("old");
    let other = of_system("http://other.example", "x");
    // (identifiers, after the key "c" was written)
    let cases = [
        (
            of!([other, old, of_system(SERVICENOW_SYSTEM, "b")]),
            of!([other, old, of_system(SERVICENOW_SYSTEM, "c")]),
        ),
        (of!([other, of_system(SERVICENOW_SYSTEM, "c")]), of!([other, of_system(SERVICENOW_SYSTEM, "c")])),
        (
            of!([other, old]),
            of!([other, old, {"use": "secondary", "system": SERVICENOW_SYSTEM, "value": "c"}]),
        ),
    ];
    for (before, after) in cases {
        let document = patient(of!({"id": "p-1", "identifier": before}));
        let body = patient_lens().body(&json(&document), &[], Some("c")).expect("writable");
        let written: Serde = serde_json::from_str(&body.to_string()).expect("JSON");
        assert_eq!(written["identifier"], after);
        assert_eq!(patient_lens().get(&body).expect("readable").other_key.as_deref(), Some("c"));
    }
    // A chip is taken away whole, and the list with it where it was the only one.
    let chip = of_system(CHIP_SYSTEM, "985112003456789");
    let emptied_of = |identifiers: Serde| emptied(&patient(of!({"identifier": identifiers})), "microchip_id");
    assert_eq!(emptied_of(of!([other, chip])), patient(of!({"identifier": [other]})));
    assert_eq!(emptied_of(of!([chip])), patient(of!({})));
    // A new one says what it is.
    assert_eq!(
        write(&patient(of!({})), "microchip_id", "985112003456789")["identifier"],
        of!([{"use": "official", "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MCN",
            "display": "Microchip Number"}]}, "system": CHIP_SYSTEM, "value": "985112003456789"}])
    );
}

#[test]
fn a_patient_is_inactive_or_dead_where_it_says_so() {
    // (members, active, deceased)
    let cases = [
        (of!({}), true, false),
        (of!({"active": true, "deceasedBoolean": false}), true, false),
        (of!({"active": false}), false, false),
        (of!({"deceasedBoolean": true}), true, true),
        (of!({"deceasedDateTime": "2024-02"}), true, true),
        (of!({"deceasedDateTime": ""}), true, false),
    ];
    for (members, active, deceased) in cases {
        let document = json(&patient(members));
        let record = patient_lens().get(&document).expect("readable");
        assert_eq!((record.active, record.deceased), (active, deceased), "{document}");
    }
}

/// A patient without an id is known in its Bundle by the key it has here, any other entry by its kind and id or place.
#[test]
fn every_entry_of_a_body_has_an_address_of_its_own() {
    let addresses = |document: &Serde, key: Option<&str>| {
        let body = patient_lens().body(&json(document), &[], key).expect("writable");
        let entries = body.get("entry").map(Json::items).unwrap_or_default();
        let addresses =
            entries.iter().map(|entry| entry.get("fullUrl").and_then(Json::as_str).unwrap_or_default());
        addresses.map(str::to_owned).collect::<Vec<_>>()
    };
    let patient = |id: Option<&str>| match id {
        Some(id) => of!({"resource": {"resourceType": "Patient", "id": id}}),
        None => of!({"resource": {"resourceType": "Patient"}}),
    };
    let allergy = of!({"resource": {"resourceType": "AllergyIntolerance", "code": {"text": "Dust"}}});
    let bundle = |entries: Serde| of!({"resourceType": "Bundle", "type": "collection", "entry": entries});
    let new = |key| addresses(&bundle(of!([patient(None)])), Some(key));
    assert!(new("a")[0].starts_with("urn:uuid:"));
    assert_eq!(new("a"), new("a"));
    assert_ne!(new("a"), new("b"));
    // One with an id is known by that, whatever its key.
    let known = |id, key| addresses(&bundle(of!([patient(Some(id))])), Some(key));
    assert_eq!(known("p-1", "a"), known("p-1", "b"));
    assert_ne!(known("p-1", "a"), known("p-2", "a"));
    assert_ne!(known("p-1", "a"), new("a"));
    let three = addresses(&bundle(of!([patient(Some("p-1")), allergy, allergy])), None);
    assert!(
        three[0] != three[1] && three[1] != three[2] && three.iter().all(|url| url.starts_with("urn:uuid:")),
        "{three:?}"
    );
}

/// A bare Patient stays one unless what is written has no place in it.
#[test]
fn a_bare_patient_becomes_a_bundle_for_allergies_alone() {
    let bare = json(&patient(of!({"id": "p-1", "name": [{"text": "Kenzi"}]})));
    let kind = |writes: &[(record::FieldIx, FieldState)]| {
        let body = patient_lens().body(&bare, writes, None).expect("writable");
        body.get("resourceType").and_then(Json::as_str).map(str::to_owned)
    };
    assert_eq!(kind(&[(field("patient_name"), state("patient_name", "Rex"))]).as_deref(), Some("Patient"));
    assert_eq!(kind(&[(field("allergies"), FieldState::Unknown)]).as_deref(), Some("Patient"));
    assert_eq!(kind(&[(field("allergies"), state("allergies", "Dust"))]).as_deref(), Some("Bundle"));
}

#[test]
fn only_wanted_fields_are_read() {
    let document = patient(of!({"id": "p-1", "gender": "male", "birthDate": "2019"})).to_string();
    let row = of!({"sys_id": "a", "u_gender": "M", "u_date_of_birth": "2019"}).to_string();
    let wanted = field("gender");
    let read = [
        patient_lens().get_some_fast(&document, |at| at == wanted).expect("readable"),
        row_lens().get_some_fast(&row, |at| at == wanted).expect("readable"),
    ];
    for record in read {
        assert!(record.field(wanted).value().is_some());
        assert_eq!(*record.field(field("date_of_birth")), FieldState::Unknown);
    }
}
