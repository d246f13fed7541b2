//! Our own checks of what is sent, rule by rule: what breaks each of them, and what stands just beside and does not.

use crate::support::{ANIMAL, json};
use mapping::fhir::check;
use serde_json::{Value as Serde, json as of};

/// Where something is wrong with a document, in its order.
fn paths(document: &Serde) -> Vec<String> {
    check::findings(&json(document)).into_iter().map(|finding| finding.path).collect()
}

/// (what is said of a resource besides its type, where it is wrong)
type Cases = Vec<(Serde, &'static [&'static str])>;

fn hold(kind: &str, cases: Cases) {
    for (said, expected) in cases {
        let mut document = said.clone();
        document["resourceType"] = of!(kind);
        let expected: Vec<String> = expected.iter().map(|path| format!("{kind}{path}")).collect();
        assert_eq!(paths(&document), expected, "{document}");
        // In a Bundle it is the same, under the address of the entry.
        let bundle = of!({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": document}]});
        let mut within = paths(&bundle);
        for path in &mut within {
            *path = path.replacen("Bundle.entry[0].resource", kind, 1);
        }
        assert_eq!(within, expected, "{bundle}");
    }
}

#[test]
fn nothing_empty_is_sent() {
    // (document, where it is wrong)
    let cases: Cases = vec![
        (of!({"name": null}), &[".name"]),
        (of!({"name": ""}), &[".name"]),
        (of!({"name": " \t"}), &[".name"]),
        (of!({"name": []}), &[".name"]),
        (of!({"name": {}}), &[".name"]),
        (of!({"name": [{"given": ["A", ""]}, {"text": {}}]}), &[".name[0].given[1]", ".name[1].text"]),
        (of!({"name": [{"given": ["A", "B"]}]}), &[]),
        (of!({"active": false, "multipleBirthInteger": 0}), &[]),
        // A hole beside an array of extensions; but not where nothing else stands.
        (of!({"name": [{"given": ["A", null]}]}), &[]),
        (of!({"name": [{"given": [null]}]}), &[".name[0].given[0]"]),
        (of!({"name": [{"given": [null, null]}]}), &[".name[0].given[0]", ".name[0].given[1]"]),
        (of!({"name": [{"given": [null, ""]}]}), &[".name[0].given[1]"]),
    ];
    hold("Basic", cases);
}

#[test]
fn an_extension_has_an_address_and_either_a_value_or_parts() {
    let part = of!({"url": "p", "valueCode": "a"});
    let cases: Cases = vec![
        (of!({"extension": [{"url": "x", "valueCode": "a"}]}), &[]),
        (of!({"extension": [{"url": "x", "extension": [part]}]}), &[]),
        (
            of!({"extension": [{"url": "x", "_valueCode": {"extension": [{"url": "y", "valueCode": "b"}]}}]}),
            &[],
        ),
        (of!({"extension": [{"url": "x", "valueCode": "a", "_valueCode": {"id": "1"}}]}), &[]),
        (of!({"extension": [{"valueCode": "a"}]}), &[".extension[0]"]),
        (of!({"extension": [{"url": "x"}]}), &[".extension[0]"]),
        (of!({"extension": [{"url": "x", "valueCode": "a", "valueString": "b"}]}), &[".extension[0]"]),
        (of!({"extension": [{"url": "x", "valueCode": "a", "extension": [part]}]}), &[".extension[0]"]),
        (
            of!({"extension": [{"url": "x", "_valueCode": {"id": "1"}, "extension": [part]}]}),
            &[".extension[0]"],
        ),
        (of!({"modifierExtension": [{"url": "x"}]}), &[".modifierExtension[0]"]),
        // Anywhere below, and each by itself.
        (
            of!({"name": [{"extension": [{"url": "x", "valueCode": "a"}, {"url": "y"}]}]}),
            &[".name[0].extension[1]"],
        ),
        (of!({"extension": [{"url": "x", "extension": [{"url": "y"}]}]}), &[".extension[0].extension[0]"]),
        // What is called otherwise is no extension.
        (of!({"extended": [{"url": "x"}]}), &[]),
    ];
    hold("Basic", cases);
}

#[test]
fn a_bundle_holds_what_its_type_allows() {
    let resource = of!({"resourceType": "Basic"});
    let entry = |more: Serde| {
        let mut entry = of!({"resource": resource});
        for (key, value) in more.as_object().expect("an object") {
            entry[key] = value.clone();
        }
        entry
    };
    let url = |url: &str| entry(of!({"fullUrl": url}));
    let search = entry(of!({"search": {"mode": "match"}}));
    let request = entry(of!({"request": {"method": "POST"}}));
    let response = entry(of!({"response": {"status": "201"}}));
    // (type, total, entries, where it is wrong)
    let cases: Vec<(&str, bool, Vec<Serde>, &[&str])> = vec![
        ("collection", false, vec![], &[]),
        ("", false, vec![], &["Bundle.type"]),
        // bdl-1
        ("collection", true, vec![], &["Bundle.total"]),
        ("searchset", true, vec![], &[]),
        ("history", true, vec![], &[]),
        // bdl-2
        ("searchset", false, vec![search.clone()], &[]),
        ("history", false, vec![search.clone()], &["Bundle.entry[0]"]),
        ("collection", false, vec![resource_entry(&resource), search], &["Bundle.entry[1]"]),
        // bdl-3, bdl-4
        ("collection", false, vec![request.clone()], &["Bundle.entry[0]"]),
        ("collection", false, vec![response], &["Bundle.entry[0]"]),
        ("transaction", false, vec![request], &[]),
        // bdl-7
        ("collection", false, vec![url("https://e/1"), url("https://e/2")], &[]),
        (
            "collection",
            false,
            vec![url("https://e/1"), url("https://e/2"), url("https://e/1")],
            &["Bundle.entry[2]"],
        ),
        ("searchset", false, vec![url("https://e/1"), url("https://e/1")], &[]),
        // bdl-8
        ("collection", false, vec![url("https://e/1/_history/2")], &["Bundle.entry[0]"]),
        ("collection", false, vec![url("urn:uuid:0a1b")], &[]),
        ("collection", false, vec![url("urn:uuid:0A1b")], &["Bundle.entry[0]"]),
        ("collection", false, vec![url("https://e/A")], &[]),
        // An entry without a resource is nothing's concern, a resource without a type is.
        ("collection", false, vec![of!({"fullUrl": "https://e/1"})], &[]),
        ("collection", false, vec![of!({"resource": {"id": "1"}})], &["Bundle.entry[0].resource"]),
    ];
    for (kind, total, entries, expected) in cases {
        let mut document = of!({"resourceType": "Bundle"});
        if !kind.is_empty() {
            document["type"] = of!(kind);
        }
        if total {
            document["total"] = of!(1);
        }
        if !entries.is_empty() {
            document["entry"] = of!(entries);
        }
        assert_eq!(paths(&document), expected, "{document}");
    }
}

fn resource_entry(resource: &Serde) -> Serde {
    of!({"resource": resource})
}

#[test]
fn a_patient_keeps_the_rules_of_r4() {
    let concept = of!({"text": "Dog"});
    let animal = |parts: Serde| of!({"extension": [{"url": ANIMAL, "extension": parts}]});
    let part = |url: &str| of!({"url": url, "valueCodeableConcept": concept});
    let cases: Cases = vec![
        (of!({"meta": {"tag": [{"code": "SUBSETTED"}]}}), &[".meta"]),
        (of!({"meta": {"tag": [{"code": "ACTIONABLE"}]}}), &[]),
        (of!({"gender": "male"}), &[]),
        (of!({"gender": "female"}), &[]),
        (of!({"gender": "other"}), &[]),
        (of!({"gender": "unknown"}), &[]),
        (of!({"gender": "MN"}), &[".gender"]),
        (of!({"gender": 1}), &[".gender"]),
        (of!({"birthDate": "2019"}), &[]),
        (of!({"birthDate": "2019-06-01"}), &[]),
        (of!({"birthDate": "01/06/2019"}), &[".birthDate"]),
        (of!({"birthDate": 2019}), &[".birthDate"]),
        // pat-1
        (of!({"contact": [{"gender": "male"}]}), &[".contact[0]"]),
        (of!({"contact": [{"name": {"text": "A"}}, {"id": "x"}]}), &[".contact[1]"]),
        (of!({"contact": [{"telecom": [{"system": "phone", "value": "1"}]}]}), &[]),
        (of!({"contact": [{"address": {"city": "A"}}, {"organization": {"display": "B"}}]}), &[]),
        // cpt-2
        (
            of!({"contact": [{"telecom": [{"system": "phone", "value": "1"}, {"value": "1"}]}]}),
            &[".contact[0].telecom[1]"],
        ),
        (of!({"contact": [{"telecom": [{"system": "phone"}, {"use": "home"}]}]}), &[]),
        // patient-animal
        (animal(of!([part("species"), part("breed"), part("genderStatus")])), &[]),
        (animal(of!([part("breed")])), &[".extension(patient-animal).species"]),
        (animal(of!([part("species"), part("breed"), part("breed")])), &[".extension(patient-animal).breed"]),
        (
            animal(of!([part("species"), part("genderStatus"), part("genderStatus")])),
            &[".extension(patient-animal).genderStatus"],
        ),
        (
            animal(of!([part("species"), {"url": "breed", "valueString": "Lab"}])),
            &[".extension(patient-animal).breed"],
        ),
        (
            animal(of!([{"url": "species", "valueCodeableConcept": "Dog"}])),
            &[".extension(patient-animal).species"],
        ),
        (
            animal(of!([{"url": "species", "valueCodeableConcept": {"id": "x"}}])),
            &[".extension(patient-animal).species"],
        ),
        // A part nobody knows is its owner's concern.
        (animal(of!([part("species"), {"url": "other", "valueString": "x"}])), &[]),
        (
            of!({"extension": [{"url": ANIMAL, "extension": [part("species")]}, {"url": ANIMAL, "extension": [part("species")]}]}),
            &[".extension"],
        ),
        (
            of!({"extension": [{"url": ANIMAL, "valueCode": "dog"}]}),
            &[".extension(patient-animal)", ".extension(patient-animal).species"],
        ),
        // Contained allergies are looked at like others.
        (
            of!({"contained": [{"resourceType": "Basic"}, {"resourceType": "AllergyIntolerance", "patient": {"reference": "#"}}]}),
            &[".contained[1]"],
        ),
    ];
    hold("Patient", cases);
}

#[test]
fn an_allergy_has_a_clinical_status_unless_it_was_an_error() {
    let system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";
    let verified = |system: &str, code: &str| of!({"coding": [{"system": system, "code": code}]});
    let clinical = of!({"text": "active"});
    let patient = of!({"reference": "Patient/1"});
    let cases: Cases = vec![
        (of!({"patient": patient, "clinicalStatus": clinical}), &[]),
        (of!({"clinicalStatus": clinical}), &[""]),
        // ait-1
        (of!({"patient": patient}), &[""]),
        (of!({"patient": patient, "verificationStatus": verified(system, "confirmed")}), &[""]),
        (
            of!({"patient": patient, "verificationStatus": verified("http://other.example", "entered-in-error")}),
            &[""],
        ),
        // ait-2
        (of!({"patient": patient, "verificationStatus": verified(system, "entered-in-error")}), &[]),
        (
            of!({"patient": patient, "clinicalStatus": clinical, "verificationStatus": verified(system, "entered-in-error")}),
            &[""],
        ),
        (
            of!({"patient": patient, "clinicalStatus": clinical, "verificationStatus": verified(system, "refuted")}),
            &[],
        ),
    ];
    hold("AllergyIntolerance", cases);
}

#[test]
fn an_appointment_keeps_the_rules_of_r4() {
    let start = "2025-03-10T14:30:00Z";
    let end = "2025-03-10T15:00:00Z";
    let patient = of!([{"actor": {"reference": "Patient/p"}, "status": "accepted"}]);
    let said = |more: Serde| {
        let mut said = of!({"participant": patient});
        for (key, value) in more.as_object().expect("an object") {
            said[key] = value.clone();
        }
        said
    };
    let timed = |status: &str, more: Serde| {
        let mut said = said(more);
        said["status"] = of!(status);
        said["start"] = of!(start);
        said["end"] = of!(end);
        said
    };
    let mut cases: Cases = vec![
        (timed("booked", of!({})), &[]),
        (said(of!({"start": start, "end": end})), &[".status"]),
        (timed("no-show", of!({})), &[".status"]),
        // An instant has an offset and a time.
        (said(of!({"status": "booked", "start": "2025-03-10T14:30:00", "end": end})), &[".start"]),
        (said(of!({"status": "booked", "start": "2025-03-10", "end": end})), &[".start"]),
        (said(of!({"status": "booked", "start": "2025-03-10 14:30:00Z", "end": end})), &[".start"]),
        (said(of!({"status": "booked", "start": start, "end": 15})), &[".end"]),
        // app-2
        (said(of!({"status": "proposed", "start": start})), &[".end"]),
        (said(of!({"status": "proposed", "end": end})), &[".end"]),
        // The end is after the start.
        (said(of!({"status": "booked", "start": start, "end": start})), &[".end"]),
        (said(of!({"status": "booked", "start": end, "end": start})), &[".end"]),
        (said(of!({"status": "booked", "start": start, "end": "2025-03-10T14:30:01Z"})), &[]),
        (timed("booked", of!({"minutesDuration": 1})), &[]),
        (timed("booked", of!({"minutesDuration": 0})), &[".minutesDuration"]),
        (timed("booked", of!({"minutesDuration": -5})), &[".minutesDuration"]),
        (timed("booked", of!({"minutesDuration": 1.5})), &[".minutesDuration"]),
        (timed("booked", of!({"minutesDuration": "30"})), &[".minutesDuration"]),
        // app-1
        (of!({"status": "proposed", "participant": [{"status": "accepted"}]}), &[".participant[0]"]),
        (of!({"status": "proposed", "participant": [{"type": [{"text": "x"}], "status": "accepted"}]}), &[]),
        (
            of!({"status": "proposed", "participant": [{"actor": {"display": "x"}, "status": "tentative"}, {"actor": {"display": "y"}}]}),
            &[".participant[1].status"],
        ),
        (
            of!({"status": "proposed", "participant": [{"actor": {"display": "x"}, "status": "perhaps"}]}),
            &[".participant[0].status"],
        ),
        (of!({"status": "proposed"}), &[".participant"]),
    ];
    // app-3: what has no time yet, or none any more. app-4: what has a reason to be called off.
    let statuses = [
        ("proposed", true, false),
        ("waitlist", true, false),
        ("cancelled", true, true),
        ("noshow", false, true),
        ("pending", false, false),
        ("booked", false, false),
        ("arrived", false, false),
        ("checked-in", false, false),
        ("fulfilled", false, false),
        ("entered-in-error", false, false),
    ];
    for (status, may_lack_time, may_have_reason) in statuses {
        let app_3: &[&str] = if may_lack_time { &[] } else { &[".start"] };
        let app_4: &[&str] = if may_have_reason { &[] } else { &[".cancelationReason"] };
        cases.push((said(of!({"status": status})), app_3));
        cases.push((timed(status, of!({"cancelationReason": {"text": "ill"}})), app_4));
    }
    hold("Appointment", cases);
}

/// These members, with others besides or instead; one that is null is left out.
fn with(base: &Serde, more: &Serde) -> Serde {
    let mut said = base.clone();
    for (key, value) in more.as_object().expect("an object") {
        match value {
            Serde::Null => drop(said.as_object_mut().expect("an object").remove(key)),
            _ => said[key] = value.clone(),
        }
    }
    said
}

#[test]
fn a_visit_and_what_was_found_keep_the_rules_of_r4() {
    let subject = of!({"reference": "Patient/p"});
    let base = of!({"status": "finished", "class": {"code": "AMB"}, "subject": subject});
    let times = |start: &str, end: &str| of!({"period": {"start": start, "end": end}});
    hold(
        "Encounter",
        vec![
            (base.clone(), &[]),
            (with(&base, &of!({"status": "done"})), &[".status"]),
            (with(&base, &of!({"status": null})), &[".status"]),
            (with(&base, &of!({"class": null})), &[".class"]),
            (with(&base, &of!({"class": [{"code": "AMB"}]})), &[".class"]),
            (with(&base, &of!({"class": {"display": "ambulatory"}})), &[".class"]),
            (with(&base, &of!({"subject": null})), &[".subject"]),
            (with(&base, &of!({"note": [{"text": "x"}]})), &[".note"]),
            (with(&base, &times("2025-03-10T14:30:00Z", "2025-03-10T14:29:59Z")), &[".period"]),
            (with(&base, &times("2025-03-10T14:30:00Z", "2025-03-10T14:30:00Z")), &[]),
            (with(&base, &times("2025-03-10T14:30:00Z", "2025-03-10T15:30:00+01:00")), &[]),
            (
                with(&base, &of!({"diagnosis": [{"condition": subject}, {"use": {"text": "x"}}]})),
                &[".diagnosis[1].condition"],
            ),
        ],
    );
    let status = |system: &str, code: &str| of!({"coding": [{"system": format!("http://terminology.hl7.org/CodeSystem/condition-{system}"), "code": code}]});
    let base = of!({"subject": subject});
    let mut cases: Cases = vec![
        (base.clone(), &[]),
        (of!({"code": {"text": "x"}}), &[".subject"]),
        // con-5
        (
            with(
                &base,
                &of!({"verificationStatus": status("ver-status", "entered-in-error"), "clinicalStatus": status("clinical", "active")}),
            ),
            &[".clinicalStatus"],
        ),
        (with(&base, &of!({"verificationStatus": status("ver-status", "entered-in-error")})), &[]),
        (
            with(
                &base,
                &of!({"verificationStatus": status("ver-status", "confirmed"), "clinicalStatus": status("clinical", "active")}),
            ),
            &[],
        ),
        // con-4
        (with(&base, &of!({"abatementString": "gone"})), &[".clinicalStatus"]),
    ];
    for (code, may_end) in [
        ("active", false),
        ("recurrence", false),
        ("inactive", true),
        ("resolved", true),
        ("remission", true),
    ] {
        let wrong: &[&str] = if may_end { &[] } else { &[".clinicalStatus"] };
        let ended = of!({"abatementDateTime": "2025", "clinicalStatus": status("clinical", code)});
        cases.push((with(&base, &ended), wrong));
    }
    hold("Condition", cases);
}

#[test]
fn what_was_done_and_prescribed_keeps_the_rules_of_r4() {
    let subject = of!({"reference": "Patient/p"});
    let base = of!({"status": "completed", "subject": subject});
    hold(
        "Procedure",
        vec![
            (base.clone(), &[]),
            (with(&base, &of!({"status": "not-done"})), &[]),
            (with(&base, &of!({"status": "notdone"})), &[".status"]),
            (with(&base, &of!({"subject": null})), &[".subject"]),
        ],
    );
    let base = of!({"status": "active", "intent": "order", "subject": subject, "medicationReference": {"display": "x"}});
    hold(
        "MedicationRequest",
        vec![
            (base.clone(), &[]),
            (with(&base, &of!({"status": "paused"})), &[".status"]),
            (with(&base, &of!({"intent": "wish"})), &[".intent"]),
            (with(&base, &of!({"subject": null})), &[".subject"]),
            (with(&base, &of!({"medicationReference": null})), &[".medication"]),
            (with(&base, &of!({"medicationCodeableConcept": {"text": "x"}})), &[".medication"]),
            (
                with(&base, &of!({"medicationReference": null, "medicationCodeableConcept": {"text": "x"}})),
                &[],
            ),
        ],
    );
    let base = of!({"target": [subject], "recorded": "2025-03-10T14:30:00Z", "agent": [{"who": subject}]});
    hold(
        "Provenance",
        vec![
            (base.clone(), &[]),
            (with(&base, &of!({"target": null})), &[".target"]),
            (with(&base, &of!({"agent": null})), &[".agent"]),
            (with(&base, &of!({"recorded": null})), &[".recorded"]),
            (with(&base, &of!({"recorded": "2025-03-10"})), &[".recorded"]),
            (with(&base, &of!({"agent": [{"who": subject}, {"role": [{"text": "x"}]}]})), &[".agent[1].who"]),
        ],
    );
}

/// What was wrong before is not held against a write, wherever it stands afterwards; what is new is.
#[test]
fn a_write_answers_for_what_it_made_wrong_alone() {
    let contact = |wrong: bool| if wrong { of!({"gender": "male"}) } else { of!({"name": {"text": "A"}}) };
    let patient = |contacts: &[bool], gender: &str| {
        let contacts: Vec<Serde> = contacts.iter().map(|wrong| contact(*wrong)).collect();
        json(&of!({"resourceType": "Patient", "gender": gender, "contact": contacts}))
    };
    let introduced = |before, after| {
        let found = check::introduced(&before, &after);
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(introduced(patient(&[true], "MN"), patient(&[false, true], "MN")), Vec::<String>::new());
    assert_eq!(
        introduced(patient(&[true], "male"), patient(&[true], "MN")),
        ["Patient.gender: not one of male, female, other, unknown"]
    );
}
