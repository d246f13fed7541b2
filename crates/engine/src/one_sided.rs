//! Patients that one side lacks: whether they are created there, asked about, or left alone.

use crate::error::{EngineError, Result, encode};
use crate::judge::{SideState, index};
use crate::lens;
use crate::pairing::{
    Creation, Likeness, Linked, Walk, busy_lanes, flush, settled_itself, sides, snapshot_id,
};
use crate::plans::{self, Drafting};
use crate::resembling::{candidates, question_about};
use crate::step::Engine;
use crate::treatments::{self, Surroundings};
use crate::{links, visits};
use record::{Record, RecordKind, Remote};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use store::{
    AuditRow, Change, ConflictCause, ConflictRow, ConflictState, PairRow, PairStatus, PatientCard, PlanRow,
    PlanState, Presence, SnapshotId, SnapshotRow,
};

/// Records read together.
const TOGETHER: usize = 500;

fn one_sided_pair(id: String, of: &SnapshotId, card: PatientCard) -> PairRow {
    let (servicenow_key, ehr_key, status) = match of.remote {
        Remote::ServiceNow => (Some(of.key.clone()), None, PairStatus::OnlyServiceNow),
        Remote::Ehr => (None, Some(of.key.clone()), PairStatus::OnlyEhr),
    };
    PairRow {
        id,
        kind: of.kind,
        servicenow_key,
        ehr_key,
        linked_by: None,
        linked_at_ms: None,
        base: None,
        base_digest: None,
        status,
        differing: String::new(),
        agreed_at_ms: None,
        card,
    }
}

/// New one-sided patients: asked about, created, or left alone.
pub(crate) async fn one_sided(
    engine: &mut Engine,
    kind: RecordKind,
    alone: &[SnapshotId],
    proven: [bool; 2],
    now_ms: i64,
    linked: &mut Linked,
) -> Result<()> {
    let mut records = Vec::with_capacity(alone.len());
    for remote in Remote::BOTH {
        let ids: Vec<&SnapshotId> = alone.iter().filter(|id| id.remote == remote).collect();
        for ids in ids.chunks(TOGETHER) {
            let keys: Vec<String> = ids.iter().map(|id| id.key.clone()).collect();
            let mut sides = sides(engine, kind, remote, &keys).await?;
            records.extend(ids.iter().filter_map(|id| Some(((*id).clone(), sides.remove(&id.key)?.record))));
        }
    }
    let found = match kind {
        RecordKind::Patient => candidates(engine, &records).await?,
        RecordKind::Appointment => visits::alike(engine, &records).await?,
        // What ServiceNow documents is nowhere else yet.
        RecordKind::Treatment => HashMap::new(),
    };
    let mut changes = Vec::new();
    for (id, record) in &records {
        let pair_id = engine.new_id(now_ms);
        let (servicenow, ehr) = match id.remote {
            Remote::ServiceNow => (Some(record), None),
            Remote::Ehr => (None, Some(record)),
        };
        let card = lens::card(engine.lenses.catalogue(kind), servicenow, ehr);
        changes.push(Change::PutPair(one_sided_pair(pair_id.clone(), id, card.clone())));
        let resembling = found.get(id).map_or(&[][..], Vec::as_slice);
        let asked = (pair_id.as_str(), id, record, &card);
        ask_or_create(engine, asked, resembling, (proven, now_ms), linked, &mut changes).await?;
        flush(engine, &mut changes, 500).await?;
    }
    flush(engine, &mut changes, 0).await
}

/// What may become of a record that nobody is linked to.
enum Outlook {
    /// It is created on the other side.
    Create,
    /// It stays where it is: deceased, inactive or gone.
    Stays,
    /// The other side was not read completely, so nothing follows from its absence there.
    Unknown,
    /// Its patient is not linked yet.
    Waits,
    /// A person has to look: why, and what goes with it, encoded.
    Ask(ConflictCause, String),
}

async fn outlook(
    engine: &Engine,
    id: &SnapshotId,
    record: &Record,
    proven: [bool; 2],
    now_ms: i64,
) -> Result<Outlook> {
    if !record.active || record.deceased {
        return Ok(Outlook::Stays);
    }
    if links::is_unresolved(record) {
        return Ok(Outlook::Waits);
    }
    let other = id.remote.other();
    if let Some(key) = &record.other_key {
        // It names a partner: creating it would make that one a second time.
        let partner = snapshot_id(id.kind, other, key);
        let unreadable =
            || async { Ok::<_, EngineError>(engine.store.unreadable_records().await?.contains(&partner)) };
        return Ok(match engine.store.snapshot(&partner).await? {
            Some(row) if row.presence == Presence::Present => {
                Outlook::Ask(ConflictCause::CannotCreate, encode("why", &Vec::<String>::new())?)
            }
            None if unreadable().await? => {
                Outlook::Ask(ConflictCause::CannotCreate, encode("why", &Vec::<String>::new())?)
            }
            _ if !proven[index(other)] => Outlook::Unknown,
            _ => Outlook::Ask(ConflictCause::Vanished, encode("remote", &other)?),
        });
    }
    let surroundings = engine.surroundings_of(id, record).await?;
    if let Some(why) = cannot_create(engine, id, record, &surroundings, now_ms).await? {
        return Ok(Outlook::Ask(ConflictCause::CannotCreate, encode("why", &why)?));
    }
    // Only we enter treatments there, and each is looked up under its own identifier before it is sent.
    let may_be_there = !proven[index(other)] && id.kind != RecordKind::Treatment;
    Ok(if may_be_there { Outlook::Unknown } else { Outlook::Create })
}

async fn ask_or_create(
    engine: &Engine,
    (pair_id, id, record, card): (&str, &SnapshotId, &Record, &PatientCard),
    candidates: &[(SnapshotId, Likeness)],
    (proven, now_ms): ([bool; 2], i64),
    linked: &mut Linked,
    changes: &mut Vec<Change>,
) -> Result<()> {
    let mut open = 0;
    for (other, likeness) in candidates {
        let evidence = encode("evidence", likeness)?;
        let known = engine.store.duplicate_between(id, other).await?;
        let (change, asked) = question_about(engine, (id, other), known, evidence, now_ms).await?;
        changes.extend(change);
        open += u64::from(asked);
        linked.possible_duplicates += u64::from(asked);
    }
    if open > 0 {
        linked.conflicts += 1;
        changes.push(Change::PutConflict(question(
            engine,
            pair_id,
            ConflictCause::MaybeDuplicate,
            card,
            candidates,
            now_ms,
        )?));
        return Ok(());
    }
    match outlook(engine, id, record, proven, now_ms).await? {
        Outlook::Create => linked.creations.push(Creation { pair: pair_id.to_owned() }),
        // What waits is counted when all that stand alone are looked at.
        Outlook::Stays | Outlook::Unknown | Outlook::Waits => {}
        Outlook::Ask(cause, comparison) => {
            linked.conflicts += 1;
            let row = question(engine, pair_id, cause, card, &[], now_ms)?;
            changes.push(Change::PutConflict(ConflictRow { comparison, ..row }));
        }
    }
    Ok(())
}

/// What keeps a record from being created on the other side, as kept with the question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Hindrance {
    /// The id of a field whose rules say the rest.
    Field(String),
    /// What is wrong, and the way out.
    Finding {
        /// The field's id.
        field: String,
        /// What is wrong, without values.
        problem: String,
        /// What to do about it.
        way_out: String,
    },
}

impl Hindrance {
    /// The id of the field it is about.
    pub fn field(&self) -> &str {
        match self {
            Hindrance::Field(field) | Hindrance::Finding { field, .. } => field,
        }
    }
}

/// What keeps a record from being created on the other side: a rule says that it cannot be right, or that the other side
/// could not hold it.
async fn cannot_create(
    engine: &Engine,
    id: &SnapshotId,
    record: &Record,
    surroundings: &Surroundings,
    now_ms: i64,
) -> Result<Option<Vec<Hindrance>>> {
    let findings = match id.kind {
        RecordKind::Patient => {
            let today = crate::clock::date_of(now_ms);
            record::validate::validate_patient(engine.lenses.catalogue(id.kind), record, today)
        }
        RecordKind::Appointment => {
            visits::findings(&*engine.store, &engine.lenses, &engine.rules, record, now_ms).await?
        }
        RecordKind::Treatment => {
            treatments::findings(&engine.lenses, &engine.rules, record, surroundings, now_ms)
        }
    };
    let mut hindrances: Vec<Hindrance> = findings
        .into_iter()
        .filter(|finding| finding.severity == record::validate::Severity::Error)
        .map(|finding| match id.kind {
            RecordKind::Patient => Hindrance::Field(finding.field),
            RecordKind::Appointment | RecordKind::Treatment => Hindrance::Finding {
                field: finding.field,
                problem: finding.problem,
                way_out: finding.way_out,
            },
        })
        .collect();
    hindrances.dedup();
    if hindrances.is_empty() && id.kind != RecordKind::Patient {
        // Found now, so that the question stands until it is answered: a clinician whom the staff table does not know.
        let mut drafting = Drafting { now_ms, next_id: &mut || engine.new_id(now_ms) };
        let lenses = engine.lenses.of(id.kind);
        let body = plans::create_body_of(lenses, record, id.remote, "", surroundings, &mut drafting);
        match body {
            Err(EngineError::Mapping(problem)) => hindrances = not_writable(id.kind, problem),
            other => {
                other?;
            }
        }
    }
    Ok((!hindrances.is_empty()).then_some(hindrances))
}

/// What a lens says that cannot be written, for the question.
fn not_writable(kind: RecordKind, problem: mapping::MappingError) -> Vec<Hindrance> {
    match (kind, problem) {
        (RecordKind::Patient, _) => Vec::new(),
        (_, mapping::MappingError::CannotWrite { field, problem }) => {
            let (problem, way_out) = match problem.split_once("; ") {
                Some((problem, way_out)) => (problem.to_owned(), way_out.to_owned()),
                None => (problem, String::new()),
            };
            vec![Hindrance::Finding { field, problem, way_out }]
        }
        (_, mapping::MappingError::NotThisKind { what }) => {
            vec![Hindrance::Finding { field: String::new(), problem: what, way_out: String::new() }]
        }
    }
}

fn question(
    engine: &Engine,
    pair_id: &str,
    cause: ConflictCause,
    card: &PatientCard,
    candidates: &[(SnapshotId, Likeness)],
    now_ms: i64,
) -> Result<ConflictRow> {
    let mut text = format!("{cause:?} {pair_id}");
    for (id, likeness) in candidates {
        text.push_str(&id.key);
        text.push_str(&encode("evidence", likeness)?);
    }
    Ok(ConflictRow {
        id: engine.new_id(now_ms),
        pair: pair_id.to_owned(),
        cause,
        grade: 3,
        state: ConflictState::Open,
        comparison: String::from("[]"),
        fields: String::new(),
        fingerprint: lens::sha256_hex(&text),
        title: lens::title(card),
        owner: card.owner.clone(),
        species: card.species.clone(),
        opened_at_ms: now_ms,
        claimed_by: None,
        snoozed_until_ms: None,
        snooze_reason: None,
        draft: None,
        closed_at_ms: None,
        closed_by: None,
    })
}

/// One-sided pairs of earlier runs: their creation may have been put off (a plan-only run, a brake, a lost answer, an
/// incomplete read), and what kept them from being created may be mended.
pub(crate) async fn reconsider(
    engine: &mut Engine,
    kind: RecordKind,
    proven: [bool; 2],
    now_ms: i64,
    linked: &mut Linked,
) -> Result<()> {
    let new: HashSet<String> = linked.creations.iter().map(|creation| creation.pair.clone()).collect();
    let asked_about = asked_about(engine).await?;
    let mut changes = Vec::new();
    for (remote, status) in
        [(Remote::ServiceNow, PairStatus::OnlyServiceNow), (Remote::Ehr, PairStatus::OnlyEhr)]
    {
        let mut walk = Walk::of(kind, status);
        loop {
            let pairs = walk.next(engine).await?;
            if pairs.is_empty() {
                break;
            }
            let busy = busy_lanes(engine, &pairs).await?;
            let pairs: Vec<PairRow> = pairs
                .into_iter()
                .filter(|pair| !new.contains(&pair.id) && !busy.contains(&pair.id))
                .collect();
            let mut open = open_conflicts(engine, &pairs).await?;
            let keys: Vec<String> = pairs.iter().filter_map(only_key).map(|id| id.key).collect();
            let mut sides = sides(engine, kind, remote, &keys).await?;
            for pair in pairs {
                let (open, id) = (open.remove(&pair.id), only_key(&pair));
                let Some(id) = id else { continue };
                let Some(side) = sides.remove(&id.key) else { continue };
                let one_sided = OneSided { pair, id, side, open };
                reconsider_one(engine, one_sided, &asked_about, (proven, now_ms), linked, &mut changes)
                    .await?;
            }
        }
    }
    flush(engine, &mut changes, 0).await?;
    look_again(engine, kind, (&new, proven, now_ms), linked).await
}

/// What stands alone since an earlier run and is to be created now may resemble a record that came in between: it is
/// looked for before every creation.
async fn look_again(
    engine: &mut Engine,
    kind: RecordKind,
    (new, proven, now_ms): (&HashSet<String>, [bool; 2], i64),
    linked: &mut Linked,
) -> Result<()> {
    if kind != RecordKind::Patient {
        return Ok(());
    }
    let (checked, to_check): (Vec<Creation>, Vec<Creation>) =
        std::mem::take(&mut linked.creations).into_iter().partition(|creation| new.contains(&creation.pair));
    linked.creations = checked;
    let mut waiting = Vec::with_capacity(to_check.len());
    for creation in to_check {
        let pair = engine.pair(&creation.pair).await?;
        let Some(id) = only_key(&pair) else { continue };
        let Some(side) = engine.side(id.kind, id.remote, &id.key).await? else { continue };
        waiting.push((pair, id, side.record));
    }
    let records: Vec<(SnapshotId, Record)> =
        waiting.iter().map(|(_, id, record)| (id.clone(), record.clone())).collect();
    let mut found = candidates(engine, &records).await?;
    let mut changes = Vec::new();
    for (pair, id, record) in waiting {
        let resembling = found.remove(&id).unwrap_or_default();
        let asked = (pair.id.as_str(), &id, &record, &pair.card);
        ask_or_create(engine, asked, &resembling, (proven, now_ms), linked, &mut changes).await?;
    }
    flush(engine, &mut changes, 0).await
}

/// Keys of records that an open question offers as the same animal.
async fn asked_about(engine: &Engine) -> Result<HashMap<SnapshotId, Vec<SnapshotId>>> {
    let mut found: HashMap<SnapshotId, Vec<SnapshotId>> = HashMap::new();
    let mut offset = 0;
    loop {
        let page = engine.store.possible_duplicates(offset, 500).await?;
        if page.is_empty() {
            return Ok(found);
        }
        offset += 500;
        for row in page.into_iter().filter(|row| row.answer.is_none()) {
            found.entry(row.a.clone()).or_default().push(row.b.clone());
            found.entry(row.b).or_default().push(row.a);
        }
    }
}

/// A one-sided patient of an earlier run, with what its reconsidering depends on.
struct OneSided {
    pair: PairRow,
    id: SnapshotId,
    side: SideState,
    open: Option<ConflictRow>,
}

/// The record of a pair that has one only.
fn only_key(pair: &PairRow) -> Option<SnapshotId> {
    match (&pair.servicenow_key, &pair.ehr_key) {
        (Some(key), None) => Some(snapshot_id(pair.kind, Remote::ServiceNow, key)),
        (None, Some(key)) => Some(snapshot_id(pair.kind, Remote::Ehr, key)),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

/// The open conflicts of these pairs, by pair.
async fn open_conflicts(engine: &Engine, pairs: &[PairRow]) -> Result<HashMap<String, ConflictRow>> {
    let ids: Vec<&str> = pairs.iter().map(|pair| pair.id.as_str()).collect();
    let open = engine.store.open_conflicts_of(&ids).await?;
    Ok(open.into_iter().map(|row| (row.pair.clone(), row)).collect())
}

async fn reconsider_one(
    engine: &Engine,
    OneSided { pair, id, side, open }: OneSided,
    asked_about: &HashMap<SnapshotId, Vec<SnapshotId>>,
    (proven, now_ms): ([bool; 2], i64),
    linked: &mut Linked,
    changes: &mut Vec<Change>,
) -> Result<()> {
    let may_settle_itself =
        |open: &ConflictRow| matches!(open.cause, ConflictCause::CannotCreate | ConflictCause::Vanished);
    if open.as_ref().is_some_and(|open| !may_settle_itself(open)) {
        return Ok(());
    }
    // The question whether another record is the same animal stands on that record: it is not created before the answer.
    for other in asked_about.get(&id).into_iter().flatten() {
        if let Some(other) = engine.store.pair_by_key(other.remote, other.kind, &other.key).await?
            && let Some(open) = engine.store.open_conflict_of(&other.id).await?
            && open.cause == ConflictCause::MaybeDuplicate
        {
            return Ok(());
        }
    }
    if side.snapshot.presence == Presence::Gone {
        return Ok(());
    }
    match (outlook(engine, &id, &side.record, proven, now_ms).await?, open) {
        (Outlook::Unknown, _) | (Outlook::Stays, None) => {}
        (Outlook::Waits, _) => linked.waiting_for_patients += 1,
        (Outlook::Stays, Some(open)) => changes.push(Change::PutConflict(settled_itself(open, now_ms))),
        (Outlook::Create, open) => {
            changes.extend(open.map(|open| Change::PutConflict(settled_itself(open, now_ms))));
            linked.creations.push(Creation { pair: pair.id });
        }
        (Outlook::Ask(cause, comparison), Some(open)) => {
            if (open.cause, &open.comparison) != (cause, &comparison) {
                changes.push(Change::PutConflict(ConflictRow { cause, comparison, ..open }));
            }
        }
        (Outlook::Ask(cause, comparison), None) => {
            linked.conflicts += 1;
            let row = question(engine, &pair.id, cause, &pair.card, &[], now_ms)?;
            changes.push(Change::PutConflict(ConflictRow { comparison, ..row }));
        }
    }
    Ok(())
}

/// A treatment that the EHR lacks is sent as soon as it is looked at and may be: completed, its patient linked, compliant.
pub(crate) async fn send_treatment(engine: &mut Engine, pair: PairRow, now_ms: i64) -> Result<()> {
    let Some(id) = only_key(&pair).filter(|id| id.remote == Remote::ServiceNow) else { return Ok(()) };
    let Some(side) = engine.side(id.kind, id.remote, &id.key).await? else { return Ok(()) };
    if engine.lane_busy(&pair.id).await? {
        return Ok(());
    }
    let open = engine.store.open_conflict_of(&pair.id).await?;
    let (mut linked, mut changes) = (Linked::default(), Vec::new());
    let one_sided = OneSided { pair, id, side, open };
    reconsider_one(engine, one_sided, &HashMap::new(), ([false; 2], now_ms), &mut linked, &mut changes)
        .await?;
    for creation in &linked.creations {
        changes.extend(create_changes(engine, creation, now_ms).await?);
        engine.outbox_touched = true;
    }
    flush(engine, &mut changes, 0).await
}

/// The automatic plan that creates a one-sided record on the other side.
pub async fn create_changes(engine: &mut Engine, creation: &Creation, now_ms: i64) -> Result<Vec<Change>> {
    let pair = engine.pair(&creation.pair).await?;
    let source = match (&pair.servicenow_key, &pair.ehr_key) {
        (Some(key), None) => engine.side(pair.kind, Remote::ServiceNow, key).await?,
        (None, Some(key)) => engine.side(pair.kind, Remote::Ehr, key).await?,
        _ => None,
    };
    let Some(source) = source else { return Ok(Vec::new()) };
    match creation_plan(engine, &pair, &source.snapshot, &source.record, "rule", None, now_ms).await {
        // What the other side could not hold keeps this patient waiting, nobody else.
        Err(EngineError::Mapping(problem)) => {
            tracing::warn!(pair = %pair.id, "create.cannot_be_written");
            let row = question(engine, &pair.id, ConflictCause::CannotCreate, &pair.card, &[], now_ms)?;
            let comparison = encode("why", &not_writable(pair.kind, problem))?;
            Ok(vec![Change::PutConflict(ConflictRow { comparison, ..row })])
        }
        planned => planned,
    }
}

/// Plan and operation for creating one record, approved by `maker`.
pub async fn creation_plan(
    engine: &Engine,
    pair: &PairRow,
    snapshot: &SnapshotRow,
    record: &Record,
    maker: &str,
    reason: Option<String>,
    now_ms: i64,
) -> Result<Vec<Change>> {
    let surroundings = engine.surroundings_of(&snapshot.id, record).await?;
    let body = plans::create_body_of(
        engine.lenses.of(pair.kind),
        record,
        snapshot.id.remote,
        &snapshot.version,
        &surroundings,
        &mut Drafting { now_ms, next_id: &mut || engine.new_id(now_ms) },
    )?;
    let text = encode("plan", &body)?;
    let plan_id = engine.new_id(now_ms);
    let mut changes = vec![
        Change::PutPlan(PlanRow {
            id: plan_id.clone(),
            pair: pair.id.clone(),
            conflict: None,
            hash: lens::sha256_hex(&text),
            body: text,
            state: PlanState::Approved,
            grade: 1,
            maker: maker.to_owned(),
            reason,
            approver: None,
            made_at_ms: now_ms,
            closed_at_ms: Some(now_ms),
            undoes: None,
        }),
        Change::Audit(AuditRow {
            id: engine.new_id(now_ms),
            at_ms: now_ms,
            actor: maker.to_owned(),
            action: "plan.create".to_owned(),
            subject: pair.id.clone(),
            detail: snapshot.id.remote.other().as_str().to_owned(),
        }),
    ];
    for operation in
        plans::operation_rows(&body, &engine.lenses, &plan_id, pair, now_ms, &mut || engine.new_id(now_ms))?
    {
        changes.push(Change::Enqueue(operation));
    }
    Ok(changes)
}

/// A record that a remote does not show any more: a question, never a deletion.
pub async fn vanished(engine: &Engine, id: &SnapshotId, now_ms: i64) -> Result<Vec<Change>> {
    let SnapshotId { remote, kind, key } = id;
    let remote = *remote;
    let Some(pair) = engine.store.pair_by_key(remote, *kind, key).await? else {
        return Ok(Vec::new());
    };
    if let Some(open) = engine.store.open_conflict_of(&pair.id).await? {
        // A decision whose write found nothing there any more is carried out no further: else the question could never
        // be answered again.
        let under_way = crate::step::operations_under_way(&*engine.store, &pair.id).await?;
        if open.state == ConflictState::Executing && !under_way {
            let asked = ConflictRow {
                cause: ConflictCause::Vanished,
                comparison: encode("remote", &remote)?,
                state: ConflictState::Open,
                ..open
            };
            let differs = PairRow { status: PairStatus::Differs, ..pair };
            return Ok(vec![Change::PutConflict(asked), Change::PutPair(differs)]);
        }
        return Ok(Vec::new());
    }
    let mut row = question(engine, &pair.id, ConflictCause::Vanished, &pair.card, &[], now_ms)?;
    row.comparison = encode("remote", &remote)?;
    let mut differs = pair;
    differs.status = PairStatus::Differs;
    Ok(vec![Change::PutConflict(row), Change::PutPair(differs)])
}
