//! The people who work in both systems themselves: they edit, create, merge and delete.

use crate::animals::{self, Animal, EDITED, Field, Values};
use crate::checker::reading::{Seen, read};
use crate::draw::Draw;
use crate::history::{Happening, History, Raw};
use crate::remotes::{Remotes, TABLE};
use record::Remote;
use std::collections::BTreeMap;

/// A record of one system.
pub type Place = (Remote, String);

/// The staff of both systems, and what they know: which records are the same animal.
#[derive(Debug)]
pub struct People {
    draw: Draw,
    /// New values.
    pub values: Values,
    animals: BTreeMap<Place, u64>,
    next_animal: u64,
    /// Chance of what only some days know.
    conduct: Draw,
    scripts: u32,
    reverts: u32,
}

/// What a person sees in a record.
fn animal_of(seen: &Seen) -> Animal {
    Animal {
        name: seen.name.clone(),
        species: if seen.species == "cat" { "Cat" } else { "Dog" },
        breed: seen.breed.clone(),
        birth: seen.birth.clone(),
        male: seen.sex == "male",
        neutered: seen.neuter == "neutered",
        chip: seen.chip.clone(),
        owner: seen.owner.clone(),
        phone: {
            let digits: String = seen.phone.chars().filter(char::is_ascii_digit).collect();
            digits.get(digits.len().saturating_sub(10)..).unwrap_or_default().to_owned()
        },
        email: seen.email.clone(),
        allergies: seen.allergies.clone(),
        notes: seen.notes.lines().map(str::to_owned).collect(),
    }
}

struct Work<'a> {
    remotes: &'a Remotes,
    history: &'a mut History,
    now_ms: i64,
}

impl Work<'_> {
    fn raw(&self, place: &Place) -> Option<Raw> {
        self.remotes.raw(place.0, &place.1)
    }

    /// Does something to a record and writes down what it did.
    fn doing(&mut self, place: &Place, what: &str, work: impl FnOnce(&Remotes)) {
        let before = self.raw(place);
        work(self.remotes);
        let after = self.raw(place);
        if before != after {
            self.history.note(
                self.now_ms,
                Happening::Person {
                    remote: place.0,
                    key: place.1.clone(),
                    what: what.to_owned(),
                    before,
                    after,
                },
            );
        }
    }
}

impl People {
    /// The staff of that day.
    pub fn of(seed: u64) -> People {
        People {
            draw: Draw::of(seed, 4),
            values: Values::of(seed),
            animals: BTreeMap::new(),
            next_animal: 0,
            conduct: Draw::of(seed, 36),
            scripts: 0,
            reverts: 0,
        }
    }

    /// Of a hundred changes, how many scripts make, past the change counter, and how many put an earlier value back.
    #[must_use]
    pub fn who(self, scripts: u32, reverts: u32) -> People {
        People { scripts, reverts, ..self }
    }

    /// Whether two records are the same animal.
    pub fn same(&self, one: &Place, other: &Place) -> bool {
        self.animals.get(one).is_some_and(|animal| self.animals.get(other) == Some(animal))
    }

    fn new_animal(&mut self) -> u64 {
        self.next_animal += 1;
        self.next_animal
    }

    /// What stands in both systems in the morning.
    pub fn fill(
        &mut self,
        values: &mut Values,
        animals: i64,
        remotes: &Remotes,
        history: &mut History,
        now_ms: i64,
    ) {
        for _ in 0..animals {
            let animal = values.animal();
            let number = self.new_animal();
            let lot = self.draw.below(100);
            // On both sides: named by both, by one, or known by the chip alone. Else on one side only.
            let (has_row, has_chart) = (!(92..100).contains(&lot), !(84..92).contains(&lot));
            let mut other = animal.clone();
            if has_row && has_chart && self.draw.percent(20) {
                let field = *self.draw.pick(EDITED).unwrap_or(&Field::Phone);
                values.change(&mut other, field);
            }
            let row = has_row.then(|| insert(remotes, &values.row(&animal))).flatten();
            let named = row.as_deref().filter(|_| lot < 65);
            let chart = has_chart.then(|| put(remotes, &mut self.draw, &other, named));
            if let (Some(row), Some(chart)) = (&row, &chart)
                && lot < 75
            {
                remotes.servicenow.edit_row_unseen(TABLE, row, &[("u_ehr_id", chart.as_str())]);
            }
            let places = [(Remote::ServiceNow, row), (Remote::Ehr, chart)];
            for (remote, key) in places.into_iter().filter_map(|(remote, key)| Some((remote, key?))) {
                if let Some(state) = remotes.raw(remote, &key) {
                    history.note(now_ms, Happening::Begins { remote, key: key.clone(), state });
                }
                self.animals.insert((remote, key), number);
            }
        }
    }

    /// The product made a record: it is the animal of the record it names.
    pub fn learn_created(&mut self, remote: Remote, key: &str, state: Option<&Raw>) {
        let source = state.and_then(|raw| read(remote, raw).other_key);
        let number = source
            .and_then(|source| self.animals.get(&(remote.other(), source)).copied())
            .unwrap_or_else(|| self.new_animal());
        self.animals.insert((remote, key.to_owned()), number);
    }

    /// The record of the same animal on the other side.
    fn partner(&self, place: &Place) -> Option<Place> {
        let animal = self.animals.get(place)?;
        self.animals
            .iter()
            .find(|(other, number)| *number == animal && other.0 != place.0)
            .map(|(other, _)| other.clone())
    }

    fn some_record(&mut self, near: Option<Place>, remotes: &Remotes) -> Option<Place> {
        if let Some(near) = near
            && self.draw.percent(75)
            && remotes.raw(near.0, &near.1).is_some()
        {
            return Some(near);
        }
        let remote = if self.draw.percent(50) { Remote::ServiceNow } else { Remote::Ehr };
        let keys = remotes.keys(remote);
        let key = self.draw.pick(&keys)?.clone();
        Some((remote, key))
    }

    /// Somebody does something, near a record if one is given.
    pub fn act(&mut self, near: Option<Place>, remotes: &Remotes, history: &mut History, now_ms: i64) {
        let Some(place) = self.some_record(near, remotes) else { return };
        let mut work = Work { remotes, history, now_ms };
        match self.draw.below(100) {
            0..=54 => self.edit_some_field(&place, &mut work),
            55..=66 => self.edit_both(&place, &mut work),
            67..=74 => self.blank(&place, &mut work),
            75..=81 => self.create(&place, false, &mut work),
            82..=85 => self.create(&place, true, &mut work),
            86..=89 => self.merge(&place, &mut work),
            90..=93 => work.doing(&place, "deleted", |remotes| delete(remotes, &place)),
            94..=95 => Self::died(&place, &mut work),
            _ => self.touch(&place, &mut work),
        }
    }

    fn edit_some_field(&mut self, place: &Place, work: &mut Work<'_>) {
        if let Some(field) = self.draw.pick(EDITED).copied() {
            self.edit(place, field, work);
        }
    }

    /// The same field on both sides, each in its own way.
    fn edit_both(&mut self, place: &Place, work: &mut Work<'_>) {
        let Some(field) = self.draw.pick(EDITED).copied() else { return };
        self.edit(place, field, work);
        if let Some(partner) = self.partner(place) {
            self.edit(&partner, field, work);
        }
    }

    fn edit(&mut self, place: &Place, field: Field, work: &mut Work<'_>) {
        let Some(raw) = work.raw(place) else { return };
        let mut animal = animal_of(&read(place.0, &raw));
        if self.conduct.percent(self.reverts)
            && let Some(earlier) = self.earlier(place, &animal, field, work)
        {
            self.keep(place, &earlier, field, "earlier value", false, work);
            return;
        }
        let Some(what) = self.values.change(&mut animal, field) else { return };
        let script = self.conduct.percent(self.scripts);
        self.keep(place, &animal, field, what, script, work);
    }

    /// The animal as it stands, but for a field that says again what it said some time before.
    fn earlier(&mut self, place: &Place, now: &Animal, field: Field, work: &Work<'_>) -> Option<Animal> {
        let mut known: Vec<Animal> = Vec::new();
        for entry in &work.history.entries {
            let (remote, key, state) = match &entry.happening {
                Happening::Begins { remote, key, state } => (remote, key, Some(state)),
                Happening::Person { remote, key, after, .. }
                | Happening::Write { remote, key: Some(key), after, .. } => (remote, key, after.as_ref()),
                _ => continue,
            };
            if *remote != place.0 || *key != place.1 {
                continue;
            }
            if let Some(state) = state {
                let animal = animals::with_field_of(now, &animal_of(&read(place.0, state)), field);
                if animal != *now && !known.contains(&animal) {
                    known.push(animal);
                }
            }
        }
        self.conduct.pick(&known).cloned()
    }

    fn blank(&mut self, place: &Place, work: &mut Work<'_>) {
        let Some(field) = self.draw.pick(EDITED).copied() else { return };
        let Some(raw) = work.raw(place) else { return };
        let mut animal = animal_of(&read(place.0, &raw));
        let Some(what) = self.values.blank(&mut animal, field) else { return };
        self.keep(place, &animal, field, what, false, work);
    }

    /// Writes a field as a person does, or as a script that does not move a row's change counter.
    fn keep(
        &mut self,
        place: &Place,
        animal: &Animal,
        field: Field,
        what: &str,
        script: bool,
        work: &mut Work<'_>,
    ) {
        let columns = self.values.columns(animal, field);
        work.doing(place, what, |remotes| match place.0 {
            Remote::ServiceNow => {
                let columns: Vec<(&str, &str)> =
                    columns.iter().map(|(name, value)| (*name, value.as_str())).collect();
                if script {
                    remotes.servicenow.edit_row_unseen(TABLE, &place.1, &columns);
                } else {
                    remotes.servicenow.edit_row(TABLE, &place.1, &columns, "front.desk");
                }
            }
            Remote::Ehr => {
                remotes.ehr.edit_chart(&place.1, |chart| animals::edit_chart(chart, animal, field));
            }
        });
    }

    /// A new animal is registered, on one side or on both.
    fn create(&mut self, near: &Place, on_both: bool, work: &mut Work<'_>) {
        let animal = self.values.animal();
        let number = self.new_animal();
        let sides = if on_both { vec![near.0, near.0.other()] } else { vec![near.0] };
        for remote in sides {
            let key = match remote {
                Remote::ServiceNow => insert(work.remotes, &self.values.row(&animal)),
                Remote::Ehr => Some(put(work.remotes, &mut self.draw, &animal, None)),
            };
            let Some(key) = key else { continue };
            let after = work.remotes.raw(remote, &key);
            work.history.note(
                work.now_ms,
                Happening::Person {
                    remote,
                    key: key.clone(),
                    what: "registered".to_owned(),
                    before: None,
                    after,
                },
            );
            self.animals.insert((remote, key), number);
        }
    }

    /// Two records of one system turn out to be the same animal: one is kept, the other retired.
    fn merge(&mut self, place: &Place, work: &mut Work<'_>) {
        let others: Vec<String> =
            work.remotes.keys(place.0).into_iter().filter(|key| *key != place.1).collect();
        let kept = self.draw.pick(&others).cloned();
        work.doing(place, "retired after a merge", |remotes| match place.0 {
            Remote::ServiceNow => {
                remotes.servicenow.edit_row(TABLE, &place.1, &[("u_active", "false")], "front.desk");
            }
            Remote::Ehr => {
                remotes.ehr.edit_chart(&place.1, |chart| animals::retire_chart(chart, kept.as_deref()));
            }
        });
    }

    fn died(place: &Place, work: &mut Work<'_>) {
        work.doing(place, "marked as deceased", |remotes| match place.0 {
            Remote::ServiceNow => {
                let columns = [("u_deceased", "true"), ("u_active", "false")];
                remotes.servicenow.edit_row(TABLE, &place.1, &columns, "front.desk");
            }
            Remote::Ehr => {
                remotes.ehr.edit_chart(&place.1, |chart| {
                    chart.patient.set("deceasedBoolean", record::Json::Bool(true));
                });
            }
        });
    }

    /// Something no mapping knows changes: only the version moves.
    fn touch(&mut self, place: &Place, work: &mut Work<'_>) {
        let line = self.values.line();
        work.doing(place, "something unmapped", |remotes| match place.0 {
            Remote::ServiceNow => {
                remotes.servicenow.edit_row(TABLE, &place.1, &[("u_coat_colour", &line)], "front.desk");
            }
            Remote::Ehr => {
                remotes.ehr.edit_chart(&place.1, |chart| {
                    chart.patient.set("language", record::Json::str("en"));
                    chart.patient.set(
                        "managingOrganization",
                        record::Json::object([("display", record::Json::str(line.clone()))]),
                    );
                });
            }
        });
    }
}

fn delete(remotes: &Remotes, place: &Place) {
    match place.0 {
        Remote::ServiceNow => remotes.servicenow.delete_row(TABLE, &place.1, "front.desk"),
        Remote::Ehr => remotes.ehr.delete_chart(&place.1),
    };
}

fn insert(remotes: &Remotes, row: &[(&'static str, String)]) -> Option<String> {
    let values: Vec<(&str, &str)> = row.iter().map(|(name, value)| (*name, value.as_str())).collect();
    remotes.servicenow.insert_row(TABLE, &values, "front.desk")
}

fn put(remotes: &Remotes, draw: &mut Draw, animal: &Animal, row: Option<&str>) -> String {
    let id = format!("c-{:08x}", draw.below(1 << 32));
    remotes.ehr.put_chart(&id, animals::chart(animal, row), None);
    id
}
