//! Judges a day by what both remotes saw and by the product's own books, with eyes and rules of its own.
//!
//! Nothing here knows how the product decides. What is demanded stands in the specification and the design: no lost
//! update, no silent overwrite, no record twice, no write that no plan holds, no allergy dropped, order within a
//! patient, and in the end both sides equal or a question open.

mod end;
pub mod reading;
pub mod timeline;

use crate::books::Books;
use crate::day::Outcomes;
use crate::history::{Happening, clock_text, side};
use reading::{Said, Seen, substances};
use record::Remote;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use store::{ConflictCause, OperationRow, PlanRow, PlanState};
use timeline::{By, Place, Timeline, Written};

/// Everything that is wrong with a day; empty if all is well.
pub fn check(day: &Outcomes) -> Vec<String> {
    let timeline = Timeline::of(&day.history);
    let judge = Judge { day, books: &day.books, timeline: &timeline, partners: partners(&day.books) };
    let mut wrong = Vec::new();
    wrong.extend(day.restless.clone().map(|why| format!("never rests: {why}")));
    for write in &timeline.writes {
        judge.write(write, &mut wrong);
    }
    judge.order(&mut wrong);
    judge.late(&mut wrong);
    judge.braked(&mut wrong);
    judge.gone(&mut wrong);
    end::check(&judge, &mut wrong);
    wrong
}

/// The record of the same patient on the other side, as the product's books have it in the end.
fn partners(books: &Books) -> BTreeMap<Place, Place> {
    let mut all = BTreeMap::new();
    for (pair, _, _) in &books.pairs {
        if let (Some(row), Some(chart)) = (&pair.servicenow_key, &pair.ehr_key) {
            let (row, chart) = ((Remote::ServiceNow, row.clone()), (Remote::Ehr, chart.clone()));
            all.insert(row.clone(), chart.clone());
            all.insert(chart, row);
        }
    }
    all
}

struct Judge<'a> {
    day: &'a Outcomes,
    books: &'a Books,
    timeline: &'a Timeline<'a>,
    partners: BTreeMap<Place, Place>,
}

/// Who stands behind a write.
struct Behind<'a> {
    operation: &'a OperationRow,
    plan: &'a PlanRow,
}

impl Behind<'_> {
    /// A person decided it, not a rule.
    fn is_decided(&self) -> bool {
        self.plan.maker != "rule"
    }

    /// Two different persons stand behind it.
    fn by_two(&self, one_is_enough: bool) -> bool {
        self.is_decided()
            && self
                .plan
                .approver
                .as_ref()
                .is_some_and(|approver| one_is_enough || *approver != self.plan.maker)
    }
}

impl<'a> Judge<'a> {
    fn say(write: &Written<'_>, words: &str) -> String {
        let key = write.key.unwrap_or("?");
        format!("{} {} {key}: {words}", clock_text(write.at_ms), side(write.remote))
    }

    /// The operation a write carries out: same remote, same target, same bytes, in the outbox before it was sent.
    fn behind(&self, write: &Written<'_>) -> Option<Behind<'a>> {
        let creates = write.target.starts_with("POST");
        let operation = self
            .books
            .operations
            .iter()
            .filter(|operation| {
                operation.remote == write.remote
                    && operation.body == write.body
                    // A creation that was carried out knows its key by now.
                    && (creates || operation.key.is_some())
            })
            .filter(|operation| creates || operation.key.as_deref() == write.key)
            // Where the product's clock was put wrong, its books tell another time than the history: of operations with
            // the same bytes, the one that relied on what stood there.
            .filter(|operation| self.day.clock_jumped || operation.enqueued_at_ms <= write.sent_ms)
            .max_by_key(|operation| {
                let token = operation.expected_version.as_deref().unwrap_or_default();
                let own = token.split('~').next().unwrap_or_default();
                let relied_on_it = write.before.as_ref().is_some_and(|before| before.version == own);
                if self.day.clock_jumped { (relied_on_it, 0) } else { (true, operation.enqueued_at_ms) }
            })?;
        let plan = self.books.plans.get(&operation.plan)?;
        Some(Behind { operation, plan })
    }

    fn write(&self, write: &Written<'_>, wrong: &mut Vec<String>) {
        let Some(behind) = self.behind(write) else {
            wrong.push(Self::say(write, "written, and no operation holds these bytes"));
            return;
        };
        if !write.changed {
            return;
        }
        self.planned(write, &behind, wrong);
        match (&write.before, &write.after) {
            (None, Some(made)) => self.made(write, &behind, made, wrong),
            (Some(before), Some(after)) => self.changed(write, &behind, before, after, wrong),
            (_, None) => wrong.push(Self::say(write, "a record was deleted by the product")),
        }
    }

    /// What is sent is what an approved plan holds, byte for byte; only a cross-reference follows by itself.
    fn planned(&self, write: &Written<'_>, behind: &Behind<'_>, wrong: &mut Vec<String>) {
        let plan = behind.plan;
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, plan.body.as_bytes());
        if hex::encode(digest) != plan.hash {
            wrong.push(Self::say(write, "the plan behind it is not what was hashed"));
        }
        let body: Value = serde_json::from_str(&plan.body).unwrap_or_default();
        let planned = body["operations"]
            .as_array()
            .is_some_and(|all| all.iter().any(|operation| operation["body"] == write.body));
        if !planned {
            // Everything else says what it said before, or at the version that the write relied on: whether somebody
            // else was written over is looked at below.
            let after = write.after.as_ref().map(Seen::said);
            let before = write.before.as_ref().map(Seen::said);
            let relied_on = behind.operation.expected_version.as_deref().and_then(|token| {
                let own = token.split('~').next()?;
                let states = self.timeline.states.get(&(write.remote, write.key?.to_owned()))?;
                let seen = states.iter().filter_map(|state| state.seen.as_ref());
                seen.filter(|seen| seen.version == own).map(Seen::said).next_back()
            });
            if after.is_none() || (after != before && after != relied_on) {
                wrong.push(Self::say(write, "written, and the plan does not hold these bytes"));
            }
        }
        if plan.state == PlanState::Refused {
            wrong.push(Self::say(write, "written for a plan that was turned down or withdrawn"));
        }
        let is_desk = behind.is_decided() && !plan.maker.starts_with("person:");
        if is_desk && plan.approver.is_none() {
            wrong.push(Self::say(write, "written for a person's plan that nobody approved"));
        }
        if is_desk && plan.grade >= 4 && !behind.by_two(self.day.one_person) {
            wrong.push(Self::say(write, "a plan of grade 4 was carried out without a second person"));
        }
    }

    /// A record was made: the animal must not have stood there already.
    fn made(&self, write: &Written<'_>, behind: &Behind<'_>, made: &Seen, wrong: &mut Vec<String>) {
        let standing: Vec<(&Place, &Seen)> = self.timeline.standing(write.remote, write.entry).collect();
        if standing.iter().any(|(_, seen)| seen.other_key.is_some() && seen.other_key == made.other_key) {
            wrong.push(Self::say(write, "made although a record for the same source stands there"));
        }
        let run_ms = self
            .books
            .runs
            .iter()
            // One that goes on over the brake reads nothing: what it knows is what the run before it had read.
            .filter(|run| run.trigger != "brake" && run.started_at_ms <= behind.plan.made_at_ms)
            .map(|run| run.started_at_ms)
            .max();
        let Some(run_ms) = run_ms.filter(|_| !behind.is_decided() && !self.day.clock_jumped) else { return };
        let chip = made.field(Said::Chip);
        for (place, seen) in standing.iter().filter(|(_, seen)| seen.active && seen.field(Said::Chip) == chip)
        {
            let since = self.timeline.states.get(*place).and_then(|states| {
                let mut since = None;
                for state in states.iter().filter(|state| state.entry < write.entry) {
                    let same = state.seen.as_ref().is_some_and(|seen| seen.field(Said::Chip) == chip);
                    since = if same { since.or(Some(state.entry)) } else { None };
                }
                since
            });
            let since_ms = since.and_then(|at| self.day.history.entries.get(at)).map(|entry| entry.at_ms);
            let free = seen.other_key.is_none();
            if !chip.is_empty() && free && since_ms.is_some_and(|at_ms| at_ms < run_ms) {
                wrong.push(Self::say(
                    write,
                    &format!("made although {} has the same microchip since before the run", place.1),
                ));
            }
        }
    }

    fn changed(
        &self,
        write: &Written<'_>,
        behind: &Behind<'_>,
        before: &Seen,
        after: &Seen,
        wrong: &mut Vec<String>,
    ) {
        let place = (write.remote, write.key.unwrap_or_default().to_owned());
        let two = behind.by_two(self.day.one_person);
        let expected = behind.operation.expected_version.as_deref().unwrap_or_default();
        let own = expected.split('~').next().unwrap_or_default();
        let stale = before.version != own;
        let told = self.told_raced(behind) || self.nothing_left_to_tell(write, behind, own);
        if stale && write.remote == Remote::Ehr && !told {
            wrong.push(Self::say(
                write,
                &format!("written over version {} though decided on {own}", before.version),
            ));
        }
        let lost: Vec<String> = substances(before)
            .difference(&substances(after))
            .filter(|substance| !substance.starts_with("no known") && *substance != "none known")
            .cloned()
            .collect();
        // Without a version to hold on to, an EHR loses what was written in the same moment; the product says so. Of a
        // script that moves no counter in the moment between reading and writing, nobody can know.
        let raced = (told && stale) || self.slipped_in(&place, write);
        let excused = two || raced;
        if !lost.is_empty() && !excused {
            wrong.push(Self::say(write, &format!("allergies {lost:?} dropped without two persons")));
        }
        for field in Said::ALL {
            let (was, is) = (before.field(field), after.field(field));
            if was == is {
                continue;
            }
            if is.is_empty() && !excused {
                wrong.push(Self::say(write, &format!("{field:?} emptied without two persons")));
            }
            if matches!(field, Said::Chip | Said::Species) && !was.is_empty() && !excused {
                wrong.push(Self::say(write, &format!("{field:?} changed without two persons")));
            }
            // What a person decided on is what stood there: the version said so.
            if behind.is_decided()
                && !stale
                && !self.script_wrote_since(&place, behind.plan.made_at_ms, write)
            {
                continue;
            }
            if raced {
                continue;
            }
            if let Some(why) = self.overwrites(&place, field, &was, &is, write.entry) {
                wrong.push(Self::say(write, &format!("{field:?} {was:?} overwritten by {is:?}: {why}")));
            }
        }
    }

    /// Whether a script wrote the record, past its change counter, after this time of the history and before a write.
    fn script_wrote_since(&self, place: &Place, since_ms: i64, write: &Written<'_>) -> bool {
        self.timeline
            .scripted(place, write.entry)
            .any(|entry| self.day.history.entries.get(entry).is_some_and(|entry| entry.at_ms > since_ms))
    }

    /// Whether a script wrote the record after the product had looked at it for the last time before a write.
    fn slipped_in(&self, place: &Place, write: &Written<'_>) -> bool {
        let looked = self.timeline.looked_at(place, write.entry);
        self.timeline.scripted(place, write.entry).any(|entry| looked.is_none_or(|looked| looked < entry))
    }

    /// The product says by itself that somebody else wrote at the same moment: in the receipt, or where the answer was
    /// lost and there is none, by what it asks or will ask.
    fn told_raced(&self, behind: &Behind<'_>) -> bool {
        let asks = self.books.asked_later.contains(&behind.operation.id)
            || self.books.open.iter().chain(&self.books.closed).any(|conflict| {
                conflict.cause == ConflictCause::Overwritten
                    && conflict.comparison.contains(&behind.operation.id)
            });
        asks || self.books.receipts.get(&behind.operation.id).is_some_and(|receipt| {
            let read_back: Value = serde_json::from_str(&receipt.read_back).unwrap_or_default();
            read_back["raced"] == true
        })
    }

    /// A colleague wrote in the instant between the product's reading and its writing, and somebody deleted the record
    /// before it could be read back: there is no receipt that could say so, and nothing left to look at. That the record
    /// is gone is asked about, as [`end::check`] demands.
    fn nothing_left_to_tell(&self, write: &Written<'_>, behind: &Behind<'_>, own: &str) -> bool {
        let place = (write.remote, write.key.unwrap_or_default().to_owned());
        let states = self.timeline.states.get(&place).map(Vec::as_slice).unwrap_or_default();
        let (before, after) = states.split_at(states.partition_point(|state| state.entry < write.entry));
        let next = after.iter().find(|state| state.entry > write.entry);
        let deleted = next.is_some_and(|state| state.by == By::Person && state.seen.is_none());
        let relied_on =
            before.iter().rposition(|state| state.seen.as_ref().is_some_and(|seen| seen.version == own));
        let moved = relied_on.and_then(|at| before.get(at + 1));
        // Whoever had read what the colleague wrote, and wrote all the same, did not check the version.
        let in_that_instant = moved.is_some_and(|moved| {
            let since = self.day.history.entries.get(moved.entry..write.entry).unwrap_or_default();
            !since.iter().any(|entry| match &entry.happening {
                Happening::Read { target, status: 200, .. } => target.contains(place.1.as_str()),
                _ => false,
            })
        });
        deleted && in_that_instant && !self.books.receipts.contains_key(&behind.operation.id)
    }

    /// Why a value must not have been overwritten by a rule; `None` where a rule may.
    fn overwrites(&self, place: &Place, field: Said, was: &str, is: &str, entry: usize) -> Option<String> {
        if field == Said::Allergies {
            // Losing one was looked at already; adding is the safe direction.
            return None;
        }
        if was.is_empty() {
            return self.refilled(place, field, is, entry);
        }
        let lines = |text: &str| text.split(" / ").map(str::to_owned).collect::<Vec<_>>();
        if field == Said::Notes && lines(was).iter().all(|line| lines(is).contains(line)) {
            return None;
        }
        // The vaguer value is refined.
        if matches!(field, Said::Gender | Said::Birth) && is.starts_with(was) {
            return None;
        }
        let Some(partner) = self.partners.get(place) else {
            return Some("the record has no partner".to_owned());
        };
        if self.timeline.came_over(place, partner, field, entry, is) {
            return None;
        }
        let why = |only_seen: bool| {
            let (agreed, since) = self.timeline.agreement(place, partner, field, entry, only_seen);
            match agreed {
                Some(agreed) if agreed == was && since.iter().any(|said| said == is) => None,
                // Lines of both sides were merged; each line was said by one of them.
                Some(_) if field == Said::Notes => {
                    let said: Vec<String> = since.iter().flat_map(|text| lines(text)).collect();
                    let merged =
                        lines(is).iter().all(|line| said.contains(line) || lines(was).contains(line));
                    (!merged).then(|| "the notes are no merge of both".to_owned())
                }
                Some(agreed) => Some(format!("both last agreed on {agreed:?}")),
                None => Some("both never agreed".to_owned()),
            }
        };
        why(false).filter(|_| why(true).is_some())
    }

    /// When a record was linked, as the product's books have it.
    fn linked_ms(&self, place: &Place) -> Option<i64> {
        let (pair, _, _) = self
            .books
            .pairs
            .iter()
            .find(|(pair, _, _)| Books::key(pair, place.0) == Some(place.1.as_str()))?;
        pair.linked_at_ms
    }

    /// A blank was filled. Wrong where a person had emptied it, and the product had seen before that both sides agreed on
    /// a value: a whole run had gone by meanwhile. Without that it knows no more than that one side is blank.
    fn refilled(&self, place: &Place, field: Said, is: &str, entry: usize) -> Option<String> {
        let (_, emptied) = self.timeline.emptied_by_a_person(place, field, entry)?;
        let partner = self.partners.get(place)?;
        // Both were blank then, and what came over is the newer change.
        if self.timeline.filled_anew(partner, field, is, emptied, entry) {
            return None;
        }
        let linked_ms = self.linked_ms(place).filter(|_| !self.day.clock_jumped)?;
        let (from, until) = self.timeline.agreed_stretch(place, partner, field, entry)?;
        // Whoever takes a plan back takes back that both agreed, too.
        let undone = self.timeline.writes.iter().find(|write| write.entry == until);
        if undone.and_then(|write| self.behind(write)).is_some_and(|behind| behind.plan.undoes.is_some()) {
            return None;
        }
        let at_ms = |entry: usize| self.day.history.entries.get(entry).map(|entry| entry.at_ms);
        let (from_ms, until_ms) = (at_ms(from)?, at_ms(until)?);
        let seen = self.books.runs.iter().any(|run| {
            run.state == "done"
                && run.started_at_ms > from_ms.max(linked_ms)
                && run.ended_at_ms.is_some_and(|ended_ms| ended_ms < until_ms)
                && run.problem.is_none()
        });
        seen.then(|| "a person had emptied it".to_owned())
    }

    /// Whoever comes late finishes nothing that another one has taken over.
    fn late(&self, wrong: &mut Vec<String>) {
        for entry in &self.day.history.entries {
            if let Happening::LateFinish { operation, taken: true } = &entry.happening {
                wrong.push(format!(
                    "{} operation {operation} was finished by a process that was dead, and another one had taken it over",
                    clock_text(entry.at_ms),
                ));
            }
        }
    }

    /// Over the brake's limit nothing is written before two persons agreed. A run plans all that it writes at one moment;
    /// what is planned for a patient that was just read by itself belongs to no run.
    fn braked(&self, wrong: &mut Vec<String>) {
        if self.day.clock_jumped {
            // The books and the history do not tell the same time.
            return;
        }
        let mut planned: BTreeMap<i64, BTreeSet<&str>> = BTreeMap::new();
        for plan in self.books.plans.values().filter(|plan| plan.maker == "rule") {
            if !self.timeline.read_alone(&self.keys_of(&plan.pair), plan.made_at_ms) {
                planned.entry(plan.made_at_ms).or_default().insert(&plan.pair);
            }
        }
        let over: Vec<i64> = planned
            .iter()
            .filter(|(_, patients)| patients.len() as u64 > self.day.brake_pairs)
            .map(|(at_ms, _)| *at_ms)
            .collect();
        if over.len() > self.day.went_on {
            let times: Vec<String> = over.into_iter().map(clock_text).collect();
            wrong.push(format!(
                "rules wrote to more than {} patients at {}, and two persons agreed {} times",
                self.day.brake_pairs,
                times.join(", "),
                self.day.went_on,
            ));
        }
    }

    fn keys_of(&self, pair: &str) -> Vec<&str> {
        let found = self.books.pairs.iter().find(|(row, _, _)| row.id == pair);
        let keys = found.map(|(row, _, _)| Remote::BOTH.map(|remote| Books::key(row, remote)));
        keys.into_iter().flatten().flatten().collect()
    }

    /// A record is said to be gone only where it was not to be seen for a while at least.
    fn gone(&self, wrong: &mut Vec<String>) {
        for conflict in self.books.open.iter().chain(&self.books.closed) {
            if conflict.cause != ConflictCause::Vanished {
                continue;
            }
            let Ok(remote) = serde_json::from_str::<Remote>(&conflict.comparison) else { continue };
            let pair = self.books.pairs.iter().find(|(row, _, _)| row.id == conflict.pair);
            let Some(key) = pair.and_then(|(row, _, _)| Books::key(row, remote)) else { continue };
            if !self.timeline.was_ever_out_of_sight(&(remote, key.to_owned())) {
                wrong.push(format!("{} {key}: said to be gone, and it stood there all day", side(remote)));
            }
        }
    }

    /// Operations of a patient go one after the other.
    fn order(&self, wrong: &mut Vec<String>) {
        let mut sent: BTreeMap<&str, Vec<(&OperationRow, i64)>> = BTreeMap::new();
        for write in &self.timeline.writes {
            if let Some(behind) = self.behind(write) {
                sent.entry(behind.operation.lane.as_str())
                    .or_default()
                    .push((behind.operation, write.sent_ms));
            }
        }
        for (lane, sent) in sent {
            if self.day.clock_jumped {
                // By the order in which they were sent alone.
                let mut latest = 0;
                for (operation, sent_ms) in sent {
                    if operation.seq < latest {
                        wrong.push(format!(
                            "{} operation {} of patient {lane} was sent after {latest}",
                            clock_text(sent_ms),
                            operation.seq,
                        ));
                    }
                    latest = latest.max(operation.seq);
                }
                continue;
            }
            for earlier in self.books.operations.iter().filter(|operation| operation.lane == lane) {
                for (later, sent_ms) in sent.iter().filter(|(later, _)| later.seq > earlier.seq) {
                    let left = earlier.finished_at_ms;
                    if left.is_none_or(|left_ms| left_ms > *sent_ms) {
                        wrong.push(format!(
                            "{} operation {} of patient {lane} was sent before {} had left the outbox",
                            clock_text(*sent_ms),
                            later.seq,
                            earlier.seq,
                        ));
                    }
                }
            }
        }
    }
}
