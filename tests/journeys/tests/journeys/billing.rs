//! The whole way of a treatment: in the EHR, in the patient's history, billed once a line, archived last.

use super::treatments::{TABLE, clinic, documented, list, row, show};
use console_api::dto::{FindingSeverity, PatientStatus, StepState};
use journeys::{Desk, World};
use simulator::faults::{Fault, PlannedFault};
use std::collections::BTreeMap;

const BILLS: &str = "u_billing_record";
const FEES: &str = "code,description,price,currency,unit\nEAR,Ear cleaning,22.50,USD,\nCYT,\"Cytology\",45,USD,each\n\
                    APO16,Apoquel 16 mg,3.15,USD,tablet\n";
const APOQUEL: (&str, &str) =
    ("u_medications_prescribed", "Apoquel 16 mg: 1 tablet by mouth SID for 14 days, dispense 14");

/// A clinic that bills by these fees and archives.
async fn billing_clinic(fees: &str) -> World {
    let world = clinic("collection").await;
    world.settings(|text| {
        format!(
            "{text}\n[servicenow.treatments.archive]\nvalue = \"archived\"\n\n[servicenow.billing]\ngenerate = true\n\
             fee_schedule = \"fees.csv\"\nsince = \"2020-01-01\"\n"
        )
    });
    std::fs::write(world.folder.path().join("fees.csv"), fees).expect("the fees are written");
    world
}

/// The bill as ServiceNow holds it: amount by code.
fn bill(world: &World) -> BTreeMap<String, String> {
    let rows = world.remotes.control.servicenow.rows(BILLS, "");
    let lines = rows.len();
    let bill: BTreeMap<String, String> =
        rows.into_iter().map(|(_, row)| (row["u_code"].clone(), row["u_amount"].clone())).collect();
    assert_eq!(bill.len(), lines, "each line once");
    bill
}

fn whole() -> BTreeMap<String, String> {
    [("APO16", "44.10"), ("CYT", "45.00"), ("EAR", "22.50")]
        .map(|(code, amount)| (code.to_owned(), amount.to_owned()))
        .into()
}

async fn archived(world: &World, desk: &Desk, key: &str) {
    desk.until("the archive", || async {
        (row(world, key)["u_treatment_status"] == "archived").then_some(())
    })
    .await;
    desk.until("both to agree", || async {
        (list(desk).await[0].status == PatientStatus::Agreed).then_some(())
    })
    .await;
}

/// Writes that ServiceNow has taken to the tables of bills and treatments, in order.
fn taken(world: &World) -> Vec<String> {
    let entries = world.remotes.control.servicenow.journal.entries();
    let taken = entries.into_iter().filter(|entry| entry.method != "GET" && entry.status / 100 == 2);
    taken
        .filter_map(|entry| match (entry.target.contains(BILLS), entry.body.contains("archived")) {
            (true, _) => Some("bill".to_owned()),
            (false, true) => Some("archive".to_owned()),
            (false, false) => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_treatment_is_billed_once_a_line_and_archived_last() {
    let world = billing_clinic(FEES).await;
    let (patient, _) = world.animals(|_, _| true).remove(0);
    // A substance that the patient is recorded as allergic to: what was given is sent, and people are told.
    world.edit_row(&patient, &[("u_allergies", "Apoquel")]);
    let key = documented(&world, &patient, &[APOQUEL]);
    let desk = world.open().await;
    desk.compares().await;
    assert_eq!(bill(&world), whole());
    assert_eq!(row(&world, &key)["u_treatment_status"], "archived");
    assert_eq!(taken(&world), ["bill", "bill", "bill", "archive"]);
    let lines = world.remotes.control.servicenow.rows(BILLS, "");
    assert!(
        lines.iter().all(|(_, line)| line["u_treatment"] == key && line["u_patient"] == patient),
        "{lines:?}"
    );
    let treatment = list(&desk).await.remove(0);
    assert_eq!(treatment.status, PatientStatus::Agreed);
    let page = show(&desk, &treatment.id).await;
    let steps: Vec<(&str, StepState)> =
        page.steps.iter().map(|step| (step.title.as_str(), step.state)).collect();
    let titles = [
        "Completed in ServiceNow",
        "Checked",
        "Patient known in both systems",
        "In the EHR",
        "Both agree",
        "In the patient's medical history",
        "Billed",
        "Archived in ServiceNow",
    ];
    assert_eq!(steps, titles.map(|title| (title, StepState::Done)), "{:?}", page.steps);
    assert_eq!(
        page.steps[5].why.as_deref(),
        Some("The EHR shows 1 diagnosis, 2 procedures, 1 prescription.")
    );
    assert_eq!(page.steps[6].why.as_deref(), Some("3 lines."));
    let [allergy] = &page.findings[..] else { panic!("{:?}", page.findings) };
    assert_eq!(allergy.severity, FindingSeverity::Warning);
    assert!(allergy.sentence.contains("allergic"), "{}", allergy.sentence);
    // Each write has its receipt, and none of them can be undone.
    let receipts = desk.receipts(&treatment.id).await;
    let said = |words: &str| receipts.iter().filter(|receipt| receipt.sentence.contains(words)).count();
    assert_eq!((said("a line of this treatment's bill"), said("as archived")), (3, 1), "{receipts:?}");
    assert!(receipts.iter().all(|receipt| receipt.verified && !receipt.can_undo));

    // Synchronised again and again, by whatever trigger, nothing more is written.
    let writes = world.writes();
    desk.compares().await;
    desk.verify(&treatment.id).await;
    desk.compares().await;
    assert_eq!(world.writes(), writes);
    desk.close().await;

    // Nor by a program that has lost everything it knew: opened by hand, it is gone through once more.
    world.remotes.control.servicenow.edit_row(TABLE, &key, &[("u_treatment_status", "completed")], "dr.lee");
    for name in ["vetsync.db", "vetsync.db-wal", "vetsync.db-shm"] {
        // Some of them may not be there.
        let _gone = std::fs::remove_file(world.folder.path().join("data").join(name));
    }
    let desk = world.open().await;
    desk.compares().await;
    archived(&world, &desk, &key).await;
    assert_eq!(bill(&world), whole());
    desk.close().await;
}

/// Each write is carried out and its answer lost: it is found again, and nothing is made twice.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_lost_at_any_step_bills_nothing_twice_and_archives_last() {
    for (method, path, after) in [
        ("POST", "/treatments", 0),
        ("PATCH", TABLE, 0),
        ("POST", BILLS, 0),
        ("POST", BILLS, 2),
        ("PATCH", TABLE, 1),
    ] {
        let world = billing_clinic(FEES).await;
        let (patient, _) = world.animals(|_, _| true).remove(0);
        let key = documented(&world, &patient, &[APOQUEL]);
        let desk = world.open().await;
        let control = &world.remotes.control;
        let lost = PlannedFault::once(Fault::DropReply).method(method).path(path).after(after);
        if path == "/treatments" {
            control.ehr.faults.add(lost);
        } else {
            control.servicenow.faults.add(lost);
        }
        desk.compares().await;
        archived(&world, &desk, &key).await;
        let what = format!("{method} {path} after {after}");
        assert_eq!(bill(&world), whole(), "{what}");
        assert_eq!(control.ehr.treatment_ids().len(), 1, "{what}");
        assert!(desk.conflicts().await.is_empty(), "{what}");
        desk.close().await;
    }
}

/// What has no price is asked about with the way out; nothing is billed or archived until the fee schedule says it.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_price_waits_for_the_fee_schedule() {
    let world = billing_clinic(&FEES.replace("CYT,\"Cytology\",45,USD,each\n", "")).await;
    let (patient, _) = world.animals(|_, _| true).remove(0);
    let key = documented(&world, &patient, &[APOQUEL]);
    let desk = world.open().await;
    for _ in 0..2 {
        desk.compares().await;
        let [question] = &desk.conflicts().await[..] else { panic!("one question") };
        assert_eq!(question.fields, ["procedures_performed"]);
        for words in ["cannot be billed", "Cytology", "no price", "add it to the fee schedule"] {
            assert!(question.why.to_lowercase().contains(&words.to_lowercase()), "{words}: {}", question.why);
        }
        let page = show(&desk, &question.patient_id).await;
        let states: Vec<StepState> = page.steps[4..].iter().map(|step| step.state).collect();
        assert_eq!(states, [StepState::Done, StepState::Done, StepState::Blocked, StepState::NotYet]);
    }
    assert!(bill(&world).is_empty());
    assert_eq!(row(&world, &key)["u_treatment_status"], "completed");
    desk.close().await;
    std::fs::write(world.folder.path().join("fees.csv"), FEES).expect("the fees are written");
    let desk = world.open().await;
    desk.compares().await;
    archived(&world, &desk, &key).await;
    assert_eq!(bill(&world), whole());
    assert!(desk.conflicts().await.is_empty(), "it settled itself");
    desk.close().await;
}

/// An instance that has no such table says so once, as a question, and the EHR has the treatment all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_may_not_be_written_is_a_question_and_holds_the_archive_back() {
    let world = billing_clinic(FEES).await;
    let (patient, _) = world.animals(|_, _| true).remove(0);
    let key = documented(&world, &patient, &[APOQUEL]);
    let servicenow = &world.remotes.control.servicenow;
    servicenow.restrict(|access| {
        access.read_only_tables.insert(BILLS.to_owned());
    });
    let desk = world.open().await;
    desk.compares().await;
    desk.compares().await;
    assert_eq!(desk.conflicts().await.len(), 1);
    assert_eq!(row(&world, &key)["u_treatment_status"], "completed");
    assert_eq!(world.remotes.control.ehr.treatment_ids().len(), 1);
    let page = show(&desk, &list(&desk).await[0].id).await;
    assert_eq!(page.steps[6].state, StepState::Blocked, "{:?}", page.steps);
    desk.close().await;
}

/// A fee schedule that cannot be read keeps the program from starting, and says where it is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_fee_schedule_says_line_and_column() {
    let world = billing_clinic(&FEES.replace("22.50", "22,50")).await;
    let Err(error) = agent::open(world.options()).await else { panic!("it must not start") };
    let said = error.to_string();
    assert!(said.contains("fees.csv") && said.contains("line 2"), "{said}");
    assert!(!error.way_out().is_empty());
}
