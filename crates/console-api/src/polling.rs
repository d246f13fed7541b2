//! How polling goes, in words.

use crate::dto::PollView;
use engine::polling::{PollState, Watched};
use record::{RecordKind, Remote};

/// `15 s`, `5 min`, `2 h`.
pub(crate) fn span(span_ms: i64) -> String {
    let seconds = span_ms.div_euclid(1_000);
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds.div_euclid(60)),
        _ => format!("{} h", seconds.div_euclid(3_600)),
    }
}

const fn plural(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Patient => "patients",
        RecordKind::Appointment => "appointments",
        RecordKind::Treatment => "treatments",
    }
}

fn outcome(state: &PollState) -> String {
    if state.waits_for_a_run {
        return "begins once everything was compared for the first time".to_owned();
    }
    if let Some(problem) = &state.problem {
        return match state.watched {
            // The way round it is always there.
            Watched::Deletions => {
                format!("{problem}; until then only a complete comparison finds what is gone")
            }
            Watched::Changes(_) => problem.clone(),
        };
    }
    match (state.read_at_ms, state.found) {
        (None, _) => "not asked yet".to_owned(),
        (Some(_), 0) => "nothing new".to_owned(),
        (Some(_), 1) => "1 record is looked at".to_owned(),
        (Some(_), found) => format!("{found} records are looked at"),
    }
}

/// One line for each thing that is asked for.
pub(crate) fn views(polls: &[PollState], remote: Remote) -> Vec<PollView> {
    let of_remote = polls.iter().filter(|state| state.remote == remote);
    of_remote
        .map(|state| {
            let everything = if state.reads_everything {
                "; it cannot be asked for changes alone, so everything is read each time"
            } else {
                ""
            };
            let every = span(state.every_ms);
            let (what, looks) = match state.watched {
                Watched::Changes(kind) => (plural(kind), "changes are looked for"),
                Watched::Deletions => ("deletions", "its list of deleted records is read"),
            };
            PollView {
                what: what.to_owned(),
                pace: format!("{looks} every {every}{everything}"),
                words: outcome(state),
                read_at_ms: state.read_at_ms,
                well: state.problem.is_none(),
            }
        })
        .collect()
}

/// All of a remote in one line: what is wrong first, then what was found, then that there is nothing new.
pub(crate) fn summary(polls: &[PollState], remote: Remote) -> Option<PollView> {
    let changes = |state: &&PollState| state.remote == remote && state.watched != Watched::Deletions;
    let all: Vec<&PollState> = polls.iter().filter(changes).collect();
    let first = all.first()?;
    let found = all.iter().map(|state| state.found).sum();
    let telling = all
        .iter()
        .find(|state| state.problem.is_some())
        .or_else(|| all.iter().find(|state| state.waits_for_a_run))
        .map_or_else(|| PollState { found, ..(*first).clone() }, |state| (*state).clone());
    let slowest_ms = all.iter().map(|state| state.every_ms).max().unwrap_or(first.every_ms);
    Some(PollView {
        what: remote.label().to_owned(),
        pace: format!("changes are looked for every {}", span(slowest_ms)),
        words: outcome(&telling),
        // Of several lists the one that was read longest ago: everything is at least as new as that.
        read_at_ms: all.iter().map(|state| state.read_at_ms).min().flatten(),
        well: telling.problem.is_none(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(watched: Watched) -> PollState {
        PollState {
            remote: Remote::ServiceNow,
            watched,
            every_ms: 15_000,
            read_at_ms: Some(1_000),
            found: 0,
            found_at_ms: None,
            waits_for_a_run: false,
            reads_everything: false,
            problem: None,
        }
    }

    #[test]
    fn a_line_says_how_often_and_with_what_outcome() {
        let patients = state(Watched::Changes(RecordKind::Patient));
        let visits = state(Watched::Changes(RecordKind::Appointment));
        let waits = PollState { waits_for_a_run: true, read_at_ms: None, ..visits.clone() };
        let failed = PollState { problem: Some("it is busy (503)".to_owned()), ..visits.clone() };
        for (what, polls, expected) in [
            ("nothing new", vec![patients.clone(), visits.clone()], Some(("nothing new", Some(1_000), true))),
            (
                "found in both",
                vec![
                    PollState { found: 2, ..patients.clone() },
                    PollState { found: 1, read_at_ms: Some(500), ..visits },
                ],
                Some(("3 records are looked at", Some(500), true)),
            ),
            (
                "the first comparison",
                vec![patients.clone(), waits],
                Some(("begins once everything was compared for the first time", None, true)),
            ),
            ("a failure", vec![patients, failed], Some(("it is busy (503)", Some(1_000), false))),
            ("nothing is polled", Vec::new(), None),
        ] {
            let shown = summary(&polls, Remote::ServiceNow);
            let shown = shown.as_ref().map(|view| (view.words.as_str(), view.read_at_ms, view.well));
            assert_eq!(shown, expected, "{what}");
            assert!(summary(&polls, Remote::Ehr).is_none(), "{what}");
        }
        let refused = PollState { problem: Some("closed".to_owned()), ..state(Watched::Deletions) };
        let slow = PollState {
            reads_everything: true,
            every_ms: 900_000,
            ..state(Watched::Changes(RecordKind::Patient))
        };
        let lines = views(&[refused, slow], Remote::ServiceNow);
        assert_eq!(
            lines
                .iter()
                .map(|view| format!("{}: {}; {}", view.what, view.pace, view.words))
                .collect::<Vec<_>>(),
            [
                "deletions: its list of deleted records is read every 15 s; closed; until then only a complete \
                 comparison finds what is gone",
                "patients: changes are looked for every 15 min; it cannot be asked for changes alone, so everything is \
                 read each time; nothing new",
            ]
        );
        assert_eq!([15_000, 119_000, 120_000, 7_200_000].map(span), ["15 s", "119 s", "2 min", "2 h"]);
    }
}
