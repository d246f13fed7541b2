//! Plans: preview, approval, refusal, undo.

use crate::console::Console;
use crate::dto::{
    ApiError, Approve, Approved, Capability, ErrorCode, Id, MakePlan, OperationStatus, OperationView,
    PlanStatus, PlanView, PlannedChange, PlannedWrite, Refuse,
};
use crate::errors::{api, sentence};
use crate::permissions::{may, to_decide, who_can};
use crate::reasons::Act;
use crate::shown::remote_name;
use crate::words;
use engine::execute::AttemptError;
use engine::plans::{Aim, PlanBody, PlannedOperation, frozen};
use engine::{Command, Reply};
use reconcile::FieldWrite;
use record::RecordKind;
use remote::Write;
use store::{OperationFilter, OperationRow, OperationState, PlanRow, PlanState};

pub(crate) const fn plan_status(state: PlanState) -> PlanStatus {
    match state {
        PlanState::Draft => PlanStatus::Draft,
        PlanState::AwaitingSecond => PlanStatus::AwaitingSecond,
        PlanState::AwaitingCheck => PlanStatus::AwaitingCheck,
        PlanState::Approved => PlanStatus::Approved,
        PlanState::Done => PlanStatus::Done,
        PlanState::Refused => PlanStatus::Refused,
        PlanState::Superseded => PlanStatus::Superseded,
    }
}

pub(crate) const fn operation_status(state: OperationState) -> OperationStatus {
    match state {
        OperationState::Waiting => OperationStatus::Waiting,
        OperationState::Running => OperationStatus::Running,
        OperationState::Retrying => OperationStatus::Retrying,
        OperationState::Parked => OperationStatus::Parked,
        OperationState::Done => OperationStatus::Done,
        OperationState::Cancelled => OperationStatus::Cancelled,
    }
}

impl Console {
    pub(crate) fn changes(&self, kind: RecordKind, fields: &[FieldWrite]) -> Vec<PlannedChange> {
        fields
            .iter()
            .filter_map(|write| {
                let spec = self.parts.lenses.catalogue(kind).spec(write.field)?;
                Some(PlannedChange {
                    field: spec.id.clone(),
                    label: spec.label.clone(),
                    before: write.from.display(),
                    after: write.to.display(),
                })
            })
            .collect()
    }

    /// "Change the owner's phone in the EHR from … to …"
    pub(crate) fn write_sentence(
        &self,
        kind: RecordKind,
        remote: record::Remote,
        create: bool,
        fields: &[FieldWrite],
        aim: Aim,
    ) -> String {
        let place = words::place(remote);
        match aim {
            Aim::Record => {}
            Aim::Bill => return format!("Create a line of this treatment's bill in {place}"),
            Aim::Archive => return format!("Mark this treatment as archived in {place}"),
        }
        if create {
            return format!("Create this {} in {place}", kind.as_str());
        }
        match fields {
            [] => format!("Write the other system's number into {place}"),
            [one] => {
                let label = self.labels(kind, &[one.field]).pop().unwrap_or_default();
                format!(
                    "Change {} in {place} from {} to {}",
                    lower_first(&label),
                    words::quoted(&one.from),
                    words::quoted(&one.to)
                )
            }
            many => {
                let all: Vec<record::FieldIx> = many.iter().map(|write| write.field).collect();
                format!("Change {} in {place}", lower_first(&self.label_list(kind, &all)))
            }
        }
    }

    pub(crate) fn planned_write(&self, kind: RecordKind, operation: &PlannedOperation) -> PlannedWrite {
        let write = Write {
            kind,
            place: operation.aim.place(),
            key: operation.key.clone(),
            body: operation.body.clone(),
            expected_version: operation.expected_version.clone(),
            idempotency_key: operation.looked_up_by(self.parts.lenses.of(kind)).unwrap_or_default(),
        };
        let preview = self.parts.remotes.get(operation.remote).preview(&write);
        let mut side_effects = Vec::new();
        if operation.creates() {
            side_effects.push(match operation.aim {
                Aim::Bill => "What is billed cannot be undone: it is corrected in ServiceNow.".to_owned(),
                Aim::Record | Aim::Archive => {
                    "A created record cannot be undone: nothing is ever deleted remotely.".to_owned()
                }
            });
        }
        if operation.cross_reference.is_some() && !operation.creates() {
            side_effects.push("The other system's number for this record is written along.".to_owned());
        }
        PlannedWrite {
            remote: remote_name(operation.remote),
            sentence: self.write_sentence(
                kind,
                operation.remote,
                operation.creates(),
                &operation.fields,
                operation.aim,
            ),
            changes: self.changes(kind, &operation.fields),
            method: preview.method,
            url: preview.url,
            headers: preview.headers.into_iter().map(|(name, value)| format!("{name}: {value}")).collect(),
            body: operation.body.clone(),
            relies_on_version: operation.expected_version.clone(),
            side_effects,
        }
    }

    /// The capability that approving a plan takes, besides being another person where that is needed.
    fn approval_capability(&self, kind: RecordKind, plan: &PlanRow, body: &PlanBody) -> Option<Capability> {
        let person = self.person();
        if plan.state == PlanState::AwaitingSecond {
            return (!may(&person, Capability::ApproveSecond)).then_some(Capability::ApproveSecond);
        }
        if body.replaces.is_some() {
            // Edit and resend is IT's, whoever owns the field; what needs two persons still needs a second one.
            return (!may(&person, Capability::EditQueue)).then_some(Capability::EditQueue);
        }
        if plan.undoes.is_some() && !may(&person, Capability::Undo) {
            return Some(Capability::Undo);
        }
        let decided = body.decisions.iter().map(|decision| decision.field);
        let undone = body
            .operations
            .iter()
            .filter(|_| plan.undoes.is_some())
            .flat_map(|operation| operation.fields.iter().map(|write| write.field));
        decided
            .chain(undone)
            .filter_map(|field| self.parts.lenses.catalogue(kind).spec(field))
            .map(|spec| to_decide(spec.owner))
            .find(|capability| !may(&person, *capability))
    }

    /// Whoever made or approved a plan that waits for its check may withdraw it, and so may those who could have
    /// approved it, and IT as with everything that waits in the queue.
    pub(crate) fn may_withdraw(&self, kind: RecordKind, plan: &PlanRow, body: &PlanBody) -> bool {
        let person = self.person();
        plan.state == PlanState::AwaitingCheck
            && (plan.maker == person.id
                || plan.approver.as_deref() == Some(person.id.as_str())
                || may(&person, Capability::EditQueue)
                || (self.decides_something() && self.approval_capability(kind, plan, body).is_none()))
    }

    pub(crate) async fn plan_view(&self, plan: &PlanRow) -> Result<PlanView, ApiError> {
        let body = frozen(plan)?;
        let person = self.person();
        let pair = self.parts.store.pair(&plan.pair).await?;
        let kind = pair.as_ref().map_or(RecordKind::Patient, |pair| pair.kind);
        let own = plan.maker == person.id;
        let waiting = matches!(plan.state, PlanState::Draft | PlanState::AwaitingSecond);
        let missing = self.approval_capability(kind, plan, &body).or_else(|| {
            (body.replaces.is_none() && !self.decides_something()).then_some(Capability::DecideDemographic)
        });
        let needs_second = plan.grade >= 4 && !self.parts.one_person_may_approve;
        let same_person = plan.state == PlanState::AwaitingSecond && own;
        let moved = if waiting { self.moved_since(&body, pair.as_ref()).await? } else { Vec::new() };
        Ok(PlanView {
            id: plan.id.clone(),
            hash: plan.hash.clone(),
            patient_id: plan.pair.clone(),
            patient: pair.map(|pair| pair.card.name).unwrap_or_default(),
            conflict_id: plan.conflict.clone(),
            status: plan_status(plan.state),
            grade: plan.grade,
            maker: self.name_of(&plan.maker),
            maker_is_me: own,
            reason: plan.reason.clone(),
            approver: plan.approver.as_deref().map(|id| self.name_of(id)),
            made_at_ms: plan.made_at_ms,
            writes: body.operations.iter().map(|operation| self.planned_write(kind, operation)).collect(),
            open_fields: self.labels(kind, &body.open),
            needs_second,
            needs_reason: plan.grade >= 4 && plan.reason.is_none(),
            may_approve: waiting && missing.is_none() && !same_person,
            who_can: match (missing, same_person) {
                (Some(capability), _) => Some(who_can(capability).to_owned()),
                (None, true) => Some("another administrator".to_owned()),
                (None, false) => None,
            },
            left_out: body
                .left_out
                .iter()
                .flat_map(|field| self.labels(kind, &[*field]))
                .map(|label| format!("{label} was changed since and is left as it is now."))
                .collect(),
            moved,
            waits: (plan.state == PlanState::AwaitingCheck).then(|| self.waits_words()),
            may_withdraw: self.may_withdraw(kind, plan, &body),
            undoes: plan.undoes.clone(),
            replaces: body.replaces,
        })
    }

    async fn moved_since(
        &self,
        body: &PlanBody,
        pair: Option<&store::PairRow>,
    ) -> Result<Vec<String>, ApiError> {
        let Some(pair) = pair else { return Ok(Vec::new()) };
        let mut moved = Vec::new();
        for (remote, key, version) in [
            (record::Remote::ServiceNow, &pair.servicenow_key, &body.servicenow_version),
            (record::Remote::Ehr, &pair.ehr_key, &body.ehr_version),
        ] {
            let (Some(key), Some(version)) = (key, version) else { continue };
            let side = engine::step::load_side(&*self.parts.store, pair.kind, remote, key).await?;
            if side.is_some_and(|side| side.snapshot.version != *version) {
                moved.push(format!("{} was changed after this plan was made.", remote.label()));
            }
        }
        Ok(moved)
    }

    pub(crate) async fn plan_row(&self, id: &str) -> Result<PlanRow, ApiError> {
        self.parts.store.plan(id).await?.ok_or_else(|| {
            api(ErrorCode::NotFound, "There is no such plan any more.", "Make it again from the conflict.")
        })
    }

    fn plan_of(reply: Reply) -> Result<PlanRow, ApiError> {
        match reply {
            Reply::Plan(plan)
            | Reply::Executing(plan)
            | Reply::AwaitingCheck(plan)
            | Reply::AwaitingSecond(plan) => Ok(plan),
            Reply::Done
            | Reply::Run(_)
            | Reply::Pair(_)
            | Reply::Released { .. }
            | Reply::Accepted(_)
            | Reply::Quarantined(_)
            | Reply::Replayed(_) => Err(api(ErrorCode::Internal, "The engine gave no plan.", "Try again.")),
        }
    }

    pub(crate) async fn plans_make(&self, request: MakePlan) -> Result<PlanView, ApiError> {
        self.require_decider()?;
        let conflict = self.conflict(&request.conflict_id).await?;
        let kind = self.kind_of(&conflict.pair).await?;
        let decisions = self.decisions(kind, &request.choices)?;
        if decisions.is_empty() {
            return Err(api(
                ErrorCode::Invalid,
                "Nothing is decided yet.",
                "Choose a value for at least one field.",
            ));
        }
        let reply = self
            .parts
            .engine
            .ask(Command::MakePlan {
                conflict: request.conflict_id,
                fingerprint: request.fingerprint,
                decisions,
                maker: self.person().id,
                reason: Act::Approve.reason(request.reason.as_deref())?,
            })
            .await?;
        self.plan_view(&Self::plan_of(reply)?).await
    }

    pub(crate) async fn plans_get(&self, request: Id) -> Result<PlanView, ApiError> {
        // The id of a conflict leads to the plan that waits for its second person or for its check.
        if let Some(plan) = self.parts.store.plan(&request.id).await? {
            return self.plan_view(&plan).await;
        }
        let mut waiting = self.parts.store.plans(Some(PlanState::AwaitingSecond), 0, 500).await?;
        if let Some(conflict) = self.parts.store.conflict(&request.id).await? {
            waiting.extend(self.parts.store.waiting_plan_of(&conflict.pair).await?);
        }
        let plan = waiting
            .into_iter()
            .find(|plan| plan.conflict.as_deref() == Some(request.id.as_str()))
            .ok_or_else(|| {
                api(
                    ErrorCode::NotFound,
                    "There is no such plan any more.",
                    "Make it again from the conflict.",
                )
            })?;
        self.plan_view(&plan).await
    }

    pub(crate) async fn plans_approve(&self, request: Approve) -> Result<Approved, ApiError> {
        self.require_approver()?;
        let plan = self.plan_row(&request.plan_id).await?;
        let body = frozen(&plan)?;
        self.require_decider_of(&body)?;
        let kind = self.kind_of(&plan.pair).await?;
        if let Some(capability) = self.approval_capability(kind, &plan, &body) {
            self.require_capability(capability)?;
        }
        let first_word = plan.grade >= 4 && plan.state == PlanState::Draft && plan.reason.is_none();
        let act = if first_word { Act::ApproveGrave } else { Act::Approve };
        let reason = act.reason(request.reason.as_deref())?;
        let command = Command::Approve {
            plan: request.plan_id.clone(),
            hash: request.hash,
            person: self.person().id,
            reason,
        };
        let reply = self.parts.engine.ask(command).await?;
        let plan = Self::plan_of(reply)?;
        let filter = OperationFilter { lane: None, plan: Some(plan.id.clone()), states: Vec::new() };
        let operations = self.parts.store.operations(&filter, 0, 100).await?;
        Ok(Approved {
            plan: self.plan_view(&plan).await?,
            operations: operations.iter().map(operation_view).collect::<Result<_, _>>()?,
        })
    }

    /// Plans are approved and refused by those who decide fields, and corrections of the queue by IT.
    fn require_approver(&self) -> Result<(), ApiError> {
        if may(&self.person(), Capability::EditQueue) { Ok(()) } else { self.require_decider() }
    }

    fn require_decider_of(&self, body: &PlanBody) -> Result<(), ApiError> {
        if body.replaces.is_some() { Ok(()) } else { self.require_decider() }
    }

    pub(crate) async fn plans_refuse(&self, request: Refuse) -> Result<PlanView, ApiError> {
        self.require_approver()?;
        let reason = Act::RefusePlan.reason_text(Some(&request.reason))?;
        let plan = self.plan_row(&request.plan_id).await?;
        let own = plan.maker == self.person().id;
        let body = frozen(&plan)?;
        let kind = self.kind_of(&plan.pair).await?;
        if self.may_withdraw(kind, &plan, &body) {
            // Nothing else is asked for.
        } else {
            self.require_decider_of(&body)?;
        }
        if !own
            && !self.may_withdraw(kind, &plan, &body)
            && let Some(capability) = self.approval_capability(kind, &plan, &body)
        {
            self.require_capability(capability)?;
        }
        let command = Command::Refuse { plan: request.plan_id, person: self.person().id, reason };
        let reply = self.parts.engine.ask(command).await?;
        self.plan_view(&Self::plan_of(reply)?).await
    }

    pub(crate) async fn plans_undo(&self, request: Id) -> Result<PlanView, ApiError> {
        let reply =
            self.parts.engine.ask(Command::MakeUndo { plan: request.id, maker: self.person().id }).await?;
        self.plan_view(&Self::plan_of(reply)?).await
    }
}

fn operation_view(row: &OperationRow) -> Result<OperationView, ApiError> {
    let errors: Vec<AttemptError> = engine::error::decode("errors", &row.errors)?;
    Ok(OperationView {
        id: row.id.clone(),
        remote: remote_name(row.remote),
        status: operation_status(row.state),
        attempts: row.attempts,
        last_error: errors.last().map(|error| sentence(&error.what)),
        due_at_ms: row.due_at_ms,
    })
}

/// "Owner's phone" inside a sentence.
pub(crate) fn lower_first(label: &str) -> String {
    let mut characters = label.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}
