//! What follows once both systems agree on a treatment: billed once a line, archived last, whatever happens in between.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "everything here belongs to tests"
)]

mod common;
#[path = "common/treated.rs"]
mod treated;

use common::{Bench, LEE, OLD, chart, lenses, row};
use engine::completion::Billing;
use engine::one_sided::Hindrance;
use engine::step::{Command, Event, Request, Ticket};
use mapping::servicenow::Archive;
use mapping::servicenow::bill::{BillField, BillLens};
use record::fees::{EACH, Fee, FeeSchedule};
use record::{RecordKind, Remote};
use remote::{Fetched, Next, Page, Place, RemoteError, Write, Written};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{ConflictCause, ConflictFilter, ConflictRow, ConflictState, OperationState, PairRow, PairStatus};
use treated::{held, treated};

const KIND: RecordKind = RecordKind::Treatment;
/// Fees of what the treatment holds, but for what a test leaves out.
const FEES: [(&str, &str, &str); 3] =
    [("EAR", "Ear cleaning", "22.50"), ("CYT", "Cytology", "45"), ("APO16", "Apoquel 16 mg", "3.15")];

fn fees(known: &[(&str, &str, &str)]) -> FeeSchedule {
    let fee = |(code, description, price): &(&str, &str, &str)| Fee {
        code: (*code).to_owned(),
        description: (*description).to_owned(),
        price: price.parse().unwrap(),
        currency: "USD".to_owned(),
        unit: EACH.to_owned(),
    };
    FeeSchedule::new(known.iter().map(fee).collect()).unwrap()
}

/// An engine that bills and archives.
async fn bench(known: &[(&str, &str, &str)]) -> Bench {
    let mut lenses = lenses();
    lenses.billing = Some(Arc::new(Billing {
        lens: BillLens {
            key_column: "u_billing_key".to_owned(),
            columns: BillField::ALL.into_iter().map(|field| (field, format!("u_{}", field.name()))).collect(),
        },
        fees: fees(known),
        since: 1_789_000_000,
    }));
    lenses.treatments.row.archive =
        Some(Archive { column: "u_treatment_status".to_owned(), value: "archived".to_owned() });
    Bench::of_lenses(&[KIND], lenses).await
}

/// Both remotes, as far as one treatment goes: what they hold, and what they were asked to write, in order.
#[derive(Clone)]
struct Hospital {
    version: u32,
    treatment: Value,
    /// Treatments of the EHR, by their first identifiers' values, the latest last.
    documents: Vec<(String, Fetched)>,
    bills: BTreeMap<String, Value>,
    wrote: Vec<String>,
    /// What a script of the instance does to a line that was just made.
    on_bill: fn(&mut Value),
    /// What the instance makes of the archived status.
    archives: bool,
    /// The next write of this place is refused.
    refuses: Option<Place>,
}

impl Hospital {
    fn new() -> Hospital {
        Hospital {
            version: 1,
            treatment: serde_json::from_str(&treated(1, |_| {}).raw).unwrap(),
            documents: Vec::new(),
            bills: BTreeMap::new(),
            wrote: Vec::new(),
            on_bill: |_| {},
            archives: true,
            refuses: None,
        }
    }

    fn edit(&mut self, column: &str, text: &str) {
        self.treatment[column] = json!(text);
        self.version += 1;
    }

    fn row(&self) -> Fetched {
        let row = self.treatment.clone();
        treated(self.version, |new| {
            let count = new["sys_mod_count"].clone();
            *new = row;
            new["sys_mod_count"] = count;
        })
    }

    fn bill(&self, key: &str) -> Option<Fetched> {
        let row = self.bills.get(key)?;
        Some(Fetched {
            key: format!("b-{key}"),
            version: "0".to_owned(),
            raw: row.to_string(),
            changed_by: None,
            changed_at_ms: None,
        })
    }

    fn write(&mut self, remote: Remote, write: &Write) -> Result<Written, RemoteError> {
        if self.refuses.take_if(|place| *place == write.place && remote == Remote::ServiceNow).is_some() {
            return Err(RemoteError::Refused { remote, status: 403, what: "ACL Exception".to_owned() });
        }
        let mut sent: Value = serde_json::from_str(&write.body).unwrap();
        let read_back = match (remote, write.place, &write.key) {
            (Remote::Ehr, _, _) => {
                let id = format!("e{}", self.documents.len() + 1);
                let document = held(&write.body, &id, 1, |_| {});
                self.documents.push((write.idempotency_key.clone(), document.clone()));
                self.wrote.push(format!("document {id}"));
                document
            }
            (Remote::ServiceNow, Place::Bill, None) => {
                let key = sent["u_billing_key"].as_str().unwrap().to_owned();
                (self.on_bill)(&mut sent);
                assert!(self.bills.insert(key.clone(), sent).is_none(), "{key} is billed twice");
                self.wrote.push(format!("bill {key}"));
                self.bill(&key).unwrap()
            }
            (Remote::ServiceNow, Place::Record, Some(key)) => {
                assert_eq!(key, "t1");
                let now = self.version.to_string();
                if write.expected_version.as_deref() != Some(now.as_str()) {
                    let key = key.clone();
                    return Err(RemoteError::Moved { remote, key, current_version: Some(now) });
                }
                for (column, value) in sent.as_object().unwrap() {
                    let archived = column == "u_treatment_status";
                    if !archived || self.archives {
                        self.treatment[column] = value.clone();
                    }
                    self.wrote.push(if archived { "archive".to_owned() } else { column.clone() });
                }
                self.version += 1;
                self.row()
            }
            other => panic!("{other:?}"),
        };
        let raw = read_back.raw.clone();
        Ok(Written { key: read_back.key.clone(), status: 201, response_body: raw, read_back, raced: false })
    }

    /// Answers one request.
    fn answer(&mut self, request: Request) -> Event {
        match request {
            Request::ReadPage { run, remote, kind, .. } => {
                let items = match (kind, remote) {
                    (RecordKind::Patient, Remote::ServiceNow) => vec![row("r1", 3, OLD, "p1")],
                    (RecordKind::Patient, Remote::Ehr) => vec![chart("p1", 1, "+14155550100", "r1")],
                    (_, Remote::ServiceNow) => vec![self.row()],
                    (_, Remote::Ehr) => self.documents.iter().map(|(_, document)| document.clone()).collect(),
                };
                let page = Page {
                    items,
                    malformed: Vec::new(),
                    next: Next::ProvenComplete,
                    total_hint: None,
                    clock_ms: None,
                    narrowed: false,
                };
                Event::PageRead { run, remote, result: Ok(page), latency_ms: 5 }
            }
            Request::ReadRecord { errand, remote, key, .. } => {
                let found = match remote {
                    Remote::ServiceNow => Some(self.row()),
                    Remote::Ehr => {
                        self.documents.iter().map(|(_, document)| document.clone()).find(|one| one.key == key)
                    }
                };
                let result = found.ok_or(RemoteError::NotFound { remote, key });
                Event::RecordRead { errand, remote, result, latency_ms: 5 }
            }
            Request::FindByOurKey { operation, key, .. } => {
                let found = self.documents.iter().find(|(known, _)| *known == key);
                Event::Found {
                    operation,
                    result: Ok(found.map(|(_, document)| document.clone())),
                    latency_ms: 5,
                }
            }
            Request::FindBill { operation, remote, key } => {
                assert_eq!(remote, Remote::ServiceNow);
                Event::Found { operation, result: Ok(self.bill(&key)), latency_ms: 5 }
            }
            Request::Write { operation, remote, write } => {
                Event::Wrote { operation, result: self.write(remote, &write), latency_ms: 5 }
            }
            other => panic!("{other:?}"),
        }
    }

    /// Answers until nothing is asked any more.
    async fn serve(&mut self, bench: &mut Bench) {
        while !bench.sent.is_empty() {
            let request = bench.sent.remove(0);
            let event = self.answer(request);
            bench.step(event).await;
        }
    }

    async fn run(&mut self, bench: &mut Bench) {
        bench.start_run().await;
        self.serve(bench).await;
        assert_eq!(bench.last_run().await.state, "done");
    }

    /// What was written, each once, the archive last.
    fn check_done(&self, what: &str) {
        let keys: Vec<&str> = self.bills.keys().map(String::as_str).collect();
        assert_eq!(keys, ["t1-APO16-1", "t1-CYT-1", "t1-EAR-1"], "{what}");
        assert_eq!(self.documents.len(), 1, "{what}: {:?}", self.wrote);
        assert_eq!(self.wrote.last().map(String::as_str), Some("archive"), "{what}: {:?}", self.wrote);
        assert_eq!(self.wrote.iter().filter(|wrote| *wrote == "archive").count(), 1, "{what}");
        assert_eq!(self.treatment["u_treatment_status"], "archived", "{what}");
    }
}

async fn pair(bench: &Bench) -> PairRow {
    bench.store.pair_by_key(Remote::ServiceNow, KIND, "t1").await.unwrap().expect("a pair")
}

async fn questions(bench: &Bench) -> Vec<ConflictRow> {
    let open = ConflictFilter { states: vec![ConflictState::Open], ..ConflictFilter::default() };
    bench.store.conflicts(&open, bench.now_ms, 0, 50).await.unwrap().0
}

async fn observe(hospital: &mut Hospital, bench: &mut Bench) {
    let command = Command::Observe { pair: pair(bench).await.id, write: true, actor: "lee".to_owned() };
    bench.step(Event::Asked { ticket: Ticket(1), command }).await;
    hospital.serve(bench).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_treatment_is_billed_once_a_line_and_archived_last_within_one_run() {
    let (mut hospital, mut bench) = (Hospital::new(), bench(&FEES).await);
    hospital.run(&mut bench).await;
    hospital.check_done("one run");
    assert_eq!(pair(&bench).await.status, PairStatus::Agreed);
    let bill = &hospital.bills["t1-CYT-1"];
    let said = |column: &str| bill[column].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (said("u_price"), said("u_amount"), said("u_currency")),
        ("45".into(), "45.00".into(), "USD".into())
    );
    assert_eq!(
        (said("u_treatment"), said("u_patient"), said("u_quantity")),
        ("t1".into(), "r1".into(), "1".into())
    );
    assert_eq!((said("u_date"), said("u_description")), (treated::AT.into(), "Cytology".into()));
    // However often it is looked at, nothing more is written.
    let wrote = hospital.wrote.len();
    hospital.run(&mut bench).await;
    observe(&mut hospital, &mut bench).await;
    assert_eq!(hospital.wrote.len(), wrote, "{:?}", hospital.wrote);
    assert!(questions(&bench).await.is_empty());
    assert!(bench.operations(&[OperationState::Parked, OperationState::Waiting]).await.is_empty());
}

/// The process ends at each request in turn, with the request not sent and with its answer lost; the next one goes on.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_request_it_is_billed_once_and_archived_last() {
    for carried_out in [false, true] {
        let mut deaths = 0;
        loop {
            let what = format!("request {deaths}, carried out: {carried_out}");
            let (mut hospital, mut bench) = (Hospital::new(), bench(&FEES).await);
            bench.start_run().await;
            let mut died = false;
            for at in 0.. {
                if bench.sent.is_empty() {
                    break;
                }
                let request = bench.sent.remove(0);
                if at == deaths {
                    if carried_out {
                        let _lost = hospital.answer(request);
                    }
                    bench.now_ms += 1_000;
                    bench = bench.restarted().await;
                    died = true;
                    break;
                }
                let event = hospital.answer(request);
                bench.step(event).await;
            }
            // What the earlier process left in the outbox, and a run for the rest.
            hospital.serve(&mut bench).await;
            hospital.run(&mut bench).await;
            hospital.check_done(&what);
            assert_eq!(pair(&bench).await.status, PairStatus::Agreed, "{what}");
            assert!(questions(&bench).await.is_empty(), "{what}");
            if !died {
                break;
            }
            deaths += 1;
        }
        assert!(deaths > 12, "{deaths} requests");
    }
}

/// A program that remembers nothing finds each line that was billed, and bills none again.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_bills_nothing_twice() {
    let mut hospital = Hospital::new();
    hospital.run(&mut bench(&FEES).await).await;
    // Opened again by hand: everything is gone through once more.
    hospital.edit("u_treatment_status", "completed");
    let dearer = [("EAR", "Ear cleaning", "30"), ("CYT", "Cytology", "50"), ("APO16", "Apoquel 16 mg", "4")];
    let mut fresh = bench(&dearer).await;
    hospital.run(&mut fresh).await;
    assert_eq!(hospital.bills.len(), 3);
    assert_eq!(hospital.bills["t1-CYT-1"]["u_price"], "45", "what it cost then stays");
    assert_eq!(hospital.treatment["u_treatment_status"], "archived");
    assert!(questions(&fresh).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_price_is_asked_about_and_nothing_is_billed_or_archived() {
    let (mut hospital, mut bench) = (Hospital::new(), bench(&[FEES[0], FEES[2]]).await);
    for _ in 0..2 {
        hospital.run(&mut bench).await;
        let [question] = &questions(&bench).await[..] else { panic!("one question") };
        assert_eq!((question.cause, question.fields.as_str()), (ConflictCause::CannotCreate, "completion"));
        let why: Vec<Hindrance> = serde_json::from_str(&question.comparison).unwrap();
        let [Hindrance::Finding { field, problem, way_out }] = &why[..] else { panic!("{why:?}") };
        assert_eq!(field, "procedures_performed");
        assert!(problem.contains("Cytology") && problem.contains("no price"), "{problem}");
        assert!(way_out.contains("fee schedule"), "{way_out}");
        assert_eq!(hospital.documents.len(), 1, "the EHR has it");
        assert!(hospital.bills.is_empty(), "a bill is whole or none");
        assert_eq!(hospital.treatment["u_treatment_status"], "completed");
        assert_eq!(pair(&bench).await.status, PairStatus::Differs);
    }
    // Corrected in ServiceNow: a new version, and its bill.
    hospital.edit("u_procedures_performed", "Ear cleaning");
    hospital.run(&mut bench).await;
    assert_eq!(hospital.documents.len(), 2);
    assert_eq!(hospital.bills.len(), 2);
    assert_eq!(hospital.wrote.last().map(String::as_str), Some("archive"));
    assert!(questions(&bench).await.is_empty(), "it settled itself");
}

/// A new version bills what came to it, and nothing again; a line that now says another number is asked about.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_bills_only_what_is_additional() {
    let (mut hospital, mut bench) = (Hospital::new(), bench(&FEES).await);
    hospital.run(&mut bench).await;
    hospital.edit("u_procedures_performed", "Ear cleaning\nCytology\nCytology");
    hospital.run(&mut bench).await;
    let keys: Vec<&str> = hospital.bills.keys().map(String::as_str).collect();
    assert_eq!(keys, ["t1-APO16-1", "t1-CYT-1", "t1-CYT-2", "t1-EAR-1"]);
    assert_eq!(hospital.documents.len(), 2);

    hospital.edit("u_procedures_performed", "Ear cleaning x 3\nCytology\nCytology");
    hospital.run(&mut bench).await;
    assert_eq!(hospital.bills.len(), 4);
    let [question] = &questions(&bench).await[..] else { panic!("one question") };
    assert_eq!(question.cause, ConflictCause::NotStored);
    assert!(question.comparison.contains("u_quantity"), "{}", question.comparison);
    // Runs in between leave it alone.
    hospital.run(&mut bench).await;
    assert_eq!(questions(&bench).await.len(), 1);
    // Corrected there, and sent again: it is found as it should be.
    hospital.bills.get_mut("t1-EAR-1").unwrap()["u_quantity"] = json!("3.00");
    let parked = bench.operation(OperationState::Parked).await;
    let release =
        Command::Release { operation: parked.id, person: "it".to_owned(), reason: "mended".to_owned() };
    bench.ask(release).await.unwrap();
    hospital.serve(&mut bench).await;
    assert!(questions(&bench).await.is_empty());
    assert_eq!((hospital.bills.len(), pair(&bench).await.status), (4, PairStatus::Agreed));
}

/// What the instance makes of a line is compared with what was sent: it is not archived over a wrong bill.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_not_stored_as_sent_is_asked_about() {
    let (mut hospital, mut bench) = (Hospital::new(), bench(&FEES).await);
    hospital.on_bill = |row| row["u_amount"] = json!("0");
    hospital.run(&mut bench).await;
    let [question] = &questions(&bench).await[..] else { panic!("one question") };
    assert_eq!(question.cause, ConflictCause::NotStored);
    assert!(question.comparison.contains("u_amount"), "{}", question.comparison);
    assert_eq!(
        (hospital.bills.len(), hospital.treatment["u_treatment_status"].as_str()),
        (1, Some("completed"))
    );
    hospital.on_bill = |_| {};
    for row in hospital.bills.values_mut() {
        row["u_amount"] = row["u_price"].clone();
    }
    let parked = bench.operation(OperationState::Parked).await;
    let release =
        Command::Release { operation: parked.id, person: "it".to_owned(), reason: "mended".to_owned() };
    bench.ask(release).await.unwrap();
    hospital.serve(&mut bench).await;
    hospital.check_done("mended");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_refused_or_ignored_is_asked_about_and_tried_again_by_a_person() {
    for ignored in [false, true] {
        let (mut hospital, mut bench) = (Hospital::new(), bench(&FEES).await);
        hospital.archives = !ignored;
        bench.start_run().await;
        while let Some(request) = (!bench.sent.is_empty()).then(|| bench.sent.remove(0)) {
            let archives =
                matches!(&request, Request::Write { write, .. } if write.body.contains("u_treatment_status"));
            hospital.refuses = (archives && !ignored).then_some(Place::Record);
            let event = hospital.answer(request);
            bench.step(event).await;
        }
        let [question] = &questions(&bench).await[..] else { panic!("one question, ignored: {ignored}") };
        assert_eq!(question.cause, ConflictCause::NotStored);
        let wrote = hospital.wrote.len();
        hospital.run(&mut bench).await;
        assert_eq!(hospital.wrote.len(), wrote, "it is not tried again by itself");
        hospital.archives = true;
        // Called off, it stays a question; somebody who wants it tried has it planned afresh.
        let parked = bench.operation(OperationState::Parked).await.id;
        let call_off =
            Command::CallOff { operation: parked, person: "it".to_owned(), reason: "later".to_owned() };
        bench.ask(call_off).await.unwrap();
        hospital.serve(&mut bench).await;
        hospital.run(&mut bench).await;
        assert_eq!((hospital.wrote.len(), questions(&bench).await.len()), (wrote, 1));
        observe(&mut hospital, &mut bench).await;
        assert_eq!(hospital.treatment["u_treatment_status"], "archived");
        assert!(questions(&bench).await.is_empty());
    }
}

/// Treatments of before the first day are not billed: they were billed in another way.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_before_the_first_day_is_archived_and_not_billed() {
    let (mut hospital, mut bench) = (Hospital::new(), bench(&[]).await);
    hospital.edit("u_treatment_date", "2026-09-09 08:00:00");
    hospital.run(&mut bench).await;
    assert!(hospital.bills.is_empty());
    assert_eq!(hospital.wrote.last().map(String::as_str), Some("archive"), "{:?}", hospital.wrote);
}

/// What the EHR does not show for this patient is neither billed nor archived.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_the_patients_history_is_asked_about() {
    let (mut hospital, mut bench) = (Hospital::new(), bench(&FEES).await);
    bench.start_run().await;
    while let Some(request) = (!bench.sent.is_empty()).then(|| bench.sent.remove(0)) {
        let event = match (request, &mut hospital) {
            (Request::Write { operation, remote: Remote::Ehr, write }, hospital) => {
                let mut written = hospital.write(Remote::Ehr, &write).unwrap();
                let plain = written.read_back.raw.replace("\"clinicalStatus\"", "\"_clinicalStatus\"");
                written.read_back.raw.clone_from(&plain);
                hospital.documents[0].1.raw = plain;
                Event::Wrote { operation, result: Ok(written), latency_ms: 5 }
            }
            (request, hospital) => hospital.answer(request),
        };
        bench.step(event).await;
    }
    let [question] = &questions(&bench).await[..] else { panic!("one question") };
    assert!(question.comparison.contains("condition 1"), "{}", question.comparison);
    assert!(hospital.bills.is_empty() && hospital.treatment["u_treatment_status"] == "completed");
    assert_eq!(hospital.treatment["u_clinician"], LEE);
}
