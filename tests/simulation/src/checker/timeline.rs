//! What every record said at every moment, and who made it say so.

use super::reading::{Said, Seen, read};
use crate::history::{Happening, History, Raw};
use record::Remote;
use std::collections::{BTreeMap, BTreeSet};

/// A record of one system.
pub type Place = (Remote, String);

/// Who made a record say what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// It stood there in the morning.
    Morning,
    /// A colleague, at the system itself.
    Person,
    /// The product, by this entry of the history.
    Product(usize),
}

/// One state of a record.
#[derive(Debug, Clone)]
pub struct State {
    /// Entry of the history that brought it about.
    pub entry: usize,
    /// Who.
    pub by: By,
    /// What it says; `None` where it was deleted.
    pub seen: Option<Seen>,
}

/// A write of the product that reached a remote.
#[derive(Debug)]
pub struct Written<'a> {
    /// Entry of the history.
    pub entry: usize,
    /// When it arrived, Unix milliseconds.
    pub at_ms: i64,
    /// When it was sent.
    pub sent_ms: i64,
    /// Where.
    pub remote: Remote,
    /// The record.
    pub key: Option<&'a str>,
    /// Method and path.
    pub target: &'a str,
    /// The body.
    pub body: &'a str,
    /// The record before.
    pub before: Option<Seen>,
    /// The record afterwards.
    pub after: Option<Seen>,
    /// Whether anything changed.
    pub changed: bool,
}

/// The whole day, by record.
#[derive(Debug, Default)]
pub struct Timeline<'a> {
    /// Every record's states, in order.
    pub states: BTreeMap<Place, Vec<State>>,
    /// Every write of the product.
    pub writes: Vec<Written<'a>>,
    /// Records that were hidden from the API for a while.
    hidden: BTreeSet<Place>,
    /// When the product read one record by itself: its key and the time, Unix milliseconds.
    read_alone: Vec<(&'a str, i64)>,
    /// Entries at which the product looked: at one record by its key, or, without one, at the first page of all.
    looks: Vec<(Remote, Option<&'a str>, usize)>,
}

impl<'a> Timeline<'a> {
    /// Read from a history.
    pub fn of(history: &'a History) -> Timeline<'a> {
        let mut timeline = Timeline::default();
        for (at, entry) in history.entries.iter().enumerate() {
            match &entry.happening {
                Happening::Begins { remote, key, state } => {
                    timeline.note(*remote, key, at, By::Morning, Some(state));
                }
                Happening::Person { remote, key, after, .. } => {
                    timeline.note(*remote, key, at, By::Person, after.as_ref());
                }
                Happening::Write { remote, sent_ms, target, body, key, before, after, .. } => {
                    let changed = before != after;
                    let written = Written {
                        entry: at,
                        at_ms: entry.at_ms,
                        sent_ms: *sent_ms,
                        remote: *remote,
                        key: key.as_deref(),
                        target,
                        body,
                        before: before.as_ref().map(|raw| read(*remote, raw)),
                        after: after.as_ref().map(|raw| read(*remote, raw)),
                        changed,
                    };
                    timeline.writes.push(written);
                    if let Some(key) = key.as_ref().filter(|_| changed) {
                        timeline.note(*remote, key, at, By::Product(at), after.as_ref());
                    }
                }
                Happening::Hidden { remote, key, hidden: true } => {
                    timeline.hidden.insert((*remote, key.clone()));
                }
                Happening::Read { target, status, .. } => {
                    let path = target.split('?').next().unwrap_or_default();
                    timeline.read_alone.extend(path.rsplit('/').next().map(|key| (key, entry.at_ms)));
                    if *status == 200 {
                        timeline.looks.extend(look(target).map(|(remote, key)| (remote, key, at)));
                    }
                }
                _ => {}
            }
        }
        timeline
    }

    /// Whether one of these records was read by itself in the two minutes before: no answer takes longer.
    pub fn read_alone(&self, keys: &[&str], at_ms: i64) -> bool {
        let recent = |read_ms: i64| (at_ms - 120_000..=at_ms).contains(&read_ms);
        self.read_alone.iter().any(|(key, read_ms)| recent(*read_ms) && keys.contains(key))
    }

    /// Whether a record was deleted or hidden at any time of the day.
    pub fn was_ever_out_of_sight(&self, place: &Place) -> bool {
        let states = self.states.get(place).map(Vec::as_slice).unwrap_or_default();
        self.hidden.contains(place) || states.is_empty() || states.iter().any(|state| state.seen.is_none())
    }

    /// When the product last read a record by its key before an entry.
    pub fn looked_at(&self, place: &Place, entry: usize) -> Option<usize> {
        let by_key = |(remote, key, _): &&(Remote, Option<&str>, usize)| {
            *remote == place.0 && *key == Some(place.1.as_str())
        };
        self.looks.iter().rev().filter(by_key).map(|(_, _, at)| *at).find(|at| *at < entry)
    }

    /// Whether the product read a record, or all records, between two entries.
    fn looked_between(&self, place: &Place, from: usize, until: usize) -> bool {
        self.looks.iter().any(|(remote, key, at)| {
            (from..until).contains(at) && *remote == place.0 && key.is_none_or(|key| key == place.1)
        })
    }

    /// Entries before this one at which a record was written without its version moving.
    pub fn scripted(&self, place: &Place, entry: usize) -> impl Iterator<Item = usize> {
        let states = self.states.get(place).map(Vec::as_slice).unwrap_or_default();
        states.windows(2).filter_map(move |two| {
            let [before, after] = two else { return None };
            let version = |state: &State| state.seen.as_ref().map(|seen| seen.version.clone());
            let unmoved = after.by == By::Person && version(before) == version(after);
            (unmoved && after.entry < entry).then_some(after.entry)
        })
    }

    fn note(&mut self, remote: Remote, key: &str, entry: usize, by: By, raw: Option<&Raw>) {
        let seen = raw.map(|raw| read(remote, raw));
        self.states.entry((remote, key.to_owned())).or_default().push(State { entry, by, seen });
    }

    /// The state of a record right before an entry of the history.
    pub fn before(&self, place: &Place, entry: usize) -> Option<&State> {
        self.states.get(place)?.iter().rev().find(|state| state.entry < entry)
    }

    /// What a record says in the end.
    pub fn last(&self, place: &Place) -> Option<&Seen> {
        self.states.get(place)?.last()?.seen.as_ref()
    }

    /// Every record of a remote that exists right before an entry.
    pub fn standing(&self, remote: Remote, entry: usize) -> impl Iterator<Item = (&Place, &Seen)> {
        self.states
            .keys()
            .filter(move |place| place.0 == remote)
            .filter_map(move |place| Some((place, self.before(place, entry)?.seen.as_ref()?)))
    }

    /// The value both records last held at the same time before an entry, and since which entry the second one held
    /// other values: what they agreed on, and what the second one has said since. With `only_seen`, what people made
    /// them agree on and took back between two of the product's readings does not count: nobody can know of it.
    pub fn agreement(
        &self,
        one: &Place,
        other: &Place,
        field: Said,
        entry: usize,
        only_seen: bool,
    ) -> (Option<String>, Vec<String>) {
        let empty = Vec::new();
        let ours = self.states.get(one).unwrap_or(&empty);
        let theirs = self.states.get(other).unwrap_or(&empty);
        let mut moments: Vec<usize> =
            ours.iter().chain(theirs).map(|state| state.entry).filter(|at| *at < entry).collect();
        moments.sort_unstable();
        moments.dedup();
        let at = |states: &[State], moment: usize| -> Option<String> {
            let state = states.iter().rev().find(|state| state.entry <= moment)?;
            Some(state.seen.as_ref()?.field(field))
        };
        // Where people alone brought an agreement about, it is known if both were read while it stood.
        let seen = |moment: usize| {
            let by_people = |state: &State| state.entry == moment && state.by == By::Person;
            if !ours.iter().chain(theirs).any(by_people) {
                return true;
            }
            let said = at(ours, moment);
            let stands = |later: usize| at(ours, later) == said && at(theirs, later) == said;
            let until = moments.iter().copied().find(|later| *later > moment && !stands(*later));
            let until = until.unwrap_or(entry);
            [one, other].into_iter().all(|place| self.looked_between(place, moment, until))
        };
        let mut agreed = None;
        let mut since = Vec::new();
        for moment in moments.iter().copied() {
            let (mine, other) = (at(ours, moment), at(theirs, moment));
            if mine.is_some() && mine == other && (!only_seen || seen(moment)) {
                agreed.clone_from(&mine);
                since.clear();
            }
            since.extend(other);
        }
        (agreed, since)
    }

    /// Whether the value of a record was the product's, brought from the partner, who says something newer now: nothing
    /// that a person wrote here is lost.
    pub fn came_over(&self, place: &Place, partner: &Place, field: Said, entry: usize, newer: &str) -> bool {
        let (Some(ours), Some(theirs)) = (self.states.get(place), self.states.get(partner)) else {
            return false;
        };
        let said = |state: &State| state.seen.as_ref().map(|seen| seen.field(field));
        let mut written: Option<(By, Option<String>)> = None;
        for state in ours.iter().filter(|state| state.entry < entry) {
            let now = said(state);
            if written.as_ref().is_none_or(|(_, known)| *known != now) {
                written = Some((state.by, now));
            }
        }
        let Some((By::Product(_), Some(value))) = written else { return false };
        let from_there = theirs.iter().find(|state| said(state).as_ref() == Some(&value));
        from_there.is_some_and(|first| {
            theirs
                .iter()
                .filter(|state| state.entry > first.entry && state.entry < entry)
                .any(|state| said(state).as_deref() == Some(newer))
        })
    }

    /// The last stretch before an entry in which both records said the same and something: its first entry, and the one
    /// that ended it.
    pub fn agreed_stretch(
        &self,
        one: &Place,
        other: &Place,
        field: Said,
        entry: usize,
    ) -> Option<(usize, usize)> {
        let (ours, theirs) = (self.states.get(one)?, self.states.get(other)?);
        let mut moments: Vec<usize> =
            ours.iter().chain(theirs).map(|state| state.entry).filter(|at| *at < entry).collect();
        moments.sort_unstable();
        moments.dedup();
        let at = |states: &[State], moment: usize| -> Option<String> {
            let state = states.iter().rev().find(|state| state.entry <= moment)?;
            Some(state.seen.as_ref()?.field(field))
        };
        let mut last = None;
        let mut begun: Option<(usize, String)> = None;
        for moment in moments {
            let (mine, other) = (at(ours, moment), at(theirs, moment));
            let agreed = mine.filter(|mine| !mine.is_empty() && Some(mine) == other.as_ref());
            match (&begun, agreed) {
                (Some((_, known)), Some(now)) if *known == now => {}
                (before, now) => {
                    if let Some((from, _)) = before {
                        last = Some((*from, moment));
                    }
                    begun = now.map(|now| (moment, now));
                }
            }
        }
        last
    }

    /// Whether a record was blank itself at an entry or after it, and a person gave it this value then, before another.
    pub fn filled_anew(&self, place: &Place, field: Said, value: &str, since: usize, entry: usize) -> bool {
        let states = self.states.get(place).map(Vec::as_slice).unwrap_or_default();
        let within = states.iter().filter(|state| state.entry < entry);
        let mut blank = false;
        for state in within {
            let Some(seen) = &state.seen else { continue };
            let now = seen.field(field);
            if state.entry <= since {
                blank = now.is_empty();
                continue;
            }
            if blank && now == value && state.by == By::Person {
                return true;
            }
            blank |= now.is_empty();
        }
        false
    }

    /// The entries during which a person had emptied this field, if nobody filled it since: where the value still stood
    /// for the last time, and where it was gone.
    pub fn emptied_by_a_person(&self, place: &Place, field: Said, entry: usize) -> Option<(usize, usize)> {
        let states = self.states.get(place)?;
        let mut emptied = None;
        let mut was = (0, String::new());
        for state in states.iter().filter(|state| state.entry < entry) {
            let now = state.seen.as_ref().map(|seen| seen.field(field)).unwrap_or_default();
            if !now.is_empty() {
                emptied = None;
            } else if !was.1.is_empty() {
                emptied = (state.by == By::Person).then_some((was.0, state.entry));
            }
            if was.1 != now {
                was = (state.entry, now);
            }
        }
        emptied
    }
}

/// What a reading looked at: one record, or the first page of all.
fn look(target: &str) -> Option<(Remote, Option<&str>)> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (remote, rest) = match path.split_once("/table/u_patient_record") {
        Some((_, rest)) => (Remote::ServiceNow, rest),
        None => (Remote::Ehr, path.split_once("/patients")?.1),
    };
    match rest.strip_prefix('/') {
        Some(key) => Some((remote, Some(key))),
        None => (query.starts_with("sysparm_query=ORDERBYsys_id&") || query.starts_with("_count="))
            .then_some((remote, None)),
    }
}
