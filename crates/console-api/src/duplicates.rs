//! Records that may be one animal: what speaks for and against it, what hangs on each, and what people say.

use crate::console::Console;
use crate::dto::{
    ApiError, Capability, DependantCount, DuplicateAnswer, DuplicateBetween, DuplicateField, DuplicateItem,
    DuplicateLater, DuplicateList, DuplicateQuery, DuplicateRecord, DuplicateState, DuplicateTier,
    DuplicateView, ErrorCode, Id,
};
use crate::errors::api;
use crate::patients::status;
use crate::permissions::may;
use crate::reasons::Act;
use crate::shown::{remote_name, shown};
use crate::words;
use engine::error::decode;
use engine::judge::SideState;
use engine::pairing::Likeness;
use engine::step::load_side;
use engine::{Command, Said, remembered};
use reconcile::identity::Tier;
use record::{RecordKind, Remote};
use std::collections::HashMap;
use store::{DuplicateRow, PairRow, PairStatus, Presence, SnapshotId};

/// Rows read together.
const PAGE: u32 = 500;
/// Longer than this nothing is put off.
const LATER_MAX_MS: i64 = 366 * 86_400_000;

impl Console {
    pub(crate) async fn duplicates_list(&self, request: DuplicateQuery) -> Result<DuplicateList, ApiError> {
        let now_ms = self.parts.clock.now_ms();
        let wanted = request.state.unwrap_or(DuplicateState::Open);
        let open = self.rows(true).await?;
        let count = |tier: Tier| {
            let of_tier = open.iter().filter(|(row, likeness)| {
                likeness.tier == tier && row.later_until_ms.is_none_or(|until_ms| until_ms <= now_ms)
            });
            u32::try_from(of_tier.count()).unwrap_or(u32::MAX)
        };
        let (contradictory, probable, possible) =
            (count(Tier::Contradictory), count(Tier::Probable), count(Tier::Possible));
        let candidates = match wanted {
            DuplicateState::Open | DuplicateState::Later => open,
            DuplicateState::Different | DuplicateState::ToMerge | DuplicateState::Same => {
                self.rows(false).await?
            }
        };
        let pairs = self.pairs_of(&candidates).await?;
        let mut found = Vec::new();
        for (row, likeness) in candidates {
            let (Some(one), Some(other)) = (pairs.get(&row.a), pairs.get(&row.b)) else { continue };
            let right_tier = request.tier.is_none_or(|tier| tier == tier_name(likeness.tier));
            if right_tier
                && matches_text(&request.text, [one, other])
                && self.state_of(&row, (one, other), now_ms).await? == wanted
            {
                found.push((row, likeness));
            }
        }
        let matching = &self.parts.rules.matching;
        if matches!(wanted, DuplicateState::Open | DuplicateState::Later) {
            // The gravest first, and of a tier those of which most speaks for it.
            found.sort_by_cached_key(|(row, likeness)| {
                (rank(likeness.tier), -matching.points(&likeness.evidence), row.a.clone(), row.b.clone())
            });
        }
        let total = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let offset = usize::try_from(request.offset).unwrap_or(usize::MAX);
        let limit = usize::try_from(request.limit.clamp(1, 500)).unwrap_or(usize::MAX);
        let mut items = Vec::new();
        for (row, likeness) in found.iter().skip(offset).take(limit) {
            if let (Some(one), Some(other)) = (pairs.get(&row.a), pairs.get(&row.b)) {
                items.push(self.item(row, likeness, (one, other), wanted)?);
            }
        }
        Ok(DuplicateList { items, total, contradictory, probable, possible })
    }

    pub(crate) async fn duplicates_get(&self, request: Id) -> Result<DuplicateView, ApiError> {
        let (a, b) = parse(&request.id)?;
        self.view_of(&a, &b).await
    }

    pub(crate) async fn duplicates_between(
        &self,
        request: DuplicateBetween,
    ) -> Result<DuplicateView, ApiError> {
        let (one, other) =
            (self.pair(&request.patient_id).await?, self.pair(&request.other_patient_id).await?);
        if one.id == other.id {
            return Err(api(ErrorCode::Invalid, "That is one and the same patient.", "Choose two patients."));
        }
        let (a, b) = to_compare(&one, &other);
        self.view_of(&a, &b).await
    }

    pub(crate) async fn duplicates_link(&self, request: DuplicateAnswer) -> Result<DuplicateView, ApiError> {
        let reason = Act::AnswerDuplicate.reason_text(Some(&request.reason))?;
        self.say(&request.id, Said::Same, reason).await
    }

    pub(crate) async fn duplicates_distinct(
        &self,
        request: DuplicateAnswer,
    ) -> Result<DuplicateView, ApiError> {
        let reason = Act::AnswerDuplicate.reason_text(Some(&request.reason))?;
        self.say(&request.id, Said::Different, reason).await
    }

    pub(crate) async fn duplicates_later(&self, request: DuplicateLater) -> Result<DuplicateView, ApiError> {
        let reason = Act::Snooze.reason_text(Some(&request.reason))?;
        let now_ms = self.parts.clock.now_ms();
        if !(now_ms..=now_ms + LATER_MAX_MS).contains(&request.until_ms) {
            return Err(ApiError {
                field: Some("untilMs".to_owned()),
                ..api(
                    ErrorCode::Invalid,
                    "It cannot be put off until then.",
                    "Choose a time from now on, at most a year ahead.",
                )
            });
        }
        self.say(&request.id, Said::Later(request.until_ms), reason).await
    }

    async fn say(&self, id: &str, said: Said, reason: String) -> Result<DuplicateView, ApiError> {
        let (a, b) = parse(id)?;
        let command =
            Command::SayOfTwo { a: a.clone(), b: b.clone(), said, person: self.person().id, reason };
        self.parts.engine.ask(command).await?;
        self.view_of(&a, &b).await
    }

    /// Questions about patients, or answers.
    async fn rows(&self, open: bool) -> Result<Vec<(DuplicateRow, Likeness)>, ApiError> {
        let store = &*self.parts.store;
        let mut found = Vec::new();
        let mut offset = 0;
        loop {
            let page = if open {
                store.possible_duplicates(offset, PAGE).await?
            } else {
                store.answered_duplicates(offset, PAGE).await?
            };
            if page.is_empty() {
                return Ok(found);
            }
            offset += PAGE;
            for row in page.into_iter().filter(|row| row.a.kind == RecordKind::Patient) {
                let likeness: Likeness = decode("evidence", &row.evidence)?;
                found.push((row, likeness));
            }
        }
    }

    async fn pairs_of(
        &self,
        rows: &[(DuplicateRow, Likeness)],
    ) -> Result<HashMap<SnapshotId, PairRow>, ApiError> {
        let mut found = HashMap::new();
        for remote in Remote::BOTH {
            let ids = rows.iter().flat_map(|(row, _)| [&row.a, &row.b]).filter(|id| id.remote == remote);
            let mut keys: Vec<&str> = ids.map(|id| id.key.as_str()).collect();
            keys.sort_unstable();
            keys.dedup();
            for keys in keys.chunks(1_000) {
                for pair in self.parts.store.pairs_by_keys(remote, RecordKind::Patient, keys).await? {
                    if let Some(key) = key_of(&pair, remote) {
                        let id = SnapshotId { remote, kind: RecordKind::Patient, key: key.to_owned() };
                        found.insert(id, pair);
                    }
                }
            }
        }
        Ok(found)
    }

    async fn state_of(
        &self,
        row: &DuplicateRow,
        (one, other): (&PairRow, &PairRow),
        now_ms: i64,
    ) -> Result<DuplicateState, ApiError> {
        Ok(match row.answer.as_deref() {
            None if row.later_until_ms.is_some_and(|until_ms| until_ms > now_ms) => DuplicateState::Later,
            None => DuplicateState::Open,
            Some("different") => DuplicateState::Different,
            Some(_) if row.a.remote == row.b.remote && one.id != other.id => {
                let mut both_in_use = true;
                for id in [&row.a, &row.b] {
                    let side = load_side(&*self.parts.store, id.kind, id.remote, &id.key).await?;
                    both_in_use &= side
                        .is_some_and(|side| side.record.active && side.snapshot.presence != Presence::Gone);
                }
                if both_in_use { DuplicateState::ToMerge } else { DuplicateState::Same }
            }
            Some(_) => DuplicateState::Same,
        })
    }

    fn item(
        &self,
        row: &DuplicateRow,
        likeness: &Likeness,
        (one, other): (&PairRow, &PairRow),
        state: DuplicateState,
    ) -> Result<DuplicateItem, ApiError> {
        let [for_sentences, against_sentences] = words::evidence_sentences(&likeness.evidence);
        let not_linkable_because = not_linkable(row, one, other);
        let asked_again = remembered::earlier(row)?.filter(|_| row.answer.is_none()).map(|earlier| {
            let by = earlier.by.as_deref().map_or_else(|| "Somebody".to_owned(), |by| self.name_of(by));
            let why = earlier.reason.map_or_else(String::new, |reason| format!(" (“{reason}”)"));
            let said = if earlier.answer == "same" { "the same animal" } else { "not the same animal" };
            format!("{by} said “{said}”{why}. Since then {} changed.", words::facts_words(&earlier.changed))
        });
        Ok(DuplicateItem {
            id: name(&row.a, &row.b),
            tier: tier_name(likeness.tier),
            points: self.parts.rules.matching.points(&likeness.evidence),
            state,
            one: record_of(&row.a, one),
            other: record_of(&row.b, other),
            for_sentences,
            against_sentences,
            at_ms: row.at_ms,
            answered_by: row.answered_by.as_deref().map(|by| self.name_of(by)),
            reason: row.reason.clone(),
            later_until_ms: row.later_until_ms,
            asked_again,
            linkable: not_linkable_because.is_none(),
            not_linkable_because,
        })
    }

    async fn view_of(&self, a: &SnapshotId, b: &SnapshotId) -> Result<DuplicateView, ApiError> {
        let store = &*self.parts.store;
        let (Some(one), Some(other)) = (
            store.pair_by_key(a.remote, a.kind, &a.key).await?,
            store.pair_by_key(b.remote, b.kind, &b.key).await?,
        ) else {
            return Err(gone());
        };
        let (Some(left), Some(right)) = (
            load_side(store, a.kind, a.remote, &a.key).await?,
            load_side(store, b.kind, b.remote, &b.key).await?,
        ) else {
            return Err(gone());
        };
        let known = store.duplicate_between(a, b).await?;
        let row = match known {
            Some(row) if row.a == *a => row,
            Some(row) => return Box::pin(self.view_of(&row.a, &row.b)).await,
            None => self.unasked((a, &left), (b, &right))?,
        };
        let likeness: Likeness = decode("evidence", &row.evidence)?;
        let state = self.state_of(&row, (&one, &other), self.parts.clock.now_ms()).await?;
        let item = self.item(&row, &likeness, (&one, &other), state)?;
        let catalogue = self.parts.lenses.catalogue(RecordKind::Patient);
        let fields = catalogue
            .iter()
            .map(|(field, spec)| {
                let (one, other) = (left.record.field(field), right.record.field(field));
                DuplicateField {
                    field: spec.id.clone(),
                    label: spec.label.clone(),
                    same: reconcile::sides::same(one, other),
                    one: shown(one),
                    other: shown(other),
                }
            })
            .collect();
        let dependants = self.dependants((&one, &other)).await?;
        let (if_same, if_different) = consequences(&item, &dependants);
        Ok(DuplicateView {
            item,
            fields,
            dependants,
            may_answer: may(&self.person(), Capability::LinkPatients),
            if_same,
            if_different,
        })
    }

    /// Two records that nobody asked about.
    fn unasked(
        &self,
        (a, one): (&SnapshotId, &SideState),
        (b, other): (&SnapshotId, &SideState),
    ) -> Result<DuplicateRow, ApiError> {
        let likeness = engine::resembling::likeness_of(
            &self.parts.lenses,
            &self.parts.rules.matching,
            (a, &one.record),
            (b, &other.record),
        );
        Ok(engine::resembling::new_question(
            a,
            b,
            engine::error::encode("evidence", &likeness)?,
            self.parts.clock.now_ms(),
        ))
    }

    /// What hangs on the two patients, in each system that has one of them.
    async fn dependants(&self, (one, other): (&PairRow, &PairRow)) -> Result<Vec<DependantCount>, ApiError> {
        let mut asked: Vec<(bool, Remote, &str)> = Vec::new();
        for (of_one, pair) in [(true, one), (false, other)] {
            if !of_one && one.id == other.id {
                continue;
            }
            for remote in Remote::BOTH {
                asked.extend(key_of(pair, remote).map(|key| (of_one, remote, key)));
            }
        }
        let patients: Vec<(Remote, &str)> = asked.iter().map(|(_, remote, key)| (*remote, *key)).collect();
        let counted = self.parts.store.dependants(&patients).await?;
        let count = |remote: Remote, key: &str, kind: RecordKind| {
            let found = counted
                .iter()
                .find(|found| found.remote == remote && found.patient == key && found.kind == kind);
            found.map_or(0, |found| u32::try_from(found.count).unwrap_or(u32::MAX))
        };
        Ok(asked
            .iter()
            .map(|(of_one, remote, key)| DependantCount {
                of_one: *of_one,
                remote: remote_name(*remote),
                appointments: count(*remote, key, RecordKind::Appointment),
                treatments: count(*remote, key, RecordKind::Treatment),
            })
            .collect())
    }
}

fn key_of(pair: &PairRow, remote: Remote) -> Option<&str> {
    match remote {
        Remote::ServiceNow => pair.servicenow_key.as_deref(),
        Remote::Ehr => pair.ehr_key.as_deref(),
    }
}

/// The two records that stand for two patients: those of both systems where each has one only, otherwise those of a
/// system that has both.
fn to_compare(one: &PairRow, other: &PairRow) -> (SnapshotId, SnapshotId) {
    let id = |pair: &PairRow, remote: Remote| {
        key_of(pair, remote).map(|key| SnapshotId { remote, kind: RecordKind::Patient, key: key.to_owned() })
    };
    let shared = Remote::BOTH.into_iter().find_map(|remote| Some((id(one, remote)?, id(other, remote)?)));
    let across = || {
        let either = |pair: &PairRow| Remote::BOTH.into_iter().find_map(|remote| id(pair, remote));
        Some((either(one)?, either(other)?))
    };
    let nobody = || SnapshotId { remote: Remote::ServiceNow, kind: RecordKind::Patient, key: String::new() };
    shared.or_else(across).unwrap_or_else(|| (nobody(), nobody()))
}

/// Why linking is not possible, and what to do instead.
fn not_linkable(row: &DuplicateRow, one: &PairRow, other: &PairRow) -> Option<String> {
    if one.id == other.id {
        return Some("These two records are linked already.".to_owned());
    }
    let place = words::place(row.a.remote);
    if row.a.remote == row.b.remote {
        return Some(format!(
            "Both records stand in {place}, and VetSync merges nothing there: say that they are the same animal, merge \
             them in {place}, and this entry goes with the next comparison."
        ));
    }
    let linked = [one, other].into_iter().any(|pair| {
        !matches!(pair.status, PairStatus::OnlyServiceNow | PairStatus::OnlyEhr)
            && pair.servicenow_key.is_some()
            && pair.ehr_key.is_some()
    });
    linked.then(|| {
        "One of the two is linked already, and a patient has one record in each system: merge the two records of the \
         one system there, or say that they are not the same animal."
            .to_owned()
    })
}

fn consequences(item: &DuplicateItem, dependants: &[DependantCount]) -> (String, String) {
    let total = |of_one: bool| {
        let counts = dependants.iter().filter(|count| count.of_one == of_one);
        counts.fold((0, 0), |(appointments, treatments), count| {
            (appointments + count.appointments, treatments + count.treatments)
        })
    };
    let hangs = |record: &DuplicateRecord, (appointments, treatments): (u32, u32)| {
        format!(
            "{} on {} in {}",
            words::counted(&[(appointments, "appointment"), (treatments, "treatment")]),
            record.name,
            words::place(words::remote_of(record.remote)),
        )
    };
    let dependants = format!("{}; {}", hangs(&item.one, total(true)), hangs(&item.other, total(false)));
    let if_same = if item.linkable {
        format!(
            "The two records are linked and compared; what differs is settled or asked. Nothing is merged or deleted. \
             Their appointments and treatments follow the link: {dependants}."
        )
    } else if item.one.remote == item.other.remote {
        format!(
            "It is remembered, and the entry waits until they are merged there. What hangs on each: {dependants}."
        )
    } else {
        format!("It cannot be linked here. What hangs on each: {dependants}.")
    };
    let if_different = "It is remembered and not asked again unless a key fact of either changes (name, species, birth \
                        date, sex, microchip, owner, phone or e-mail). A record that waited for the answer is created \
                        in the other system."
        .to_owned();
    (if_same, if_different)
}

fn record_of(id: &SnapshotId, pair: &PairRow) -> DuplicateRecord {
    let card = &pair.card;
    DuplicateRecord {
        patient_id: pair.id.clone(),
        remote: remote_name(id.remote),
        key: id.key.clone(),
        name: card.name.clone(),
        species: card.species.clone(),
        breed: card.breed.clone(),
        owner: card.owner.clone(),
        phone: card.phone.clone(),
        chip: card.chip.clone(),
        born: card.born.clone(),
        status: status(pair.status),
    }
}

fn matches_text(text: &str, pairs: [&PairRow; 2]) -> bool {
    let text = text.trim().to_lowercase();
    text.is_empty()
        || pairs.into_iter().any(|pair| {
            let card = &pair.card;
            [&card.name, &card.owner, &card.phone, &card.chip]
                .into_iter()
                .any(|shown| shown.to_lowercase().contains(&text))
        })
}

const fn rank(tier: Tier) -> u8 {
    match tier {
        Tier::Contradictory => 0,
        Tier::Probable => 1,
        Tier::Possible => 2,
    }
}

const fn tier_name(tier: Tier) -> DuplicateTier {
    match tier {
        Tier::Contradictory => DuplicateTier::Contradictory,
        Tier::Probable => DuplicateTier::Probable,
        Tier::Possible => DuplicateTier::Possible,
    }
}

/// Names two records: `servicenow:KEY~ehr:KEY`. Neither system's keys hold a tilde.
fn name(a: &SnapshotId, b: &SnapshotId) -> String {
    format!("{}:{}~{}:{}", a.remote.as_str(), a.key, b.remote.as_str(), b.key)
}

fn parse(id: &str) -> Result<(SnapshotId, SnapshotId), ApiError> {
    let one = |text: &str| {
        let (remote, key) = text.split_once(':')?;
        let remote = Remote::BOTH.into_iter().find(|known| known.as_str() == remote)?;
        Some(SnapshotId { remote, kind: RecordKind::Patient, key: key.to_owned() })
    };
    id.split_once('~').and_then(|(a, b)| Some((one(a)?, one(b)?))).ok_or_else(|| {
        api(
            ErrorCode::NotFound,
            "This names no two records.",
            "Copy the id from the list: `vetsync duplicates list`, or the screen Duplicates.",
        )
    })
}

fn gone() -> ApiError {
    api(
        ErrorCode::NotFound,
        "One of the two records is not there any more.",
        "Go back to the list; the next comparison settles what is left.",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn id(remote: Remote, key: &str) -> SnapshotId {
        SnapshotId { remote, kind: RecordKind::Patient, key: key.to_owned() }
    }

    #[test]
    fn a_name_of_two_records_reads_back() {
        let (a, b) = (id(Remote::ServiceNow, "6816f79c"), id(Remote::Ehr, "p-1.2"));
        assert_eq!(parse(&name(&a, &b)).unwrap(), (a, b));
        for wrong in ["", "p1", "servicenow:1", "here:1~ehr:2", "servicenow~ehr"] {
            assert_eq!(parse(wrong).unwrap_err().code, ErrorCode::NotFound, "{wrong}");
        }
    }

    fn pair(id: &str, servicenow: Option<&str>, ehr: Option<&str>) -> PairRow {
        PairRow {
            id: id.to_owned(),
            kind: RecordKind::Patient,
            servicenow_key: servicenow.map(str::to_owned),
            ehr_key: ehr.map(str::to_owned),
            linked_by: None,
            linked_at_ms: None,
            base: None,
            base_digest: None,
            status: PairStatus::Agreed,
            differing: String::new(),
            agreed_at_ms: None,
            card: store::PatientCard::default(),
        }
    }

    /// Two patients are compared in a system that has both; what each system has one of is compared across.
    #[test]
    fn the_records_that_stand_for_two_patients() {
        let (s1, s2, e1, e2) = (
            id(Remote::ServiceNow, "s1"),
            id(Remote::ServiceNow, "s2"),
            id(Remote::Ehr, "e1"),
            id(Remote::Ehr, "e2"),
        );
        let only_s = pair("p1", Some("s1"), None);
        let only_e = pair("p2", None, Some("e2"));
        let both = pair("p3", Some("s2"), Some("e1"));
        assert_eq!(to_compare(&only_s, &only_e), (s1.clone(), e2.clone()));
        assert_eq!(to_compare(&only_e, &only_s), (e2.clone(), s1.clone()));
        assert_eq!(to_compare(&only_s, &both), (s1, s2));
        assert_eq!(to_compare(&only_e, &both), (e2, e1));
    }
}
