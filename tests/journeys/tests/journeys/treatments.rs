//! Treatments on their way from ServiceNow to the EHR.

use console_api::dto::{PatientStatus, RunStatus, StepState, VisitPage, VisitRow, VisitRows};
use journeys::{Desk, World};
use record::Json;
use serde_json::{Value, json};
use simulator::faults::{Fault, PlannedFault};

pub(crate) const TABLE: &str = "u_treatment";
/// Dr Lee, as the simulated ServiceNow and EHR know her.
const LEE: &str = "46d44a5dc0a8010e0000b4bb8f62b0fd";

/// How treatments are sent.
const BOTH_FORMS: [&str; 2] = ["collection", "transaction"];

/// A calm clinic that synchronises appointments and treatments, with one clinician whom both systems know.
pub(crate) async fn clinic(bundle: &str) -> World {
    let world = World::calm(6).await;
    world.settings(|text| {
        format!(
            "{text}\n[servicenow.appointments]\nsynchronise = true\n\n[servicenow.treatments]\nsynchronise = true\n\
             appointment_column = \"u_appointment\"\nbundle = \"{bundle}\"\n\n[[staff]]\nservicenow_user = \"{LEE}\"\n\
             practitioner = \"Practitioner/dr-lee\"\nname = \"Dr Lee\"\n"
        )
    });
    let lee = json!({ "resourceType": "Practitioner", "id": "dr-lee", "name": [{ "text": "Dr Lee" }] });
    let lee = Json::parse(&lee.to_string()).expect("a practitioner");
    world.remotes.control.ehr.put_practitioner("dr-lee", lee, None);
    world
}

/// An hour ago, as ServiceNow writes it: a treatment is neither in the future nor long ago.
fn an_hour_ago(world: &World) -> String {
    let at = record::value::Instant::from_seconds(
        world.remotes.control.ehr.clock.now_ms().div_euclid(1_000) - 3_600,
    );
    at.expect("a time").servicenow()
}

/// Documents a treatment in ServiceNow; what is given here takes the place of the usual values.
pub(crate) fn documented(world: &World, patient: &str, values: &[(&str, &str)]) -> String {
    let at = an_hour_ago(world);
    let mut row = vec![
        ("u_patient", patient),
        ("u_treatment_date", at.as_str()),
        ("u_clinician", LEE),
        ("u_diagnosis", "Otitis externa"),
        ("u_procedures_performed", "1. Ear cleaning\n2. Cytology"),
        ("u_medications_prescribed", "Apoquel 16 mg: 1 tablet by mouth SID for 14 days"),
        ("u_treatment_notes", "Recheck in two weeks."),
        ("u_treatment_status", "completed"),
    ];
    for (column, value) in values {
        row.retain(|(known, _)| known != column);
        row.push((column, value));
    }
    world.remotes.control.servicenow.insert_row(TABLE, &row, "dr.lee").expect("the row is new")
}

pub(crate) fn row(world: &World, key: &str) -> std::collections::BTreeMap<String, String> {
    world.remotes.control.servicenow.row(TABLE, key).expect("the row is there")
}

fn in_ehr(world: &World, id: &str) -> Vec<Value> {
    let resources = world.remotes.control.ehr.treatment(id).expect("the treatment is there");
    resources.iter().map(|resource| serde_json::from_str(&resource.to_string()).expect("JSON")).collect()
}

fn one_of<'r>(resources: &'r [Value], kind: &str) -> &'r Value {
    resources.iter().find(|resource| resource["resourceType"] == kind).expect("a resource of the type")
}

pub(crate) async fn list(desk: &Desk) -> Vec<VisitRow> {
    desk.visits("treatments.list").await
}

pub(crate) async fn show(desk: &Desk, id: &str) -> VisitPage {
    desk.call("treatments.get", json!({ "id": id })).await
}

/// Completed in ServiceNow, a treatment stands in the EHR, once, with the appointment it was given at; one that is not
/// completed waits, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_completed_treatment_stands_in_the_ehr_once() {
    for bundle in BOTH_FORMS {
        let world = clinic(bundle).await;
        let ehr = &world.remotes.control.ehr;
        let animals = world.animals(|_, _| true);
        let (patient, chart) = &animals[0];
        let visit = [
            ("u_patient", patient.as_str()),
            ("u_appointment_date", "2031-10-06 14:30:00"),
            ("u_duration_minutes", "30"),
            ("u_assigned_clinician", LEE),
            ("u_appointment_status", "confirmed"),
        ];
        let visit =
            world.remotes.control.servicenow.insert_row("u_appointment", &visit, "front.desk").expect("new");
        let key = documented(&world, patient, &[("u_appointment", &visit)]);
        let draft = documented(&world, &animals[1].0, &[("u_treatment_status", "in_progress")]);
        let desk = world.open().await;
        desk.compares().await;

        let ids = ehr.treatment_ids();
        assert_eq!(ids.len(), 1, "{bundle}: only the completed one");
        let resources = in_ehr(&world, &ids[0]);
        let kinds: Vec<&str> =
            resources.iter().filter_map(|resource| resource["resourceType"].as_str()).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == "Procedure").count(), 2, "{bundle}: {kinds:?}");
        let encounter = one_of(&resources, "Encounter");
        assert_eq!(encounter["subject"]["reference"], format!("Patient/{chart}"), "{bundle}");
        let booked = ehr.appointment_ids().pop().expect("the appointment is linked before");
        assert_eq!(encounter["appointment"][0]["reference"], format!("Appointment/{booked}"), "{bundle}");
        assert_eq!(one_of(&resources, "Condition")["code"]["text"], "Otitis externa");
        assert_eq!(row(&world, &key)["u_ehr_id"], ids[0]);

        let writes = world.writes();
        desk.compares().await;
        assert_eq!(world.writes(), writes, "{bundle}: nothing is left to write");
        let treatments = list(&desk).await;
        let of = |patient: &str, status| {
            treatments.iter().filter(|row| row.status == status).count() == 1 && !patient.is_empty()
        };
        assert!(of(patient, PatientStatus::Agreed) && of(&draft, PatientStatus::OnlyServiceNow));
        let waiting = treatments.iter().find(|row| row.waits.is_some()).expect("one waits");
        let between = async |from: &str, until: &str| {
            let query = json!({ "status": "agreed", "from": from, "until": until, "clinician": "lee", "offset": 0, "limit": 9 });
            desk.call::<VisitRows>("treatments.list", query).await.total
        };
        let at = treatments[0].begins.as_str();
        assert_eq!((between("2020-01-01", at).await, between(at, "9999-01-01").await), (0, 1), "{bundle}");
        assert!(waiting.waits.as_deref().is_some_and(|waits| waits.contains("not completed")));
        assert!(desk.conflicts().await.is_empty());
        let agreed = treatments.iter().find(|row| row.status == PatientStatus::Agreed).expect("one agrees");
        let page = show(&desk, &agreed.id).await;
        assert_eq!(page.version, Some(1));
        assert!(page.steps.iter().all(|step| step.state == StepState::Done), "{bundle}: {:?}", page.steps);
        assert!(page.when.contains("America/New_York"), "{}", page.when);
        let page = show(&desk, &waiting.id).await;
        assert_eq!(
            (page.steps.len(), page.steps[0].state),
            (6, StepState::Waits),
            "{bundle}: {:?}",
            page.steps
        );
        desk.close().await;
    }
}

/// What fails the compliance check is not written; it says field, problem and way out, and goes once it is mended.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_compliant_says_why() {
    let world = clinic("collection").await;
    let animals = world.animals(|_, _| true);
    let careless =
        documented(&world, &animals[0].0, &[("u_diagnosis", ""), ("u_medications_prescribed", "Apoquel")]);
    let stranger = documented(&world, &animals[1].0, &[("u_clinician", "99999999999999999999999999999999")]);
    // Nobody has this patient.
    documented(&world, "00000000000000000000000000000000", &[]);
    let desk = world.open().await;
    let run = desk.run().await;
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.problem);
    assert!(run.problem.is_some_and(|problem| problem.contains("its patient is not linked")));
    assert!(world.remotes.control.ehr.treatment_ids().is_empty());
    let questions = desk.conflicts().await;
    assert_eq!(questions.len(), 2, "{questions:?}");
    let about = |field: &str| questions.iter().find(|question| question.fields.contains(&field.to_owned()));
    let of_careless = about("diagnosis").expect("the diagnosis is missing");
    assert!(of_careless.fields.contains(&"medications_prescribed".to_owned()), "{of_careless:?}");
    assert!(of_careless.why.contains("is required and is empty"), "{}", of_careless.why);
    assert!(of_careless.why.contains("1 tablet by mouth"), "the way out: {}", of_careless.why);
    assert!(about("clinician").is_some_and(|question| question.why.contains("staff table")), "{stranger}");
    let page = show(&desk, &of_careless.patient_id).await;
    assert_eq!(page.steps[1].state, StepState::Blocked, "{:?}", page.steps);
    assert!(page.steps[1].why.as_deref().is_some_and(|why| why.contains("below")), "{:?}", page.steps);
    assert_eq!(page.findings.len(), 2, "{:?}", page.findings);
    world.remotes.control.servicenow.edit_row(
        TABLE,
        &careless,
        &[("u_diagnosis", "Otitis externa"), ("u_medications_prescribed", "Apoquel 16 mg SID")],
        "dr.lee",
    );
    desk.compares().await;
    assert_eq!(world.remotes.control.ehr.treatment_ids().len(), 1);
    assert_eq!(desk.conflicts().await.len(), 1, "that one settled itself");
    desk.close().await;
}

/// The EHR stored it, and its answer was lost: found by our own key, one treatment in the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_treatment_whose_reply_is_lost_is_written_once() {
    for bundle in BOTH_FORMS {
        let world = clinic(bundle).await;
        let (patient, _) = world.animals(|_, _| true).remove(0);
        let key = documented(&world, &patient, &[]);
        let desk = world.open().await;
        // The token is posted elsewhere; the next POST of a record is the treatment's.
        let path = if bundle == "collection" { "/treatments" } else { "/api/v1" };
        let control = &world.remotes.control;
        control.ehr.faults.add(PlannedFault::once(Fault::DropReply).method("POST").path(path));
        desk.compares().await;
        let id = desk
            .until("ServiceNow to learn the EHR's id", || async {
                row(&world, &key).get("u_ehr_id").filter(|id| !id.is_empty()).cloned()
            })
            .await;
        assert_eq!(control.ehr.treatment_ids(), [id], "{bundle}");
        desk.until("both to agree", || async {
            (list(&desk).await[0].status == PatientStatus::Agreed).then_some(())
        })
        .await;
        let treatment = list(&desk).await.remove(0).id;
        let receipts = desk.receipts(&treatment).await;
        assert!(receipts.iter().any(|receipt| receipt.response.contains("answer was lost")), "{receipts:?}");
        desk.close().await;
    }
}

/// Changed later in ServiceNow, a treatment gets a new version that names the first, which stays as it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_later_change_makes_a_new_version() {
    for bundle in BOTH_FORMS {
        let world = clinic(bundle).await;
        let (patient, _) = world.animals(|_, _| true).remove(0);
        let key = documented(&world, &patient, &[]);
        let desk = world.open().await;
        desk.compares().await;
        let first = row(&world, &key)["u_ehr_id"].clone();
        let as_it_was = in_ehr(&world, &first);
        let changed = [("u_diagnosis", "Otitis externa\nMalassezia dermatitis")];
        world.remotes.control.servicenow.edit_row(TABLE, &key, &changed, "dr.lee");
        desk.compares().await;
        let second = row(&world, &key)["u_ehr_id"].clone();
        assert_ne!(first, second, "{bundle}");
        assert_eq!(world.remotes.control.ehr.treatment_ids().len(), 2, "{bundle}");
        assert_eq!(in_ehr(&world, &first), as_it_was, "{bundle}: the first is not touched");
        let resources = in_ehr(&world, &second);
        assert_eq!(
            one_of(&resources, "Provenance")["entity"][0]["what"]["reference"],
            format!("Encounter/{first}"),
            "{bundle}"
        );
        assert_eq!(
            resources.iter().filter(|resource| resource["resourceType"] == "Condition").count(),
            2,
            "{bundle}"
        );
        let writes = world.writes();
        desk.compares().await;
        assert_eq!(world.writes(), writes, "{bundle}: nothing is left to write");
        let [treatment] = &list(&desk).await[..] else { panic!("one treatment") };
        assert_eq!(treatment.status, PatientStatus::Agreed);
        assert_eq!(show(&desk, &treatment.id).await.version, Some(2), "{bundle}");
        assert!(desk.conflicts().await.is_empty());
        desk.close().await;
    }
}

/// An edit in the EHR is asked about, and no later change passes over it; decided for ServiceNow, it becomes a new version.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_in_the_ehr_is_a_question() {
    let world = clinic("collection").await;
    let (patient, _) = world.animals(|_, _| true).remove(0);
    let key = documented(&world, &patient, &[]);
    let desk = world.open().await;
    desk.compares().await;
    let first = row(&world, &key)["u_ehr_id"].clone();
    let ehr = &world.remotes.control.ehr;
    ehr.edit_treatment(&first, |resources| {
        for resource in resources {
            if resource.get("resourceType").and_then(Json::as_str) == Some("Condition") {
                resource.set("code", Json::object([("text", Json::str("Otitis media"))]));
            }
        }
    });
    let later = [("u_treatment_notes", "Recheck in one week.")];
    world.remotes.control.servicenow.edit_row(TABLE, &key, &later, "dr.lee");
    let writes = world.writes();
    desk.compares().await;
    assert_eq!(world.writes(), writes, "nothing is written over it");
    let [question] = &desk.conflicts().await[..] else { panic!("one question") };
    assert!(question.fields.contains(&"diagnosis".to_owned()), "{question:?}");
    desk.sit("lee").await;
    let view = desk.compare(&question.id).await;
    let choices: Vec<(&str, &str, Option<&str>)> = view
        .fields
        .iter()
        .filter(|field| !field.choices.is_empty())
        .map(|field| (field.field.as_str(), "take_service_now", None))
        .collect();
    let plan = desk.plan(&view, &choices).await;
    assert_eq!(plan.writes.len(), 1);
    assert_eq!(plan.writes[0].method, "POST", "a version is created, never put in place of the other");
    desk.approve(&plan).await;
    desk.until("both to agree", || async {
        (list(&desk).await[0].status == PatientStatus::Agreed).then_some(())
    })
    .await;
    let second = row(&world, &key)["u_ehr_id"].clone();
    assert_eq!(ehr.treatment_ids().len(), 2);
    let resources = in_ehr(&world, &second);
    assert_eq!(one_of(&resources, "Condition")["code"]["text"], "Otitis externa");
    assert!(resources[0].to_string().contains("Recheck in one week."), "{}", resources[0]);
    assert_eq!(one_of(&in_ehr(&world, &first), "Condition")["code"]["text"], "Otitis media", "kept");
    desk.close().await;
}
