//! Work list and Compare.

use crate::console::Console;
use crate::dto::{
    AnswerDuplicate, ApiError, Candidate, Capability, Cause, ChoiceKind, Claim, CompareView, ConflictItem,
    ConflictList, ConflictQuery, ConflictStatus, Draft, Editor, ErrorCode, FieldChoice, FieldView, Id,
    Nothing, Person, PlanStatus, PlanView, RunsInto, SameAnimal, Seen, Shown, Snooze,
};
use crate::errors::{api, sentence};
use crate::patients::listed;
use crate::permissions::{may, to_decide, who_can};
use crate::reasons::Act;
use crate::shown::{agreed, editor, remote_name, shown, side};
use crate::words;
use engine::broken::Broken;
use engine::error::decode;
use engine::one_sided::Hindrance;
use engine::overwritten::Overwritten;
use engine::pairing::Likeness;
use engine::step::{load_context, load_side};
use engine::{Command, Reply};
use reconcile::compare::Base;
use reconcile::{FieldComparison, Settlement};
use record::{FieldSpec, FieldState, RecordKind, Remote, Value};
use std::collections::HashMap;
use store::{ConflictCause, ConflictFilter, ConflictRow, ConflictState, PairRow, SnapshotId};

const fn cause(cause: ConflictCause) -> Cause {
    match cause {
        ConflictCause::FieldsDiffer => Cause::FieldsDiffer,
        ConflictCause::MaybeDuplicate => Cause::MaybeDuplicate,
        ConflictCause::NotStored => Cause::NotStored,
        ConflictCause::Vanished => Cause::Vanished,
        ConflictCause::CannotCreate => Cause::CannotCreate,
        ConflictCause::Overwritten => Cause::Overwritten,
        ConflictCause::RuleBroken => Cause::RuleBroken,
    }
}

const fn stored_cause(cause: Cause) -> ConflictCause {
    match cause {
        Cause::FieldsDiffer => ConflictCause::FieldsDiffer,
        Cause::MaybeDuplicate => ConflictCause::MaybeDuplicate,
        Cause::NotStored => ConflictCause::NotStored,
        Cause::Vanished => ConflictCause::Vanished,
        Cause::CannotCreate => ConflictCause::CannotCreate,
        Cause::Overwritten => ConflictCause::Overwritten,
        Cause::RuleBroken => ConflictCause::RuleBroken,
    }
}

const fn state(state: ConflictState) -> ConflictStatus {
    match state {
        ConflictState::Open => ConflictStatus::Open,
        ConflictState::AwaitingSecond => ConflictStatus::AwaitingSecond,
        ConflictState::Executing => ConflictStatus::Executing,
        ConflictState::Closed => ConflictStatus::Closed,
    }
}

const fn stored_state(state: ConflictStatus) -> ConflictState {
    match state {
        ConflictStatus::Open => ConflictState::Open,
        ConflictStatus::AwaitingSecond => ConflictState::AwaitingSecond,
        ConflictStatus::Executing => ConflictState::Executing,
        ConflictStatus::Closed => ConflictState::Closed,
    }
}

fn blank_shown() -> Shown {
    shown(&FieldState::Blank)
}

/// A field without a comparison.
pub(crate) fn empty_field(spec: &FieldSpec) -> FieldView {
    FieldView {
        field: spec.id.clone(),
        label: spec.label.clone(),
        group: spec.group.clone(),
        editor: editor(&spec.value_type),
        grade: 0,
        service_now: blank_shown(),
        last_agreed: blank_shown(),
        ehr: blank_shown(),
        last_agreed_at_ms: None,
        last_agreed_by: None,
        same_because: None,
        why: None,
        rule: None,
        sentence: String::new(),
        suggestion: None,
        suggestion_reason: None,
        suggested_choice: None,
        choices: Vec::new(),
        may_decide: false,
        who_can: None,
    }
}

/// One row of Compare.
pub(crate) fn field_view(
    spec: &FieldSpec,
    field: &FieldComparison,
    base: Option<&Base>,
    person: &Person,
) -> FieldView {
    let last = base.and_then(|base| base.fields.get(usize::from(field.field.0)));
    let capability = to_decide(spec.owner);
    let mut view = FieldView {
        grade: field.grade.number(),
        service_now: shown(&field.servicenow),
        last_agreed: agreed(&field.base),
        ehr: shown(&field.ehr),
        last_agreed_at_ms: last.filter(|_| field.base != FieldState::Unknown).map(|last| last.agreed_at_ms),
        last_agreed_by: last.filter(|_| field.base != FieldState::Unknown).map(|last| last.agreed_by.clone()),
        same_because: field.same_because.map(words::same_why),
        sentence: words::difference(spec, field),
        may_decide: may(person, capability),
        who_can: (!may(person, capability)).then(|| who_can(capability).to_owned()),
        ..empty_field(spec)
    };
    match &field.settlement {
        Settlement::Nothing => {}
        Settlement::Settle { value, rule } => {
            view.rule = Some(words::rule_name(*rule));
            view.suggestion = Some(shown(value));
            view.suggestion_reason = Some(sentence(&words::rule_words(*rule, field.changed_by)));
        }
        Settlement::Ask { why, suggestion } => {
            view.why = Some(words::why_asked(*why));
            view.choices = choices(field);
            if let Some(suggestion) = suggestion {
                view.suggestion = Some(shown(suggestion));
                view.suggested_choice = Some(choice_of(suggestion, field));
                view.suggestion_reason = words::suggestion_words(spec, field, *why, suggestion);
            }
        }
    }
    if view.editor == Editor::Species {
        for shown in [&mut view.service_now, &mut view.last_agreed, &mut view.ehr] {
            shown.text = words::capitalised(&shown.text);
        }
    }
    view
}

fn choice_of(value: &FieldState, field: &FieldComparison) -> ChoiceKind {
    if *value == field.servicenow {
        ChoiceKind::TakeServiceNow
    } else if *value == field.ehr {
        ChoiceKind::TakeEhr
    } else if *value == field.base {
        ChoiceKind::TakeLastAgreed
    } else if matches!(value, FieldState::Value(Value::Substances(_) | Value::LongText(_))) {
        ChoiceKind::KeepBoth
    } else {
        ChoiceKind::Own
    }
}

fn choices(field: &FieldComparison) -> Vec<ChoiceKind> {
    let takeable = |state: &FieldState| matches!(state, FieldState::Value(_) | FieldState::Blank);
    let mut choices = Vec::new();
    if takeable(&field.servicenow) {
        choices.push(ChoiceKind::TakeServiceNow);
    }
    if takeable(&field.base) {
        choices.push(ChoiceKind::TakeLastAgreed);
    }
    if takeable(&field.ehr) {
        choices.push(ChoiceKind::TakeEhr);
    }
    choices.push(ChoiceKind::Own);
    let both = |wanted: fn(&Value) -> bool| {
        field.servicenow.value().is_some_and(wanted) && field.ehr.value().is_some_and(wanted)
    };
    if both(|value| matches!(value, Value::Substances(_)))
        || both(|value| matches!(value, Value::LongText(_)))
    {
        choices.push(ChoiceKind::KeepBoth);
    }
    choices.push(ChoiceKind::LeaveOpen);
    choices
}

/// Why a candidate cannot be answered with "same animal" for a record of `remote`: a patient has one record a system.
fn not_linkable(candidate: &PairRow, remote: Remote) -> Option<String> {
    let taken = match remote {
        Remote::ServiceNow => candidate.servicenow_key.is_some(),
        Remote::Ehr => candidate.ehr_key.is_some(),
    };
    let place = words::place(remote);
    taken.then(|| {
        format!(
            "That patient already has a record in {place}, so the two cannot be linked here: merge them in {place}, \
             or say they are not the same."
        )
    })
}

fn broken(row: &ConflictRow) -> Broken {
    decode("broken", &row.comparison).unwrap_or_default()
}

fn hindrances(row: &ConflictRow) -> Vec<Hindrance> {
    decode("why", &row.comparison).unwrap_or_default()
}

impl Console {
    pub(crate) async fn conflict(&self, id: &str) -> Result<ConflictRow, ApiError> {
        self.parts.store.conflict(id).await?.ok_or_else(|| {
            api(
                ErrorCode::NotFound,
                "There is no such conflict any more.",
                "It may be settled; look at the work list.",
            )
        })
    }

    pub(crate) fn may_decide(&self, row: &ConflictRow) -> bool {
        let person = self.person();
        match row.cause {
            ConflictCause::MaybeDuplicate => may(&person, Capability::LinkPatients),
            ConflictCause::FieldsDiffer
            | ConflictCause::NotStored
            | ConflictCause::Vanished
            | ConflictCause::CannotCreate
            | ConflictCause::Overwritten
            | ConflictCause::RuleBroken => {
                let mut fields = row.fields.split(',').filter_map(|id| self.spec_of(id)).peekable();
                match fields.peek() {
                    None => self.decides_something(),
                    Some(_) => fields.any(|(_, spec)| may(&person, to_decide(spec.owner))),
                }
            }
        }
    }

    /// Working on a conflict is for those who may decide something of it.
    async fn require_a_say(&self, conflict: &str) -> Result<(), ApiError> {
        if self.may_decide(&self.conflict(conflict).await?) {
            return Ok(());
        }
        Err(api(
            ErrorCode::NotAllowed,
            "Your role may look at this conflict, not work on it.",
            format!("Ask {}.", who_can(Capability::LinkPatients)),
        ))
    }

    fn why(&self, row: &ConflictRow, comparison: Option<&reconcile::Comparison>) -> String {
        match row.cause {
            ConflictCause::FieldsDiffer => {
                let why = comparison.and_then(|comparison| {
                    comparison
                        .fields
                        .iter()
                        .filter(|field| matches!(field.settlement, Settlement::Ask { .. }))
                        .max_by_key(|field| field.grade)
                        .and_then(|field| match &field.settlement {
                            Settlement::Ask { why, .. } => Some(words::why_of(*why, field)),
                            Settlement::Nothing | Settlement::Settle { .. } => None,
                        })
                });
                why.unwrap_or("The two systems disagree.").to_owned()
            }
            ConflictCause::MaybeDuplicate => {
                "Only one system has this record, and another record resembles it.".to_owned()
            }
            ConflictCause::NotStored => format!(
                "A system did not store what was sent: {}",
                decode::<Vec<String>>("problems", &row.comparison)
                    .unwrap_or_default()
                    .iter()
                    .map(|problem| self.label(problem))
                    .collect::<Vec<_>>()
                    .join("; ")
            ),
            ConflictCause::Vanished => {
                let remote = decode::<Remote>("remote", &row.comparison).map_or("one system", Remote::label);
                format!(
                    "{remote} does not show this record any more. Nothing is deleted in the other system."
                )
            }
            ConflictCause::CannotCreate => {
                // The fields are named where both systems have it: a treatment that was changed.
                let mut why = if row.fields == engine::completion::FIELDS {
                    "Both systems agree on this treatment, and it cannot be billed and archived as it is."
                } else if row.fields.is_empty() {
                    "Only one system has this record, and it cannot be created in the other as it is."
                } else {
                    "It was changed in ServiceNow, and cannot be written to the EHR as a new version as it is."
                }
                .to_owned();
                for hindrance in hindrances(row) {
                    if let Hindrance::Finding { problem, way_out, .. } = hindrance {
                        why.push_str(&format!(" {} {}", sentence(&problem), sentence(&way_out)));
                    }
                }
                why.trim_end().to_owned()
            }
            ConflictCause::RuleBroken => {
                let mut why = "Both systems agree on it, and yet it cannot be right.".to_owned();
                for hindrance in broken(row).why {
                    if let Hindrance::Finding { problem, way_out, .. } = hindrance {
                        why.push_str(&format!(" {} {}", sentence(&problem), sentence(&way_out)));
                    }
                }
                why
            }
            ConflictCause::Overwritten => match decode::<Overwritten>("overwritten", &row.comparison) {
                Ok(known) => self.overwritten_words(&known),
                Err(_) => "Somebody else changed this record in the moment VetSync wrote to it.".to_owned(),
            },
        }
    }

    pub(crate) fn conflict_item(&self, row: &ConflictRow, alike: u32) -> ConflictItem {
        let person = self.person();
        let comparison: Option<reconcile::Comparison> = match row.cause {
            ConflictCause::FieldsDiffer => decode("comparison", &row.comparison).ok(),
            _ => None,
        };
        let ids: Vec<String> = match row.cause {
            ConflictCause::CannotCreate => {
                let fields = hindrances(row).into_iter().map(|hindrance| hindrance.field().to_owned());
                fields.filter(|field| !field.is_empty()).collect()
            }
            _ => row.fields.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect(),
        };
        let short = |pick: fn(&FieldComparison) -> &FieldState| {
            let (first, _) = self.spec_of(ids.first()?)?;
            let field = comparison.as_ref()?.fields.get(usize::from(first.0))?;
            let text = pick(field).display();
            (text.chars().count() <= 40 && !text.contains('\n')).then_some(text)
        };
        ConflictItem {
            id: row.id.clone(),
            patient_id: row.pair.clone(),
            patient: row.title.clone(),
            owner: row.owner.clone(),
            species: row.species.clone(),
            cause: cause(row.cause),
            grade: row.grade,
            status: state(row.state),
            field_labels: ids.iter().map(|id| self.label(id)).collect(),
            service_now_short: short(|field| &field.servicenow),
            ehr_short: short(|field| &field.ehr),
            why: self.why(row, comparison.as_ref()),
            fields: ids,
            opened_at_ms: row.opened_at_ms,
            claimed_by: row.claimed_by.as_deref().map(|id| self.name_of(id)),
            claimed_by_me: row.claimed_by.as_deref() == Some(person.id.as_str()),
            snoozed_until_ms: row.snoozed_until_ms,
            may_decide: self.may_decide(row),
            waits: None,
            alike,
        }
    }

    /// What the approved plan of a conflict waits for, if it does.
    async fn waits_of(&self, row: &ConflictRow) -> Result<Option<String>, ApiError> {
        let waits = row.state == ConflictState::Executing
            && self.parts.store.waiting_plan_of(&row.pair).await?.is_some();
        Ok(waits.then(|| self.waits_words()))
    }

    pub(crate) async fn conflicts_list(&self, request: ConflictQuery) -> Result<ConflictList, ApiError> {
        let filter = ConflictFilter {
            states: match request.status {
                Some(status) => vec![stored_state(status)],
                None => vec![ConflictState::Open, ConflictState::AwaitingSecond, ConflictState::Executing],
            },
            grade: request.grade,
            field: request.field,
            cause: request.cause.map(stored_cause),
            text: (!request.text.trim().is_empty()).then(|| request.text.clone()),
            pair: None,
        };
        let limit = request.limit.clamp(1, 1_000);
        let (rows, total) = self.parts.store.conflicts(&filter, self.now_ms(), request.offset, limit).await?;
        let mut alike: HashMap<(ConflictCause, &str), u32> = HashMap::new();
        for row in &rows {
            *alike.entry((row.cause, row.fields.as_str())).or_default() += 1;
        }
        let mut items = Vec::with_capacity(rows.len());
        for row in &rows {
            let alike = alike.get(&(row.cause, row.fields.as_str())).copied().unwrap_or(1);
            items.push(ConflictItem { waits: self.waits_of(row).await?, ..self.conflict_item(row, alike) });
        }
        Ok(ConflictList { items, total: u32::try_from(total).unwrap_or(u32::MAX) })
    }

    pub(crate) async fn conflicts_get(&self, request: Id) -> Result<CompareView, ApiError> {
        let row = self.conflict(&request.id).await?;
        let pair = self.pair(&row.pair).await?;
        let store = &*self.parts.store;
        let lenses = &self.parts.lenses;
        let person = self.person();
        let mut view = CompareView {
            conflict: ConflictItem { waits: self.waits_of(&row).await?, ..self.conflict_item(&row, 1) },
            service_now: side(Remote::ServiceNow, None, pair.servicenow_key.as_deref()),
            ehr: side(Remote::Ehr, None, pair.ehr_key.as_deref()),
            fields: Vec::new(),
            agreeing: Vec::new(),
            draft: row.draft.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
            candidates: Vec::new(),
            runs_into: Vec::new(),
            fingerprint: row.fingerprint.clone(),
        };
        if row.cause == ConflictCause::RuleBroken {
            for other in broken(&row).others {
                let Some(other) = store.pair(&other).await? else { continue };
                let when = self.when(lenses.catalogue(other.kind), &self.sides_of(&other).await?);
                let card = other.card;
                view.runs_into.push(RunsInto { id: other.id, patient: card.name, when, about: card.breed });
            }
        }
        if let Some(context) = load_context(store, lenses, pair.clone()).await? {
            view.service_now =
                side(Remote::ServiceNow, Some(&context.servicenow), pair.servicenow_key.as_deref());
            view.ehr = side(Remote::Ehr, Some(&context.ehr), pair.ehr_key.as_deref());
            let comparison = reconcile::compare(&context.state(lenses));
            for field in &comparison.fields {
                let Some(spec) = lenses.catalogue(pair.kind).spec(field.field) else { continue };
                let mut shown = field_view(spec, field, context.base.as_ref(), &person);
                // What a system did not store is offered for a decision even where a rule would settle it.
                if row.cause == ConflictCause::NotStored
                    && matches!(field.settlement, Settlement::Settle { .. })
                {
                    shown.choices = choices(field);
                }
                if field.grade.number() == 0 { view.agreeing.push(shown) } else { view.fields.push(shown) }
            }
            if pair.kind != RecordKind::Patient {
                let records = [&context.servicenow.record, &context.ehr.record];
                for fields in [&mut view.agreeing, &mut view.fields] {
                    self.name_patients(lenses.catalogue(pair.kind), records.into_iter(), fields).await?;
                }
            }
            return Ok(view);
        }
        let (remote, key) = match (&pair.servicenow_key, &pair.ehr_key) {
            (Some(key), None) => (Remote::ServiceNow, key),
            (None, Some(key)) => (Remote::Ehr, key),
            _ => return Ok(view),
        };
        if let Some(own) = load_side(store, pair.kind, remote, key).await? {
            let provenance = side(remote, Some(&own), Some(key));
            match remote {
                Remote::ServiceNow => view.service_now = provenance,
                Remote::Ehr => view.ehr = provenance,
            }
            for (field, spec) in lenses.catalogue(pair.kind).iter() {
                let mut shown_field = empty_field(spec);
                match remote {
                    Remote::ServiceNow => shown_field.service_now = shown(own.record.field(field)),
                    Remote::Ehr => shown_field.ehr = shown(own.record.field(field)),
                }
                view.agreeing.push(shown_field);
            }
            view.candidates = self.candidates(&own.snapshot.id).await?;
        }
        Ok(view)
    }

    async fn candidates(&self, id: &SnapshotId) -> Result<Vec<Candidate>, ApiError> {
        let store = &*self.parts.store;
        let mut found = Vec::new();
        for row in store.duplicates_of(id).await?.into_iter().filter(|row| row.answer.is_none()) {
            let other = if row.a == *id { &row.b } else { &row.a };
            let Some(pair) = store.pair_by_key(other.remote, other.kind, &other.key).await? else {
                continue;
            };
            let likeness: Likeness = decode("evidence", &row.evidence)?;
            let [for_sentences, against_sentences] = words::evidence_sentences(&likeness.evidence);
            let not_linkable = not_linkable(&pair, id.remote);
            found.push(Candidate {
                patient_id: pair.id.clone(),
                remote: remote_name(other.remote),
                name: pair.card.name.clone(),
                owner: pair.card.owner.clone(),
                species: pair.card.species.clone(),
                breed: pair.card.breed.clone(),
                born: pair.card.born.clone(),
                phone: pair.card.phone.clone(),
                chip: pair.card.chip.clone(),
                for_sentences,
                against_sentences,
                tier: words::tier_words(likeness.tier).to_owned(),
                linkable: not_linkable.is_none(),
                not_linkable_because: not_linkable,
            });
        }
        Ok(found)
    }

    pub(crate) async fn conflicts_claim(&self, request: Claim) -> Result<ConflictItem, ApiError> {
        self.require_decider()?;
        self.require_a_say(&request.id).await?;
        let person = request.claim.then(|| self.person().id);
        self.parts.engine.ask(Command::Claim { conflict: request.id.clone(), person }).await?;
        Ok(self.conflict_item(&self.conflict(&request.id).await?, 1))
    }

    pub(crate) async fn conflicts_snooze(&self, request: Snooze) -> Result<ConflictItem, ApiError> {
        self.require_decider()?;
        self.require_a_say(&request.id).await?;
        // To bring it back is to end an exception.
        let reason = match request.until_ms {
            Some(_) => Act::Snooze.reason_text(Some(&request.reason))?,
            None => request.reason.trim().to_owned(),
        };
        self.parts
            .engine
            .ask(Command::Snooze {
                conflict: request.id.clone(),
                until_ms: request.until_ms,
                reason,
                person: self.person().id,
            })
            .await?;
        Ok(self.conflict_item(&self.conflict(&request.id).await?, 1))
    }

    pub(crate) async fn conflicts_seen(&self, request: Seen) -> Result<ConflictItem, ApiError> {
        self.require_decider()?;
        self.require_a_say(&request.id).await?;
        let reason = Act::Seen.reason_text(Some(&request.reason))?;
        let command = Command::Seen { conflict: request.id.clone(), person: self.person().id, reason };
        self.parts.engine.ask(command).await?;
        Ok(self.conflict_item(&self.conflict(&request.id).await?, 1))
    }

    /// What is known of a change that our write overtook, and what to do.
    fn overwritten_words(&self, known: &Overwritten) -> String {
        let place = words::place(known.remote);
        let labels = |ids: &[String]| ids.iter().map(|id| self.label(id)).collect::<Vec<_>>().join(", ");
        let mut text =
            format!("Somebody else changed this record in {place} in the moment VetSync wrote to it");
        if let Some(before) = &known.version_before {
            let own = |version: &str| version.split('~').next().unwrap_or_default().to_owned();
            text.push_str(&format!(" (version {}, then {})", own(before), own(&known.version_after)));
        }
        text.push_str(&format!(
            ". What they may have put into {} is not known and was overwritten",
            if known.written.is_empty() { "it".to_owned() } else { labels(&known.written) }
        ));
        if known.whole_record {
            text.push_str(
                "; this system replaces the whole record with every write, so look at its other fields too",
            );
        }
        if !known.kept.is_empty() {
            text.push_str(&format!("; what they changed in {} stands", labels(&known.kept)));
        }
        text.push_str(&format!(
            ". Look into the history of the record in {place}, and correct it there if it is wrong."
        ));
        text
    }

    pub(crate) async fn conflicts_draft(&self, request: Draft) -> Result<Nothing, ApiError> {
        self.require_decider()?;
        self.require_a_say(&request.id).await?;
        let draft = engine::error::encode("draft", &request.choices)?;
        self.parts.engine.ask(Command::SaveDraft { conflict: request.id, draft }).await?;
        Ok(Nothing {})
    }

    pub(crate) async fn conflicts_answer(&self, request: AnswerDuplicate) -> Result<PlanView, ApiError> {
        let reason = Act::AnswerDuplicate.reason_text(Some(&request.reason))?;
        let person = self.person();
        let reply = self
            .parts
            .engine
            .ask(Command::AnswerDuplicate {
                conflict: request.conflict_id.clone(),
                candidate: request.candidate_patient_id,
                same: request.answer == SameAnimal::Same,
                person: person.id.clone(),
                reason: reason.clone(),
            })
            .await?;
        let Reply::Pair(pair) = reply else {
            return Err(api(ErrorCode::Internal, "The engine gave no patient.", "Try again."));
        };
        // What followed from the answer: the newest plan of this patient, or nothing to write.
        let newest = self.parts.store.plans(None, 0, 50).await?.into_iter().find(|plan| plan.pair == pair);
        match newest {
            Some(plan) => self.plan_view(&plan).await,
            None => {
                let row = self.pair(&pair).await?;
                Ok(PlanView {
                    id: String::new(),
                    hash: String::new(),
                    patient: row.card.name.clone(),
                    patient_id: pair,
                    conflict_id: Some(request.conflict_id),
                    status: PlanStatus::Done,
                    grade: 3,
                    maker: person.name,
                    maker_is_me: true,
                    reason: Some(reason),
                    approver: None,
                    made_at_ms: self.now_ms(),
                    writes: Vec::new(),
                    open_fields: Vec::new(),
                    needs_second: false,
                    needs_reason: false,
                    may_approve: false,
                    who_can: None,
                    left_out: Vec::new(),
                    moved: Vec::new(),
                    waits: None,
                    may_withdraw: false,
                    undoes: None,
                    replaces: None,
                })
            }
        }
    }

    /// Turns the UI's choices into decisions; every problem names its field.
    pub(crate) fn decisions(
        &self,
        kind: RecordKind,
        choices: &[FieldChoice],
    ) -> Result<Vec<reconcile::plan::FieldDecision>, ApiError> {
        let person = self.person();
        let catalogue = self.parts.lenses.catalogue(kind);
        choices
            .iter()
            .filter(|choice| choice.choice != ChoiceKind::LeaveOpen)
            .map(|choice| {
                let Some((field, spec)) =
                    catalogue.index_of(&choice.field).and_then(|field| Some((field, catalogue.spec(field)?)))
                else {
                    return Err(api(
                        ErrorCode::Invalid,
                        format!("There is no field {:?}.", choice.field),
                        "Reload this conflict.",
                    ));
                };
                let capability = to_decide(spec.owner);
                if !may(&person, capability) {
                    return Err(ApiError {
                        field: Some(choice.field.clone()),
                        ..api(
                            ErrorCode::NotAllowed,
                            format!("{}: your role may not decide this field.", spec.label),
                            format!("Leave it open for {}.", who_can(capability)),
                        )
                    });
                }
                let choice = match choice.choice {
                    ChoiceKind::TakeServiceNow => reconcile::plan::Choice::TakeServiceNow,
                    ChoiceKind::TakeLastAgreed => reconcile::plan::Choice::TakeBase,
                    ChoiceKind::TakeEhr => reconcile::plan::Choice::TakeEhr,
                    ChoiceKind::KeepBoth => reconcile::plan::Choice::KeepBoth,
                    ChoiceKind::LeaveOpen => reconcile::plan::Choice::LeaveOpen,
                    ChoiceKind::Own => {
                        let text = choice.own.as_deref().unwrap_or_default();
                        match self.own_value(&choice.field, text)? {
                            Ok(state) => reconcile::plan::Choice::Own(state),
                            Err(problem) => {
                                return Err(ApiError {
                                    field: Some(choice.field.clone()),
                                    ..api(
                                        ErrorCode::Invalid,
                                        sentence(&format!("{}: {}", spec.label, problem.problem)),
                                        sentence(&problem.way_out),
                                    )
                                });
                            }
                        }
                    }
                };
                Ok(reconcile::plan::FieldDecision { field, choice })
            })
            .collect()
    }

    /// Labels of fields by position.
    pub(crate) fn labels(&self, kind: RecordKind, fields: &[record::FieldIx]) -> Vec<String> {
        fields
            .iter()
            .filter_map(|field| self.parts.lenses.catalogue(kind).spec(*field))
            .map(|spec| spec.label.clone())
            .collect()
    }

    /// "A, B and C" of fields.
    pub(crate) fn label_list(&self, kind: RecordKind, fields: &[record::FieldIx]) -> String {
        let labels = self.labels(kind, fields);
        listed(&labels.iter().map(String::as_str).collect::<Vec<_>>())
    }
}
