//! What follows from one pair as it is stored: the status, an automatic plan, a conflict, a new base.
//!
//! A pure function from values to store changes; the steps read the values and commit the changes.

use crate::completion::{self, Next};
use crate::error::{Result, encode};
use crate::lens::{self, Lenses};
use crate::one_sided::Hindrance;
use crate::plans::{self, Drafting, PlanBody};
use crate::rules::Rules;
use crate::step::Blocked;
use crate::treatments::{self, Surroundings};
use reconcile::compare::{Base, Rule};
use reconcile::{Comparison, FieldComparison, PairPlan, PairState, Settlement};
use record::{Catalogue, Record, RecordKind, Remote};
use store::{
    AuditRow, Change, ConflictCause, ConflictRow, ConflictState, PairRow, PairStatus, PlanRow, PlanState,
    Presence, SnapshotRow,
};

/// One side of a pair, read and typed.
#[derive(Debug, Clone)]
pub struct SideState {
    /// As stored.
    pub snapshot: SnapshotRow,
    /// Typed.
    pub record: Record,
}

/// A linked pair with everything its judgement depends on.
#[derive(Debug, Clone)]
pub struct PairContext {
    /// The pair.
    pub pair: PairRow,
    /// ServiceNow's side.
    pub servicenow: SideState,
    /// The EHR's side.
    pub ehr: SideState,
    /// What both last agreed on.
    pub base: Option<Base>,
    /// The conflict that is open for it.
    pub open_conflict: Option<ConflictRow>,
    /// Operations of its lane are unfinished.
    pub lane_busy: bool,
    /// What was refused in its lane and waits for a person, with all behind it.
    pub blocked: Blocked,
    /// A side names a patient that is not linked: who it is for is left out until it is.
    pub unresolved: bool,
    /// What the writing of a treatment depends on besides.
    pub surroundings: Surroundings,
}

impl PairContext {
    /// The side of a remote.
    pub const fn side(&self, remote: Remote) -> &SideState {
        match remote {
            Remote::ServiceNow => &self.servicenow,
            Remote::Ehr => &self.ehr,
        }
    }

    /// The remote that does not show its record any more, if one does not.
    pub fn gone(&self) -> Option<Remote> {
        Remote::BOTH.into_iter().find(|remote| self.side(*remote).snapshot.presence == Presence::Gone)
    }

    /// Takes the refused operations of its lane out of the way.
    fn cancel_parked(&self, changes: &mut Vec<Change>, now_ms: i64) {
        let called_off = self.blocked.called_off(now_ms);
        // Once: an operation that is cancelled already cannot be cancelled again.
        if called_off.first().is_some_and(|first| !changes.contains(first)) {
            changes.extend(called_off);
        }
    }

    /// The value comparison and planning work on.
    pub fn state<'a>(&'a self, lenses: &'a Lenses) -> PairState<'a> {
        PairState {
            catalogue: lenses.catalogue(self.pair.kind),
            base: self.base.as_ref(),
            servicenow: Some(&self.servicenow.record),
            ehr: Some(&self.ehr.record),
        }
    }
}

/// How a judgement is to be made.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Whether rules may write; a verification or a preview only looks.
    pub write: bool,
    /// Who is recorded as having agreed the values that now agree.
    pub agreed_by: &'a str,
    /// Unix milliseconds.
    pub now_ms: i64,
    /// What appointments and treatments are held to.
    pub rules: &'a Rules,
}

/// What keeps a treatment from being written as a new version.
enum Kept {
    /// Nothing, or nothing is to be written.
    Not,
    /// It waits: for a person who is asked about something else of it, for its patient to be linked, or for its completion in
    /// ServiceNow.
    Waiting,
    /// It fails the compliance check.
    NotCompliant(Vec<Hindrance>),
}

/// A version says everything, so it is written with nothing left to ask about it, or not at all.
fn kept(context: &PairContext, lenses: &Lenses, plan: &PairPlan, terms: Terms<'_>) -> Kept {
    if context.pair.kind != RecordKind::Treatment || plan.is_empty() {
        return Kept::Not;
    }
    if !plan.open.is_empty() || !context.servicenow.record.active || context.unresolved {
        return Kept::Waiting;
    }
    let hindrances = treatments::hindrances(context, lenses, terms.rules, terms.now_ms);
    if hindrances.is_empty() { Kept::Not } else { Kept::NotCompliant(hindrances) }
}

/// Which fields rules hold back.
enum Held {
    Nothing,
    /// It is not known which field was refused.
    Everything,
    Fields(Vec<record::FieldIx>),
}

/// The fields of a write that a system refused, with their groups.
fn held_back(context: &PairContext, lenses: &Lenses) -> Held {
    let Some(conflict) = context.open_conflict.as_ref().filter(|row| row.cause == ConflictCause::NotStored)
    else {
        return Held::Nothing;
    };
    let catalogue = lenses.catalogue(context.pair.kind);
    let refused: Vec<record::FieldIx> =
        conflict.fields.split(',').filter_map(|id| catalogue.index_of(id)).collect();
    // Of a treatment either everything is written or nothing.
    if refused.is_empty() || context.pair.kind == RecordKind::Treatment {
        return Held::Everything;
    }
    let group = |field| catalogue.spec(field).and_then(|spec| spec.group.clone());
    let groups: Vec<String> = refused.iter().filter_map(|field| group(*field)).collect();
    Held::Fields(
        catalogue
            .iter()
            .filter(|(field, spec)| {
                refused.contains(field) || spec.group.as_ref().is_some_and(|group| groups.contains(group))
            })
            .map(|(field, _)| field)
            .collect(),
    )
}

fn without(plan: &PairPlan, held: &Held) -> PairPlan {
    let mut kept = plan.clone();
    match held {
        Held::Nothing => {}
        Held::Everything => {
            kept.servicenow.clear();
            kept.ehr.clear();
        }
        Held::Fields(fields) => {
            kept.servicenow.retain(|write| !fields.contains(&write.field));
            kept.ehr.retain(|write| !fields.contains(&write.field));
        }
    }
    kept
}

/// What follows.
#[derive(Debug, Clone, Default)]
pub struct Judgement {
    /// To commit.
    pub changes: Vec<Change>,
    /// The rules that settled fields, one for each field.
    pub settled: Vec<Rule>,
    /// Grade of the open conflict, if there is one.
    pub conflict_grade: Option<u8>,
    /// Operations enqueued, per remote.
    pub writes: [u32; 2],
    /// Where the pair now stands.
    pub status: Option<PairStatus>,
    /// What rules would write, whether they may or not.
    pub plan: PairPlan,
    /// Both sides agree on a treatment, and what follows on it (its bill, its archiving) is to be written or was enqueued.
    pub follows: bool,
}

/// Judges a linked pair.
pub fn judge(
    context: &PairContext,
    lenses: &Lenses,
    terms: Terms<'_>,
    next_id: &mut dyn FnMut() -> String,
) -> Result<Judgement> {
    if let Some(remote) = context.gone() {
        return about_the_gone(context, remote, terms, next_id);
    }
    let catalogue = &**lenses.catalogue(context.pair.kind);
    let state = context.state(lenses);
    let comparison = reconcile::compare(&state);
    let pair_plan = reconcile::plan(&state, &comparison, &[])?;
    let mut judgement = Judgement::default();

    // Values that agree already become the base; values still to be written follow when they were read back.
    let agreed_only =
        PairPlan { agreed: pair_plan.agreed.clone(), open: pair_plan.open.clone(), ..PairPlan::default() };
    let base = reconcile::plan::base_after(
        &state,
        &agreed_only,
        &context.servicenow.record,
        &context.ehr.record,
        terms.now_ms,
        terms.agreed_by,
    );

    // What a system refused is not sent again and again; everything else goes on, additions of allergies above all.
    let held = held_back(context, lenses);
    let kept = kept(context, lenses, &pair_plan, terms);
    let to_write = match kept {
        Kept::Not => without(&pair_plan, &held),
        Kept::Waiting | Kept::NotCompliant(_) => PairPlan::default(),
    };
    let may_write = terms.write && !context.lane_busy && !to_write.is_empty();
    if may_write {
        let mut drafting = Drafting { now_ms: terms.now_ms, next_id };
        let body = plans::body_of(context, lenses, &to_write, Vec::new(), &mut drafting)?;
        let plan_id = next_id();
        let row = automatic_plan(&plan_id, context, &comparison, &body, terms.now_ms)?;
        judgement.settled = settled_by(&comparison);
        judgement.changes.push(Change::Audit(AuditRow {
            id: next_id(),
            at_ms: terms.now_ms,
            actor: "rule".to_owned(),
            action: "plan.settled".to_owned(),
            subject: context.pair.id.clone(),
            detail: field_ids(
                catalogue,
                to_write.servicenow.iter().chain(&to_write.ehr).map(|write| write.field),
            ),
        }));
        // A parked operation would hold up its lane for ever.
        context.cancel_parked(&mut judgement.changes, terms.now_ms);
        judgement.changes.push(Change::PutPlan(row));
        for operation in plans::operation_rows(&body, lenses, &plan_id, &context.pair, terms.now_ms, next_id)?
        {
            judgement.writes[index(operation.remote)] += 1;
            judgement.changes.push(Change::Enqueue(operation));
        }
    }

    let open = pair_plan.open.clone();
    let unfinished =
        what_follows(context, lenses, (&comparison, &pair_plan, &kept), terms, next_id, &mut judgement)?;

    let status = if judgement.conflict_grade.is_some() {
        PairStatus::Differs
    } else if context.lane_busy || !pair_plan.is_empty() || context.unresolved || unfinished {
        PairStatus::Waiting
    } else {
        PairStatus::Agreed
    };
    judgement.status = Some(status);
    let written = pair_plan.servicenow.iter().chain(&pair_plan.ehr).map(|write| write.field);
    let differing = field_ids(catalogue, open.into_iter().chain(written));
    let mut pair = context.pair.clone();
    pair.base_digest = Some(lens::digest(base.fields.iter().map(|field| &field.state)));
    pair.base = Some(reconcile::stored::encode_base(&base));
    pair.status = status;
    pair.differing = differing;
    pair.agreed_at_ms =
        if status == PairStatus::Agreed { Some(terms.now_ms) } else { context.pair.agreed_at_ms };
    pair.card = lens::card(catalogue, Some(&context.servicenow.record), Some(&context.ehr.record));
    if pair != context.pair {
        judgement.changes.push(Change::PutPair(pair));
    }
    judgement.plan = match kept {
        Kept::Not => pair_plan,
        Kept::Waiting | Kept::NotCompliant(_) => {
            PairPlan { servicenow: Vec::new(), ehr: Vec::new(), ..pair_plan }
        }
    };
    Ok(judgement)
}

/// Whether both sides of a treatment say the same and nothing of it is under way: only then what follows on it may begin.
fn agreed_on(context: &PairContext, plan: &PairPlan) -> bool {
    context.pair.kind == RecordKind::Treatment
        && plan.is_empty()
        && plan.open.is_empty()
        && context.servicenow.record.active
        && !context.unresolved
        && !context.lane_busy
        && context.blocked.operations.is_empty()
}

/// Opens and closes what is asked, and, where both sides of a treatment agree, plans what follows on it. Says whether
/// something of that is left to do.
fn what_follows(
    context: &PairContext,
    lenses: &Lenses,
    (comparison, plan, kept): (&Comparison, &PairPlan, &Kept),
    terms: Terms<'_>,
    next_id: &mut dyn FnMut() -> String,
    judgement: &mut Judgement,
) -> Result<bool> {
    let next = if agreed_on(context, plan) { completion::next(context, lenses)? } else { Next::Nothing };
    match (kept, &next) {
        (Kept::NotCompliant(why), _) => {
            let fields = why.iter().map(Hindrance::field).collect::<Vec<_>>().join(",");
            about_hindrances(context, why, fields, terms, next_id, judgement)?;
        }
        (Kept::Not | Kept::Waiting, Next::Ask(why)) => {
            let fields = completion::FIELDS.to_owned();
            about_hindrances(context, why, fields, terms, next_id, judgement)?;
        }
        (Kept::Not | Kept::Waiting, Next::Nothing | Next::Write(_)) => {
            let left = if matches!(next, Next::Write(_)) { Left::Something } else { Left::Nothing };
            conflict_changes(context, lenses, comparison, plan, left, terms, next_id, judgement)?;
        }
    }
    let Next::Write(operations) = next else { return Ok(false) };
    if judgement.conflict_grade.is_none() {
        judgement.follows = true;
        if terms.write {
            let body = plans::body_of_next(context, operations);
            enqueue_next(context, lenses, &body, terms, next_id, judgement)?;
        }
    }
    Ok(true)
}

/// The plan of what follows on a treatment, made by rule.
fn enqueue_next(
    context: &PairContext,
    lenses: &Lenses,
    body: &PlanBody,
    terms: Terms<'_>,
    next_id: &mut dyn FnMut() -> String,
    judgement: &mut Judgement,
) -> Result<()> {
    let plan_id = next_id();
    let text = encode("plan", body)?;
    let actions: Vec<&str> = body
        .operations
        .iter()
        .map(|operation| match operation.aim {
            plans::Aim::Record => "record",
            plans::Aim::Bill => "bill",
            plans::Aim::Archive => "archive",
        })
        .collect();
    judgement.changes.push(Change::Audit(AuditRow {
        id: next_id(),
        at_ms: terms.now_ms,
        actor: "rule".to_owned(),
        action: "plan.followed".to_owned(),
        subject: context.pair.id.clone(),
        detail: actions.join(","),
    }));
    judgement.changes.push(Change::PutPlan(PlanRow {
        id: plan_id.clone(),
        pair: context.pair.id.clone(),
        conflict: None,
        hash: lens::sha256_hex(&text),
        body: text,
        state: PlanState::Approved,
        grade: 1,
        maker: "rule".to_owned(),
        reason: None,
        approver: None,
        made_at_ms: terms.now_ms,
        closed_at_ms: Some(terms.now_ms),
        undoes: None,
    }));
    for operation in plans::operation_rows(body, lenses, &plan_id, &context.pair, terms.now_ms, next_id)? {
        judgement.writes[index(operation.remote)] += 1;
        judgement.changes.push(Change::Enqueue(operation));
    }
    Ok(())
}

/// A treatment that fails the compliance check, or cannot be billed, is asked about, with field, problem and way out; once
/// that is mended, the question closes by itself. What is asked about it already goes first. `fields` says which of the
/// two it is: the ids of what keeps a version back, or [`completion::FIELDS`].
fn about_hindrances(
    context: &PairContext,
    why: &[Hindrance],
    fields: String,
    terms: Terms<'_>,
    next_id: &mut dyn FnMut() -> String,
    judgement: &mut Judgement,
) -> Result<()> {
    let existing = context.open_conflict.as_ref();
    let stands = |open: &&ConflictRow| match open.cause {
        // What differed is agreed by now, or ServiceNow's to say: nobody has to decide it.
        ConflictCause::FieldsDiffer | ConflictCause::CannotCreate => {
            open.state != ConflictState::Open || context.lane_busy
        }
        ConflictCause::NotStored
        | ConflictCause::Overwritten
        | ConflictCause::Vanished
        | ConflictCause::MaybeDuplicate
        | ConflictCause::RuleBroken => true,
    };
    if let Some(open) = existing.filter(stands) {
        judgement.conflict_grade = Some(open.grade);
        return Ok(());
    }
    let comparison = encode("why", &why)?;
    let card = &context.pair.card;
    let asked = ConflictRow {
        id: existing.map_or_else(next_id, |open| open.id.clone()),
        pair: context.pair.id.clone(),
        cause: ConflictCause::CannotCreate,
        grade: 3,
        state: ConflictState::Open,
        fingerprint: lens::sha256_hex(&format!("{:?} {comparison}", ConflictCause::CannotCreate)),
        comparison,
        fields,
        title: lens::title(card),
        owner: card.owner.clone(),
        species: card.species.clone(),
        opened_at_ms: existing.map_or(terms.now_ms, |open| open.opened_at_ms),
        claimed_by: existing.and_then(|open| open.claimed_by.clone()),
        snoozed_until_ms: existing.and_then(|open| open.snoozed_until_ms),
        snooze_reason: existing.and_then(|open| open.snooze_reason.clone()),
        draft: None,
        closed_at_ms: None,
        closed_by: None,
    };
    judgement.conflict_grade = Some(asked.grade);
    if existing != Some(&asked) {
        judgement.changes.push(Change::PutConflict(asked));
    }
    Ok(())
}

/// What is not there is neither compared nor written; the question about it stays until it is shown again. Where another
/// one was open when it went, this one is asked as soon as there is place for it: a pair has one question at a time.
fn about_the_gone(
    context: &PairContext,
    remote: Remote,
    terms: Terms<'_>,
    next_id: &mut dyn FnMut() -> String,
) -> Result<Judgement> {
    let existing = context.open_conflict.as_ref();
    let mut judgement = Judgement { status: Some(PairStatus::Differs), ..Judgement::default() };
    let stands = existing.filter(|open| match open.state {
        // What was decided is carried out no further: else the question could never be answered again.
        ConflictState::Executing => context.lane_busy,
        // Nobody can decide fields of what is not there, and it breaks no rule any more.
        ConflictState::Open => {
            !matches!(open.cause, ConflictCause::FieldsDiffer | ConflictCause::RuleBroken)
                || context.lane_busy
        }
        ConflictState::AwaitingSecond | ConflictState::Closed => true,
    });
    if let Some(open) = stands {
        judgement.conflict_grade = Some(open.grade);
        return Ok(judgement);
    }
    let card = &context.pair.card;
    let new = ConflictRow {
        id: existing.map_or_else(next_id, |open| open.id.clone()),
        pair: context.pair.id.clone(),
        cause: ConflictCause::Vanished,
        grade: 3,
        state: ConflictState::Open,
        comparison: encode("remote", &remote)?,
        fields: String::new(),
        fingerprint: lens::sha256_hex(&format!("{:?} {}", ConflictCause::Vanished, context.pair.id)),
        title: lens::title(card),
        owner: card.owner.clone(),
        species: card.species.clone(),
        opened_at_ms: existing.map_or(terms.now_ms, |open| open.opened_at_ms),
        claimed_by: existing.and_then(|open| open.claimed_by.clone()),
        snoozed_until_ms: None,
        snooze_reason: None,
        draft: None,
        closed_at_ms: None,
        closed_by: None,
    };
    judgement.conflict_grade = Some(new.grade);
    judgement.changes.push(Change::PutConflict(new));
    if context.pair.status != PairStatus::Differs {
        let differs = PairRow { status: PairStatus::Differs, ..context.pair.clone() };
        judgement.changes.push(Change::PutPair(differs));
    }
    Ok(judgement)
}

/// 0 for ServiceNow, 1 for the EHR: the order of every per-remote array.
pub const fn index(remote: Remote) -> usize {
    match remote {
        Remote::ServiceNow => 0,
        Remote::Ehr => 1,
    }
}

/// Field ids, comma separated, each once, in catalogue order.
pub fn field_ids(catalogue: &Catalogue, fields: impl IntoIterator<Item = record::FieldIx>) -> String {
    let fields: std::collections::BTreeSet<_> = fields.into_iter().collect();
    let ids: Vec<&str> =
        fields.into_iter().filter_map(|field| catalogue.spec(field)).map(|spec| spec.id.as_str()).collect();
    ids.join(",")
}

fn settled_by(comparison: &Comparison) -> Vec<Rule> {
    let rule = |field: &FieldComparison| match &field.settlement {
        Settlement::Settle { rule, .. } => Some(*rule),
        Settlement::Nothing | Settlement::Ask { .. } => None,
    };
    comparison.fields.iter().filter_map(rule).collect()
}

fn automatic_plan(
    id: &str,
    context: &PairContext,
    comparison: &Comparison,
    body: &PlanBody,
    now_ms: i64,
) -> Result<PlanRow> {
    let text = encode("plan", body)?;
    let grade = comparison
        .fields
        .iter()
        .filter(|field| matches!(field.settlement, Settlement::Settle { .. }))
        .map(|field| field.grade.number())
        .max()
        .unwrap_or(1);
    Ok(PlanRow {
        id: id.to_owned(),
        pair: context.pair.id.clone(),
        conflict: None,
        hash: lens::sha256_hex(&text),
        body: text,
        state: PlanState::Approved,
        grade,
        maker: "rule".to_owned(),
        reason: None,
        approver: None,
        made_at_ms: now_ms,
        closed_at_ms: Some(now_ms),
        undoes: None,
    })
}

/// What is asked, as a value: the same question keeps its conflict.
fn fingerprint(cause: ConflictCause, asked: &[&FieldComparison]) -> Result<String> {
    let mut text = format!("{cause:?}");
    for field in asked {
        text.push('\n');
        text.push_str(&encode("comparison", &(field.field, &field.base, &field.servicenow, &field.ehr))?);
    }
    Ok(lens::sha256_hex(&text))
}

/// Whether what was refused has not come about in another way.
fn is_still_to_be_done(context: &PairContext, plan: &PairPlan, left: Left) -> bool {
    let waits_behind = context.pair.kind == RecordKind::Treatment && !context.blocked.operations.is_empty();
    !plan.is_empty() || left == Left::Something || waits_behind
}

/// Whether something is left to do with a pair whose sides agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    Something,
}

#[allow(clippy::too_many_arguments, reason = "each is a fact of its own, and all are needed")]
fn conflict_changes(
    context: &PairContext,
    lenses: &Lenses,
    comparison: &Comparison,
    plan: &PairPlan,
    left: Left,
    terms: Terms<'_>,
    next_id: &mut dyn FnMut() -> String,
    judgement: &mut Judgement,
) -> Result<()> {
    let catalogue = &**lenses.catalogue(context.pair.kind);
    let existing = context.open_conflict.as_ref();
    let asked: Vec<&FieldComparison> =
        comparison.fields.iter().filter(|field| plan.open.contains(&field.field)).collect();
    if asked.is_empty() {
        let Some(conflict) = existing else { return Ok(()) };
        match conflict.cause {
            // A write that was not stored stays open while the two sides still differ, or while it is still to be done:
            // a bill that was called off is not written again by itself.
            ConflictCause::NotStored if is_still_to_be_done(context, plan, left) => {
                judgement.conflict_grade = Some(conflict.grade);
                if conflict.state == ConflictState::Executing && !context.lane_busy {
                    // What was decided did not come true: it can be decided again.
                    let open = ConflictRow { state: ConflictState::Open, ..conflict.clone() };
                    judgement.changes.push(Change::PutConflict(open));
                }
                return Ok(());
            }
            // That a colleague's change may be gone does not settle itself: somebody looks, or decides. Whether a rule is
            // still broken is found out where the calendar is looked through.
            ConflictCause::Overwritten | ConflictCause::RuleBroken
                if conflict.state != ConflictState::Executing =>
            {
                judgement.conflict_grade = Some(conflict.grade);
                return Ok(());
            }
            ConflictCause::NotStored
            | ConflictCause::Overwritten
            | ConflictCause::FieldsDiffer
            | ConflictCause::Vanished
            | ConflictCause::MaybeDuplicate
            | ConflictCause::CannotCreate
            | ConflictCause::RuleBroken => {}
        }
        if context.lane_busy {
            // The writes of a decision are under way; it closes when they were read back.
            judgement.conflict_grade = Some(conflict.grade);
            return Ok(());
        }
        context.cancel_parked(&mut judgement.changes, terms.now_ms);
        let mut closed = conflict.clone();
        closed.state = ConflictState::Closed;
        closed.closed_at_ms = Some(terms.now_ms);
        closed.closed_by = Some(
            if conflict.state == ConflictState::Executing { "decided" } else { "settled itself" }.to_owned(),
        );
        judgement.changes.push(Change::PutConflict(closed));
        return Ok(());
    }
    let grade = asked.iter().map(|field| field.grade.number()).max().unwrap_or(3);
    judgement.conflict_grade = Some(grade);
    if context.lane_busy && existing.is_some_and(|conflict| conflict.state == ConflictState::Executing) {
        return Ok(());
    }
    let fingerprint = fingerprint(ConflictCause::FieldsDiffer, &asked)?;
    let fields = field_ids(catalogue, asked.iter().map(|field| field.field));
    match existing {
        // The same question: claim, snooze and draft stay.
        Some(conflict)
            if conflict.fingerprint == fingerprint && conflict.state != ConflictState::Executing => {}
        Some(conflict) => {
            let mut row = conflict.clone();
            // What was not stored stays so until the two sides agree: else rules would send the same write again. And that
            // something was overwritten is not forgotten because something else differs too.
            let keeps_cause = matches!(row.cause, ConflictCause::NotStored | ConflictCause::Overwritten);
            if !keeps_cause || row.state == ConflictState::Executing {
                row.cause = ConflictCause::FieldsDiffer;
            }
            row.grade = grade.max(if keeps_cause { row.grade } else { 0 });
            row.state = ConflictState::Open;
            if row.cause == ConflictCause::FieldsDiffer {
                // Otherwise it holds the words of the system that did not store.
                row.comparison = encode("comparison", comparison)?;
            }
            row.fields = if row.cause == ConflictCause::FieldsDiffer {
                fields
            } else {
                let known = row.fields.split(',').filter_map(|id| catalogue.index_of(id));
                field_ids(catalogue, known.chain(asked.iter().map(|field| field.field)))
            };
            row.fingerprint = fingerprint;
            judgement.changes.push(Change::PutConflict(row));
        }
        None => {
            let card = lens::card(catalogue, Some(&context.servicenow.record), Some(&context.ehr.record));
            judgement.changes.push(Change::PutConflict(ConflictRow {
                id: next_id(),
                pair: context.pair.id.clone(),
                cause: ConflictCause::FieldsDiffer,
                grade,
                state: ConflictState::Open,
                comparison: encode("comparison", comparison)?,
                fields,
                fingerprint,
                title: lens::title(&card),
                owner: card.owner,
                species: card.species,
                opened_at_ms: terms.now_ms,
                claimed_by: None,
                snoozed_until_ms: None,
                snooze_reason: None,
                draft: None,
                closed_at_ms: None,
                closed_by: None,
            }));
        }
    }
    Ok(())
}
