//! Whatever happens in whatever order: one operation of a lane at a time, in the order they were enqueued.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what the tests share stands outside of #[test]")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use record::Remote;
use store::{
    Change, OperationFilter, OperationState, Store, StoreError,
    conformance::rows::{T0, operation, plan},
    sqlite::{SecretKey, SqliteStore},
};

/// One thing that happens. Numbers choose among what is there.
#[derive(Debug, Clone)]
enum Event {
    Enqueue {
        lane: u8,
    },
    Claim {
        limit: u32,
    },
    /// `late`: how many claims ago the finisher was handed the operation.
    Finish {
        which: usize,
        state: OperationState,
        after_ms: i64,
        late: u32,
    },
    Release {
        which: usize,
    },
    Cancel {
        which: usize,
    },
    Rescue,
    Wait {
        ms: i64,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let end = prop::sample::select(vec![
        OperationState::Done,
        OperationState::Done,
        OperationState::Retrying,
        OperationState::Parked,
        OperationState::Waiting,
    ]);
    prop_oneof![
        4 => (0_u8..4).prop_map(|lane| Event::Enqueue { lane }),
        4 => (1_u32..4).prop_map(|limit| Event::Claim { limit }),
        4 => (any::<usize>(), end, 0_i64..50, prop::sample::select(vec![0_u32, 0, 0, 1]))
            .prop_map(|(which, state, after_ms, late)| Event::Finish { which, state, after_ms, late }),
        1 => any::<usize>().prop_map(|which| Event::Release { which }),
        1 => any::<usize>().prop_map(|which| Event::Cancel { which }),
        1 => Just(Event::Rescue),
        2 => (1_i64..40).prop_map(|ms| Event::Wait { ms }),
    ]
}

/// What the store should hold: lane, state, due time and latest claim by number of operation.
type Model = BTreeMap<usize, (String, OperationState, i64, u32)>;

fn id(number: usize) -> String {
    format!("o{number:03}")
}

fn unfinished(state: OperationState) -> bool {
    !matches!(state, OperationState::Done | OperationState::Cancelled)
}

/// Heads of lanes that may run now.
fn runnable(model: &Model, now_ms: i64) -> BTreeSet<usize> {
    let mut lanes = BTreeSet::new();
    let mut heads = BTreeSet::new();
    for (number, (lane, state, due_ms, _)) in model {
        if unfinished(*state) && lanes.insert(lane.clone()) {
            let waits = matches!(state, OperationState::Waiting | OperationState::Retrying);
            if waits && *due_ms <= now_ms {
                heads.insert(*number);
            }
        }
    }
    heads
}

async fn play(store: &SqliteStore, events: Vec<Event>) {
    store.commit(vec![Change::PutPlan(plan("pl", "p"))]).await.unwrap();
    let mut model = Model::new();
    let mut now_ms = T0;
    for event in events {
        match event {
            Event::Wait { ms } => now_ms += ms,
            Event::Enqueue { lane } => {
                let number = model.len();
                let lane = format!("lane{lane}");
                let mut row = operation(&id(number), &lane, "pl");
                row.due_at_ms = now_ms;
                store.commit(vec![Change::Enqueue(row)]).await.unwrap();
                model.insert(number, (lane, OperationState::Waiting, now_ms, 0));
            }
            Event::Claim { limit } => {
                let may = runnable(&model, now_ms);
                let claimed = store.claim_operations(now_ms, limit, &Remote::BOTH).await.unwrap();
                assert_eq!(claimed.len(), may.len().min(limit as usize));
                for row in claimed {
                    let number: usize = row.id[1..].parse().unwrap();
                    assert!(may.contains(&number), "{} is not the head of an idle lane", row.id);
                    let entry = model.get_mut(&number).unwrap();
                    entry.1 = OperationState::Running;
                    entry.3 += 1;
                    assert_eq!(row.claims, entry.3, "every claim has its number");
                }
            }
            Event::Finish { which, state, after_ms, late } if !model.is_empty() => {
                let number = which % model.len();
                let claim = model[&number].3.saturating_sub(late);
                let due_at_ms = now_ms + after_ms;
                let finish = Change::FinishOperation {
                    id: id(number),
                    claim,
                    state,
                    due_at_ms,
                    errors: "[]".into(),
                    key: None,
                    cause: None,
                    costs_a_try: true,
                    at_ms: now_ms,
                };
                let result = store.commit(vec![finish]).await;
                let entry = model.get_mut(&number).unwrap();
                if entry.1 == OperationState::Running && claim == entry.3 {
                    result.unwrap();
                    (entry.1, entry.2) = (state, due_at_ms);
                } else {
                    assert!(matches!(result, Err(StoreError::Moved { .. })), "{result:?}");
                }
            }
            Event::Cancel { which } if !model.is_empty() => {
                let number = which % model.len();
                let result =
                    store.commit(vec![Change::CancelOperation { id: id(number), at_ms: now_ms }]).await;
                let entry = model.get_mut(&number).unwrap();
                assert_eq!(result.is_ok(), unfinished(entry.1), "{result:?}");
                if unfinished(entry.1) {
                    entry.1 = OperationState::Cancelled;
                }
            }
            Event::Rescue => {
                store.commit(vec![Change::RescueRunning]).await.unwrap();
                for entry in model.values_mut().filter(|entry| entry.1 == OperationState::Running) {
                    entry.1 = OperationState::Waiting;
                }
            }
            Event::Release { which } if !model.is_empty() => {
                let number = which % model.len();
                let result =
                    store.commit(vec![Change::ReleaseOperation { id: id(number), at_ms: now_ms }]).await;
                let entry = model.get_mut(&number).unwrap();
                match entry.1 {
                    OperationState::Waiting | OperationState::Retrying => entry.2 = now_ms,
                    OperationState::Parked => (entry.1, entry.2) = (OperationState::Waiting, now_ms),
                    OperationState::Running | OperationState::Done | OperationState::Cancelled => {
                        assert!(matches!(result, Err(StoreError::Moved { .. })), "{result:?}");
                        continue;
                    }
                }
                result.unwrap();
            }
            Event::Finish { .. } | Event::Cancel { .. } | Event::Release { .. } => {}
        }
    }
    let rows = store.operations(&OperationFilter::default(), 0, 10_000).await.unwrap();
    let found: Vec<_> = rows.into_iter().map(|row| (row.lane, row.state)).collect();
    assert_eq!(found, model.values().map(|(lane, state, _, _)| (lane.clone(), *state)).collect::<Vec<_>>());
    let next = runnable(&model, i64::MAX).into_iter().map(|number| model[&number].2).min();
    assert_eq!(store.next_operation_due_ms(&Remote::BOTH).await.unwrap(), next);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn lanes_keep_their_order_and_run_one_at_a_time(events in prop::collection::vec(event(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("vetsync.db");
            let store = SqliteStore::open(&path, &SecretKey::new(Box::new([7; 32])), T0).await.unwrap();
            play(&store, events).await;
            store.close().await;
        });
    }
}
