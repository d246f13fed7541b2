//! A pair has one question at a time: what else there is to ask waits for its turn and is not lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::{Bench, NEW, OLD, chart, row, written};
use engine::Policy;
use engine::step::{Command, Event, Reply, Ticket};
use reconcile::plan::{Choice, FieldDecision};
use record::Remote;
use remote::Written;
use store::{ConflictCause, ConflictRow, ConflictState, PairStatus};

const SAME: &str = "+14155550100";
const THIRD: &str = "+14155550177";

/// A pair whose phone both sides changed.
async fn in_conflict() -> Bench {
    let mut bench = Bench::with(Policy::default()).await;
    bench.start_run().await;
    bench.pages(&[row("r1", 3, OLD, "p1")], &[chart("p1", 1, SAME, "r1")]).await;
    bench.start_run().await;
    bench.pages(&[row("r1", 4, NEW, "p1")], &[chart("p1", 2, THIRD, "r1")]).await;
    bench
}

async fn asked(bench: &Bench) -> Option<ConflictRow> {
    let pair = bench.pair(Remote::Ehr, "p1").await.id;
    bench.store.open_conflict_of(&pair).await.unwrap()
}

/// Two complete runs that do not show the row.
async fn row_goes(bench: &mut Bench, shown: remote::Fetched) {
    for _ in 0..2 {
        bench.start_run().await;
        bench.pages(&[], std::slice::from_ref(&shown)).await;
    }
}

/// Nobody can decide fields of a record that is not there: that it is gone is what is asked, and the fields when it is
/// shown again.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn that_a_record_is_gone_takes_the_place_of_its_fields() {
    let mut bench = in_conflict().await;
    let fields = asked(&bench).await.expect("a question");
    assert_eq!(fields.cause, ConflictCause::FieldsDiffer);
    row_goes(&mut bench, chart("p1", 2, THIRD, "r1")).await;
    let gone = asked(&bench).await.expect("a question");
    assert_eq!((gone.cause, gone.state), (ConflictCause::Vanished, ConflictState::Open));
    bench.start_run().await;
    bench.pages(&[row("r1", 4, NEW, "p1")], &[chart("p1", 2, THIRD, "r1")]).await;
    let again = asked(&bench).await.expect("a question");
    assert_eq!((again.cause, again.fields), (ConflictCause::FieldsDiffer, fields.fields));
}

/// The record on the other side goes while a decision is being carried out: when that has ended, it is asked about.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_record_that_goes_while_a_decision_is_carried_out_is_asked_about_afterwards() {
    let mut bench = in_conflict().await;
    let open = asked(&bench).await.expect("a question");
    let field = common::lenses().catalogue().index_of("owner_phone").unwrap();
    let command = Command::MakePlan {
        conflict: open.id,
        fingerprint: open.fingerprint,
        decisions: vec![FieldDecision { field, choice: Choice::TakeServiceNow }],
        maker: "dana".to_owned(),
        reason: None,
    };
    let Ok(Reply::Plan(plan)) = bench.ask(command).await else { panic!("a plan") };
    let approve = Command::Approve {
        plan: plan.id.clone(),
        hash: plan.hash.clone(),
        person: "dana".to_owned(),
        reason: Some("asked the owner".to_owned()),
    };
    bench.step(Event::Asked { ticket: Ticket(0), command: approve }).await;
    bench.reads(&[row("r1", 4, NEW, "p1"), chart("p1", 2, THIRD, "r1")]).await;
    let (operation, remote, _) = bench.write();
    assert_eq!(remote, Remote::Ehr);
    row_goes(&mut bench, chart("p1", 2, THIRD, "r1")).await;
    assert_eq!(asked(&bench).await.map(|row| row.state), Some(ConflictState::Executing));
    let done = Written { key: "p1".to_owned(), read_back: chart("p1", 3, NEW, "r1"), ..written() };
    bench.answer(&operation, Ok(done)).await;
    let gone = asked(&bench).await.expect("a question");
    assert_eq!((gone.cause, gone.state), (ConflictCause::Vanished, ConflictState::Open));
    assert_eq!(bench.pair(Remote::Ehr, "p1").await.status, PairStatus::Differs);
}
