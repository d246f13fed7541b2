//! Rules that an appointment breaks although both systems agree on it: its patient died, or its clinician has another
//! one at the same time. What both agree on is still wrong, so a person is asked (specification, "Business Rule
//! Validation").
//!
//! These rules depend on the clock and on other appointments, so no judgement of one pair can answer them: days of the
//! calendar are looked through, all of them in a complete run and one of them when an appointment in it moved.

use crate::error::{Result, decode, encode};
use crate::lens;
use crate::links;
use crate::one_sided::Hindrance;
use crate::runs::{Phase, RunState};
use crate::step::{Effects, Engine, Notice, side_state};
use crate::visits::{self, Booked, booked};
use chrono::{Days, NaiveDate};
use reconcile::calendar::{Overlap, overlaps};
use record::validate::Severity;
use record::{Record, RecordKind};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::{
    Change, ConflictCause, ConflictFilter, ConflictRow, ConflictState, PairPage, PairRow, PairStatus,
    Presence,
};

/// After every moment that a calendar can hold.
const LAST_MOMENT: &str = "9999-12-31 23:59:59";
/// Appointments of one day that are looked at.
const DAY_MAX: u32 = 20_000;
/// Pairs read together.
const TOGETHER: usize = 500;
/// Open questions about broken rules that are looked through at once.
const QUESTIONS_MAX: u32 = 10_000;
/// A complete run looks at what began at most so many days ago: older ones are history.
const DAYS_BACK: u64 = 1;

/// What a question about broken rules keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Broken {
    /// Field, problem and way out of each.
    pub why: Vec<Hindrance>,
    /// Pairs of the appointments it runs into.
    pub others: Vec<String>,
}

/// Days of the calendar that have to be looked through, because an appointment in them moved.
#[derive(Debug, Default)]
pub(crate) struct Calendar {
    /// Pairs of appointments that were judged by themselves.
    pub(crate) moved: BTreeSet<String>,
}

/// What somebody found to be right although it breaks a rule: the fingerprint of that question.
fn accepted_key(pair: &str) -> String {
    format!("rules.accepted.{pair}")
}

/// The change that remembers that this question was looked at: it is not asked again until what it is about changes.
pub(crate) fn accepted(row: &ConflictRow) -> Change {
    Change::PutValue { key: accepted_key(&row.pair), value: row.fingerprint.clone() }
}

/// One appointment of a day as its rules see it.
struct Seen {
    pair: PairRow,
    /// As each side that shows it says.
    records: Vec<Record>,
}

impl Seen {
    fn of(page: PairPage) -> Result<Option<Seen>> {
        let mut records = Vec::new();
        for snapshot in [page.servicenow, page.ehr].into_iter().flatten() {
            if snapshot.presence == Presence::Present {
                records.push(side_state(snapshot)?.record);
            }
        }
        Ok((!records.is_empty()).then_some(Seen { pair: page.pair, records }))
    }

    /// Only what both systems have is asked about here: what stands on one side is held to the same rules before it is
    /// created on the other.
    const fn is_whole(&self) -> bool {
        self.pair.servicenow_key.is_some() && self.pair.ehr_key.is_some() && self.records.len() == 2
    }
}

fn day_of(pair: &PairRow) -> Option<NaiveDate> {
    pair.card.born.get(..10)?.parse().ok()
}

fn midnight(day: NaiveDate) -> String {
    format!("{day} 00:00:00")
}

impl Engine {
    /// Appointments are held to the rules of the calendar after they were compared; other kinds have none.
    pub(crate) async fn after_comparing(&mut self, run: &mut RunState, now_ms: i64) -> Result<()> {
        if run.kind != RecordKind::Appointment {
            return self.begin_settling(run, now_ms).await;
        }
        let first = crate::clock::day_of(now_ms).checked_sub_days(Days::new(DAYS_BACK)).unwrap_or_default();
        run.enter(Phase::Checking, 0, now_ms);
        run.after = midnight(first);
        self.leave_history_alone(first, now_ms).await
    }

    /// Looks through the next day that has appointments.
    pub(crate) async fn check_chunk(&mut self, run: &mut RunState, now_ms: i64) -> Result<()> {
        let next = self.store.pairs_between(RecordKind::Appointment, &run.after, LAST_MOMENT, 1).await?.pop();
        let Some(day) = next.as_ref().and_then(day_of) else {
            return self.begin_settling(run, now_ms).await;
        };
        run.done_in_phase += self.check_day(day, now_ms).await?;
        match day.checked_add_days(Days::new(1)) {
            Some(next) => {
                run.after = midnight(next);
                Ok(())
            }
            None => self.begin_settling(run, now_ms).await,
        }
    }

    /// What was moved by itself: its day, and the days of those that ran into it before.
    pub(crate) async fn work_on_calendar(&mut self, now_ms: i64, effects: &mut Effects) {
        let moved = std::mem::take(&mut self.calendar.moved);
        if moved.is_empty() {
            return;
        }
        if let Err(error) = self.check_days_of(&moved, now_ms, effects).await {
            tracing::error!(error = %error.log_words(), "calendar.not_checked");
            self.note_storage(&error, now_ms, effects);
            // The next step tries again; a complete run looks through everything.
            self.calendar.moved.extend(moved);
        }
    }

    async fn check_days_of(
        &mut self,
        moved: &BTreeSet<String>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        let mut days = BTreeSet::new();
        for id in moved {
            days.extend(self.store.pair(id).await?.as_ref().and_then(day_of));
        }
        for asked in self.questions_about_rules().await? {
            let known: Broken = decode("broken", &asked.comparison)?;
            if moved.contains(&asked.pair) || known.others.iter().any(|other| moved.contains(other)) {
                days.extend(self.store.pair(&asked.pair).await?.as_ref().and_then(day_of));
                // It may have left its day: then nobody else looks at it.
                self.settle_if_moved_away(&asked, now_ms).await?;
            }
        }
        for day in days {
            self.check_day(day, now_ms).await?;
            effects.notices.extend(moved.iter().cloned().map(Notice::Pair));
        }
        Ok(())
    }

    /// Snoozed ones too: they are questions all the same.
    async fn questions_about_rules(&self) -> Result<Vec<ConflictRow>> {
        let filter = ConflictFilter {
            states: vec![ConflictState::Open],
            cause: Some(ConflictCause::RuleBroken),
            ..ConflictFilter::default()
        };
        Ok(self.store.conflicts(&filter, i64::MAX, 0, QUESTIONS_MAX).await?.0)
    }

    /// Questions about appointments that began before that day: whatever they were, they are over.
    async fn leave_history_alone(&mut self, first: NaiveDate, now_ms: i64) -> Result<()> {
        for asked in self.questions_about_rules().await? {
            let day = self.store.pair(&asked.pair).await?.as_ref().and_then(day_of);
            if day.is_none_or(|day| day < first) {
                self.close_broken(asked, now_ms).await?;
            }
        }
        Ok(())
    }

    /// An appointment without a time is in no calendar.
    async fn settle_if_moved_away(&mut self, asked: &ConflictRow, now_ms: i64) -> Result<()> {
        let pair = self.store.pair(&asked.pair).await?;
        if pair.as_ref().and_then(day_of).is_none() {
            self.close_broken(asked.clone(), now_ms).await?;
        }
        Ok(())
    }

    async fn close_broken(&mut self, asked: ConflictRow, now_ms: i64) -> Result<()> {
        let pair = asked.pair.clone();
        let closed = ConflictRow {
            state: ConflictState::Closed,
            closed_at_ms: Some(now_ms),
            closed_by: Some("settled itself".to_owned()),
            draft: None,
            ..asked
        };
        self.store.commit(self.with_what_waits(vec![Change::PutConflict(closed)], now_ms).await?).await?;
        // Where the pair stands is judged without that question.
        let pair = self.pair(&pair).await?;
        self.judge_alone(pair, "observed", false, now_ms).await.map(|_| ())
    }

    /// Opens, changes and closes the questions about appointments that begin on one day (UTC). Returns how many of them
    /// there are.
    async fn check_day(&mut self, day: NaiveDate, now_ms: i64) -> Result<u64> {
        let from = midnight(day.checked_sub_days(Days::new(1)).unwrap_or(day));
        let until = day.checked_add_days(Days::new(1)).map_or_else(|| LAST_MOMENT.to_owned(), midnight);
        let seen = self.seen_between(&from, &until).await?;
        let broken = self.broken_on(day, &seen, now_ms).await?;
        let mut count = 0;
        let asked_of: Vec<&str> = seen.iter().map(|seen| seen.pair.id.as_str()).collect();
        let mut open: HashMap<String, ConflictRow> = HashMap::new();
        for ids in asked_of.chunks(TOGETHER) {
            let rows = self.store.open_conflicts_of(ids).await?;
            open.extend(rows.into_iter().map(|row| (row.pair.clone(), row)));
        }
        let (mut changes, mut settled) = (Vec::new(), Vec::new());
        for seen in seen.iter().filter(|seen| day_of(&seen.pair) == Some(day)) {
            count += 1;
            let existing = open.remove(&seen.pair.id);
            match (broken.get(&seen.pair.id), existing) {
                (None, Some(row)) if row.cause == ConflictCause::RuleBroken => settled.push(row),
                // Something else is asked about it, or nothing.
                (None, _) => {}
                (Some(broken), existing) => {
                    changes.extend(self.ask_about_rule(&seen.pair, broken, existing, now_ms).await?);
                }
            }
        }
        if !changes.is_empty() {
            self.store.commit(changes).await?;
        }
        for row in settled.into_iter().filter(|row| row.state == ConflictState::Open) {
            self.close_broken(row, now_ms).await?;
        }
        Ok(count)
    }

    async fn seen_between(&self, from: &str, until: &str) -> Result<Vec<Seen>> {
        let pairs = self.store.pairs_between(RecordKind::Appointment, from, until, DAY_MAX).await?;
        let ids: Vec<&str> = pairs.iter().map(|pair| pair.id.as_str()).collect();
        let mut seen = Vec::with_capacity(pairs.len());
        for ids in ids.chunks(TOGETHER) {
            for page in self.store.pairs_named(ids).await? {
                seen.extend(Seen::of(page)?);
            }
        }
        let mut records: Vec<&mut Record> = seen.iter_mut().flat_map(|seen| &mut seen.records).collect();
        links::resolve(&*self.store, &mut records).await?;
        Ok(seen)
    }

    /// What is broken by appointments that begin on this day, by pair.
    async fn broken_on(
        &self,
        day: NaiveDate,
        seen: &[Seen],
        now_ms: i64,
    ) -> Result<BTreeMap<String, Broken>> {
        let catalogue = self.lenses.catalogue(RecordKind::Appointment);
        let mut found: BTreeMap<String, Broken> = BTreeMap::new();
        for seen in seen.iter().filter(|seen| day_of(&seen.pair) == Some(day) && seen.is_whole()) {
            for record in &seen.records {
                // While its patient is not linked, the pair waits, and says so.
                if links::is_unresolved(record) {
                    continue;
                }
                let findings =
                    visits::findings(&*self.store, &self.lenses, &self.rules, record, now_ms).await?;
                // What cannot be read is compared as such, and asked about there.
                let grave = findings
                    .into_iter()
                    .filter(|finding| finding.severity == Severity::Error && finding.rule != "unreadable");
                for finding in grave {
                    let why = Hindrance::Finding {
                        field: finding.field,
                        problem: finding.problem,
                        way_out: finding.way_out,
                    };
                    let broken = found.entry(seen.pair.id.clone()).or_default();
                    if !broken.why.contains(&why) {
                        broken.why.push(why);
                    }
                }
            }
        }
        let known: Vec<(usize, Booked)> = seen
            .iter()
            .enumerate()
            .filter_map(|(at, seen)| Some((at, booked(catalogue, seen.records.first()?)?)))
            .collect();
        let visits: Vec<_> = known.iter().map(|(at, booked)| booked.visit(*at)).collect();
        for overlap in overlaps(&visits) {
            // One question for two: about the one that begins while the other lasts.
            let (first, second) = (&seen[overlap.first], &seen[overlap.second]);
            if day_of(&second.pair) != Some(day) || !second.is_whole() {
                continue;
            }
            let broken = found.entry(second.pair.id.clone()).or_default();
            let why = Hindrance::Finding {
                field: "assigned_clinician".to_owned(),
                problem: Overlap::<usize>::PROBLEM.to_owned(),
                way_out: Overlap::<usize>::WAY_OUT.to_owned(),
            };
            if !broken.why.contains(&why) {
                broken.why.push(why);
            }
            broken.others.push(first.pair.id.clone());
        }
        Ok(found)
    }

    /// The changes that ask about it, unless it is asked already, something else is, or somebody found it to be right.
    async fn ask_about_rule(
        &self,
        pair: &PairRow,
        broken: &Broken,
        existing: Option<ConflictRow>,
        now_ms: i64,
    ) -> Result<Vec<Change>> {
        if existing
            .as_ref()
            .is_some_and(|row| row.cause != ConflictCause::RuleBroken || row.state != ConflictState::Open)
        {
            return Ok(Vec::new());
        }
        let text = encode("broken", broken)?;
        // Moved to another time, it is another question.
        let fingerprint = lens::sha256_hex(&format!("RuleBroken {} {text}", pair.card.born));
        if self.store.value(&accepted_key(&pair.id)).await?.as_deref() == Some(fingerprint.as_str())
            || existing.as_ref().is_some_and(|row| row.fingerprint == fingerprint)
        {
            return Ok(Vec::new());
        }
        let fields: BTreeSet<&str> = broken.why.iter().map(Hindrance::field).collect();
        let row = ConflictRow {
            id: existing.as_ref().map_or_else(|| self.new_id(now_ms), |row| row.id.clone()),
            pair: pair.id.clone(),
            cause: ConflictCause::RuleBroken,
            grade: 3,
            state: ConflictState::Open,
            comparison: text,
            fields: fields.into_iter().collect::<Vec<_>>().join(","),
            fingerprint,
            title: lens::title(&pair.card),
            owner: pair.card.owner.clone(),
            species: pair.card.species.clone(),
            opened_at_ms: existing.as_ref().map_or(now_ms, |row| row.opened_at_ms),
            claimed_by: existing.and_then(|row| row.claimed_by),
            snoozed_until_ms: None,
            snooze_reason: None,
            draft: None,
            closed_at_ms: None,
            closed_by: None,
        };
        Ok(vec![
            Change::PutConflict(row),
            Change::PutPair(PairRow { status: PairStatus::Differs, ..pair.clone() }),
        ])
    }
}
