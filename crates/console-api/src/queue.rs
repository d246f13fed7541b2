//! The *Queue* screen: what waits, what failed and why, and what IT does about it.

use crate::console::Console;
use crate::dto::{
    ApiError, AttemptView, Capability, EditableField, ErrorCode, ErrorKind, Id, LineageEntry, Nothing,
    OperationStatus, PlanView, QueueAction, QueueCause, QueueCauses, QueueCounts, QueueDetail, QueueEdit,
    QueueHold, QueueItem, QueueLane, QueueList, QueueQuery, QueueReplay, QueueReplayed, WaitingPlan,
};
use crate::errors::{api, sentence};
use crate::permissions::who_can;
use crate::planning::{operation_status, plan_status};
use crate::reasons::Act;
use crate::shown::{editor, remote_name, shown};
use crate::words;
use engine::causes::Cause;
use engine::error::decode;
use engine::execute::AttemptError;
use engine::health::{Gate, Health};
use engine::judge::index;
use engine::plans::{Intent, PlannedOperation, frozen};
use engine::{Command, Reply};
use record::Remote;
use store::{OperationRow, OperationState, PlanState, QueueFilter};

const UNFINISHED: [OperationState; 4] =
    [OperationState::Waiting, OperationState::Running, OperationState::Retrying, OperationState::Parked];
/// Waiting plans shown.
const WAITING_PLANS_MOST: usize = 200;
/// Operations shown of one lane.
const LANE_MOST: u32 = 50;

/// What the screen says of an operation depends on more than its row.
struct Around {
    health: [Health; 2],
    tries: u32,
    now_ms: i64,
}

const fn state_of(status: OperationStatus) -> OperationState {
    match status {
        OperationStatus::Waiting => OperationState::Waiting,
        OperationStatus::Running => OperationState::Running,
        OperationStatus::Retrying => OperationState::Retrying,
        OperationStatus::Parked => OperationState::Parked,
        OperationStatus::Done => OperationState::Done,
        OperationStatus::Cancelled => OperationState::Cancelled,
    }
}

fn small(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Console {
    fn around(&self) -> Around {
        let pulse = self.parts.engine.pulse();
        Around { health: pulse.health, tries: pulse.tries, now_ms: self.now_ms() }
    }

    pub(crate) async fn queue_list(&self, request: QueueQuery) -> Result<QueueList, ApiError> {
        let store = &*self.parts.store;
        let filter = QueueFilter {
            states: request.states.iter().map(|status| state_of(*status)).collect(),
            remote: request.remote.map(remote_of),
            cause: request.cause,
            lane: request.patient_id,
        };
        let (ids, total) = store.queue_lanes(&filter, request.offset, request.limit.clamp(1, 200)).await?;
        let around = self.around();
        let mut lanes = Vec::with_capacity(ids.len());
        for id in ids {
            lanes.extend(self.queue_lane(&id, &filter, &around).await?);
        }
        let mut counts = QueueCounts::default();
        for (_, state, count) in store.queue_counts().await? {
            let place = match state {
                OperationState::Waiting => &mut counts.waiting,
                OperationState::Running => &mut counts.running,
                OperationState::Retrying => &mut counts.retrying,
                OperationState::Parked => &mut counts.parked,
                OperationState::Done => &mut counts.done,
                OperationState::Cancelled => &mut counts.cancelled,
            };
            *place = place.saturating_add(small(count));
        }
        let waiting = store.waiting_plans().await?;
        let mut waiting_plans = Vec::new();
        for id in waiting.iter().take(WAITING_PLANS_MOST) {
            waiting_plans.extend(self.waiting_plan(id, filter.lane.as_deref()).await?);
        }
        Ok(QueueList {
            lanes,
            total: small(total),
            waiting_plans,
            waiting_plans_total: small(waiting.len() as u64),
            counts,
            tries: around.tries,
        })
    }

    /// One plan that waits for its check, unless it does so no more or another patient is asked for.
    async fn waiting_plan(&self, id: &str, patient: Option<&str>) -> Result<Option<WaitingPlan>, ApiError> {
        let plan = self.plan_row(id).await?;
        if plan.state != PlanState::AwaitingCheck || patient.is_some_and(|patient| patient != plan.pair) {
            return Ok(None);
        }
        let body = frozen(&plan)?;
        let pair = self.parts.store.pair(&plan.pair).await?;
        let kind = pair.as_ref().map_or(record::RecordKind::Patient, |pair| pair.kind);
        let card = pair.map(|pair| pair.card).unwrap_or_default();
        let may_withdraw = self.may_withdraw(kind, &plan, &body);
        Ok(Some(WaitingPlan {
            sentences: body
                .operations
                .iter()
                .map(|operation| {
                    self.write_sentence(
                        kind,
                        operation.remote,
                        operation.creates(),
                        &operation.fields,
                        operation.aim,
                    )
                })
                .collect(),
            approver: plan.approver.as_deref().map(|id| self.name_of(id)).unwrap_or_default(),
            approved_at_ms: plan.closed_at_ms.unwrap_or(plan.made_at_ms),
            plan_id: plan.id,
            patient_id: plan.pair,
            patient: card.name,
            owner: card.owner,
            species: card.species,
            words: self.waits_words(),
            may_withdraw,
            who_can: (!may_withdraw).then(|| who_can(Capability::EditQueue).to_owned()),
        }))
    }

    /// One lane: all that is unfinished in it, so that one sees what waits behind what; and what else was asked for.
    async fn queue_lane(
        &self,
        id: &str,
        filter: &QueueFilter,
        around: &Around,
    ) -> Result<Option<QueueLane>, ApiError> {
        let mut states = UNFINISHED.to_vec();
        states.extend(filter.states.iter().filter(|state| !UNFINISHED.contains(state)));
        let of_lane = QueueFilter { states, lane: Some(id.to_owned()), ..QueueFilter::default() };
        let rows = self.parts.store.queue_operations(&of_lane, 0, LANE_MOST).await?;
        let mut operations = Vec::with_capacity(rows.len());
        let mut head = true;
        for row in &rows {
            let unfinished = UNFINISHED.contains(&row.state);
            operations.push(self.queue_item(row, head || !unfinished, around)?);
            head = head && !unfinished;
        }
        // It may have been finished since the lanes were listed.
        let Some(first) = operations
            .iter()
            .find(|item| !matches!(item.status, OperationStatus::Done | OperationStatus::Cancelled))
            .or_else(|| operations.first())
        else {
            return Ok(None);
        };
        let card = self.parts.store.pair(id).await?.map(|pair| pair.card).unwrap_or_default();
        Ok(Some(QueueLane {
            patient_id: id.to_owned(),
            patient: card.name,
            owner: card.owner,
            species: card.species,
            status: first.status,
            hold: first.hold,
            words: first.words.clone(),
            operations,
        }))
    }

    fn queue_item(&self, row: &OperationRow, head: bool, around: &Around) -> Result<QueueItem, ApiError> {
        let intent: Intent = decode("intent", &row.intent)?;
        let errors: Vec<AttemptError> = decode("errors", &row.errors)?;
        let health = &around.health[index(row.remote)];
        let waits = matches!(row.state, OperationState::Waiting | OperationState::Retrying);
        let hold = if waits { hold_of(health, head, around.now_ms) } else { None };
        let exhausted = row.state == OperationState::Retrying && row.attempts >= around.tries;
        let may = self.require_capability(Capability::EditQueue).is_ok();
        let parked = row.state == OperationState::Parked;
        Ok(QueueItem {
            id: row.id.clone(),
            patient_id: row.lane.clone(),
            remote: remote_name(row.remote),
            sentence: self.write_sentence(
                row.kind,
                row.remote,
                row.key.is_none() || engine::treatments::is_version(row.kind, row.remote),
                &intent.fields,
                intent.aim,
            ),
            status: operation_status(row.state),
            hold,
            words: words_of(row, hold, exhausted, health, around, |id| self.name_of(id)),
            attempt: row.attempts,
            tries: around.tries,
            exhausted,
            next_try_at_ms: match hold {
                Some(QueueHold::Lane | QueueHold::Paused) => None,
                _ if !waits => None,
                _ => Some(row.due_at_ms.max(health.next_try_ms(around.now_ms).unwrap_or(row.due_at_ms))),
            },
            enqueued_at_ms: row.enqueued_at_ms,
            finished_at_ms: row.finished_at_ms,
            cause: row.cause.clone(),
            problem: errors.last().map(|error| sentence(&error.what)),
            plan_id: row.plan.clone(),
            replaces: row.replaces.clone(),
            may_retry: may && (parked || waits),
            may_edit: may && parked,
            may_cancel: may && (parked || waits),
            who_can: (!may).then(|| who_can(Capability::EditQueue).to_owned()),
        })
    }

    async fn queue_row(&self, id: &str) -> Result<OperationRow, ApiError> {
        self.parts.store.operation(id).await?.ok_or_else(|| {
            api(ErrorCode::NotFound, "There is no such operation.", "Go back to the queue and look again.")
        })
    }

    pub(crate) async fn queue_show(&self, request: Id) -> Result<QueueDetail, ApiError> {
        let store = &*self.parts.store;
        let row = self.queue_row(&request.id).await?;
        let intent: Intent = decode("intent", &row.intent)?;
        let errors: Vec<AttemptError> = decode("errors", &row.errors)?;
        let plan = self.plan_row(&row.plan).await?;
        let card = store.pair(&row.lane).await?.map(|pair| pair.card).unwrap_or_default();
        let of_lane = QueueFilter { lane: Some(row.lane.clone()), ..QueueFilter::default() };
        let first = store.queue_operations(&of_lane, 0, 1).await?;
        let head = first.first().is_none_or(|first| first.id == row.id);
        let planned = PlannedOperation {
            remote: row.remote,
            key: if row.action == store::OperationAction::Create { None } else { row.key.clone() },
            our_key: (row.action == store::OperationAction::Create)
                .then(|| engine::plans::our_key(&row).to_owned()),
            expected_version: row.expected_version.clone(),
            fields: intent.fields.clone(),
            cross_reference: intent.cross_reference.clone(),
            body: row.body.clone(),
            aim: intent.aim,
        };
        let named = row.cause.as_deref().and_then(Cause::parse).map(|cause| cause.fields).unwrap_or_default();
        let catalogue = self.parts.lenses.catalogue(row.kind);
        let fields = intent
            .fields
            .iter()
            .filter_map(|write| {
                let spec = catalogue.spec(write.field)?;
                Some(EditableField {
                    field: spec.id.clone(),
                    label: spec.label.clone(),
                    editor: editor(&spec.value_type),
                    value: shown(&write.to),
                    text: write.to.display(),
                    named: named.contains(&spec.id),
                })
            })
            .collect();
        Ok(QueueDetail {
            item: self.queue_item(&row, head, &self.around())?,
            patient: card.name,
            owner: card.owner,
            write: self.planned_write(row.kind, &planned),
            changes: self.changes(row.kind, &intent.fields),
            attempts: errors.iter().map(attempt_view).collect(),
            lineage: self.lineage(&row).await?,
            fields,
            not_editable_because: match row.state {
                OperationState::Parked if !intent.aim.is_record() => Some(
                    "Correct the treatment or the bill in ServiceNow, then send this again: it is not done twice."
                        .to_owned(),
                ),
                OperationState::Parked if intent.fields.is_empty() => Some(
                    "It only carries the other system's number, which is not a value to edit.".to_owned(),
                ),
                OperationState::Parked => None,
                OperationState::Waiting | OperationState::Retrying => Some(
                    "It has not been refused: it is sent as it was approved. Cancel it to decide anew."
                        .to_owned(),
                ),
                OperationState::Running => Some("It is being sent at this moment.".to_owned()),
                OperationState::Done | OperationState::Cancelled => Some("It is finished.".to_owned()),
            },
            plan_status: plan_status(plan.state),
            maker: self.maker_name(&plan.maker),
            approver: plan.approver.as_deref().map(|id| self.name_of(id)),
            conflict_id: store
                .open_conflict_of(&row.lane)
                .await?
                .map(|conflict| conflict.id)
                .or(plan.conflict),
            has_receipt: store.receipt(&row.id).await?.is_some(),
        })
    }

    fn maker_name(&self, maker: &str) -> String {
        if maker == "rule" { "a rule".to_owned() } else { self.name_of(maker) }
    }

    /// From the first operation to the last of those that took each other's place.
    async fn lineage(&self, row: &OperationRow) -> Result<Vec<LineageEntry>, ApiError> {
        let store = &*self.parts.store;
        let mut rows = vec![row.clone()];
        while let Some(id) = rows.first().and_then(|first| first.replaces.clone()) {
            match store.operation(&id).await? {
                Some(older) => rows.insert(0, older),
                None => break,
            }
        }
        while let Some(last) = rows.last() {
            match store.replacement_of(&last.id).await? {
                Some(newer) => rows.push(newer),
                None => break,
            }
        }
        let mut entries = Vec::with_capacity(rows.len());
        for one in rows {
            let plan = store.plan(&one.plan).await?;
            entries.push(LineageEntry {
                this: one.id == row.id,
                id: one.id,
                status: operation_status(one.state),
                enqueued_at_ms: one.enqueued_at_ms,
                maker: plan.as_ref().map_or_else(String::new, |plan| self.maker_name(&plan.maker)),
                reason: plan.and_then(|plan| plan.reason),
            });
        }
        Ok(entries)
    }

    pub(crate) async fn queue_causes(&self, _: Nothing) -> Result<QueueCauses, ApiError> {
        let mut causes = Vec::new();
        for group in self.parts.store.operation_causes().await? {
            let Some(cause) = Cause::parse(&group.cause) else { continue };
            let example = self.queue_row(&group.example).await?;
            let errors: Vec<AttemptError> = decode("errors", &example.errors)?;
            let catalogue = self.parts.lenses.catalogue(example.kind);
            let field_labels = cause
                .fields
                .iter()
                .filter_map(|id| catalogue.spec(catalogue.index_of(id)?))
                .map(|spec| spec.label.clone())
                .collect();
            causes.push(QueueCause {
                remote: remote_name(cause.remote),
                kind: kind_of(&cause.kind),
                status: (cause.status != 0).then_some(cause.status),
                field_labels,
                words: errors.last().map(|error| sentence(&error.what)).unwrap_or_default(),
                count: small(group.count),
                parked: small(group.parked),
                oldest_at_ms: group.oldest_at_ms,
                cause: group.cause,
            });
        }
        Ok(QueueCauses { causes })
    }

    pub(crate) async fn queue_retry(&self, request: QueueAction) -> Result<QueueDetail, ApiError> {
        let refused = self
            .parts
            .store
            .operation(&request.id)
            .await?
            .is_some_and(|operation| operation.state == OperationState::Parked);
        let act = if refused { Act::RetryRefused } else { Act::RetryWaiting };
        let reason = act.reason_text(request.reason.as_deref())?;
        let command = Command::Release { operation: request.id.clone(), person: self.person().id, reason };
        self.parts.engine.ask(command).await?;
        self.queue_show(Id { id: request.id }).await
    }

    pub(crate) async fn queue_replay(&self, request: QueueReplay) -> Result<QueueReplayed, ApiError> {
        let reason = Act::Replay.reason_text(Some(&request.reason))?;
        let command = Command::Replay { cause: request.cause, person: self.person().id, reason };
        let Reply::Released { released, called_off } = self.parts.engine.ask(command).await? else {
            return Err(api(ErrorCode::Internal, "The engine gave no count.", "Look at the queue again."));
        };
        let mut words = match released {
            1 => "1 write is on its way again.".to_owned(),
            count => format!("{count} writes are on their way again, in their original order."),
        };
        if called_off > 0 {
            words.push_str(&format!(
                " {called_off} would create a record and waited too long: the next run over everything looks for the \
                 patient again before it is created."
            ));
        }
        Ok(QueueReplayed { released: small(released), called_off: small(called_off), words })
    }

    pub(crate) async fn queue_edit(&self, request: QueueEdit) -> Result<PlanView, ApiError> {
        let reason = Act::EditWrite.reason_text(Some(&request.reason))?;
        let kind = self.queue_row(&request.id).await?.kind;
        let catalogue = self.parts.lenses.catalogue(kind);
        let mut values = Vec::new();
        for value in &request.values {
            let state = match self.own_value(&value.field, &value.text)? {
                Ok(state) => state,
                Err(problem) => {
                    let label = self.label(&value.field);
                    return Err(ApiError {
                        field: Some(value.field.clone()),
                        ..api(
                            ErrorCode::Invalid,
                            sentence(&format!("{label}: {}", problem.problem)),
                            sentence(&problem.way_out),
                        )
                    });
                }
            };
            values.extend(catalogue.index_of(&value.field).map(|field| (field, state)));
        }
        let command =
            Command::EditOperation { operation: request.id, values, maker: self.person().id, reason };
        match self.parts.engine.ask(command).await? {
            Reply::Plan(plan) => self.plan_view(&plan).await,
            _ => Err(api(ErrorCode::Internal, "The engine gave no plan.", "Try again.")),
        }
    }

    pub(crate) async fn queue_cancel(&self, request: QueueAction) -> Result<QueueDetail, ApiError> {
        let reason = Act::CancelWrite.reason_text(request.reason.as_deref())?;
        let command = Command::CallOff { operation: request.id.clone(), person: self.person().id, reason };
        self.parts.engine.ask(command).await?;
        self.queue_show(Id { id: request.id }).await
    }
}

/// The remote of a DTO.
pub(crate) const fn remote_of(name: crate::dto::RemoteName) -> Remote {
    match name {
        crate::dto::RemoteName::ServiceNow => Remote::ServiceNow,
        crate::dto::RemoteName::Ehr => Remote::Ehr,
    }
}

/// What keeps an operation that could run from running.
pub(crate) fn hold_of(health: &Health, head: bool, now_ms: i64) -> Option<QueueHold> {
    if !head {
        return Some(QueueHold::Lane);
    }
    if health.paused.is_some() {
        return Some(QueueHold::Paused);
    }
    match health.gate(now_ms) {
        Gate::Open => None,
        Gate::Probe | Gate::Closed { .. } if health.slow_until_ms.is_some_and(|until| until > now_ms) => {
            Some(QueueHold::RateLimit)
        }
        Gate::Probe | Gate::Closed { .. } if health.sign_in_refused => Some(QueueHold::SignIn),
        Gate::Probe | Gate::Closed { .. } => Some(QueueHold::Breaker),
    }
}

fn words_of(
    row: &OperationRow,
    hold: Option<QueueHold>,
    exhausted: bool,
    health: &Health,
    around: &Around,
    name_of: impl Fn(&str) -> String,
) -> String {
    let place = words::place(row.remote);
    let tries = around.tries;
    let stands = match row.state {
        OperationState::Waiting => "Waiting for its turn".to_owned(),
        OperationState::Running => format!("Trying, {} of {tries}", row.attempts),
        OperationState::Retrying if exhausted => {
            format!("All {tries} tries failed; it stays queued and is tried again now and then")
        }
        OperationState::Retrying if row.attempts == 0 => "Waiting to be tried".to_owned(),
        OperationState::Retrying => format!("Try {} of {tries} failed", row.attempts),
        OperationState::Parked => format!("Needs an edit: {place} refused it"),
        OperationState::Done => "Done".to_owned(),
        OperationState::Cancelled => "Cancelled".to_owned(),
    };
    match hold {
        None => stands,
        Some(QueueHold::Lane) => "Waits for the write before it".to_owned(),
        Some(QueueHold::Paused) => match &health.paused {
            Some(pause) => format!("{stands}; {place} is paused by {}", name_of(&pause.by)),
            None => stands,
        },
        Some(QueueHold::RateLimit) => format!("{stands}; {place} asked VetSync to wait"),
        Some(QueueHold::SignIn) => format!("{stands}; {place} refuses our credentials"),
        Some(QueueHold::Breaker) => format!("{stands}; {place} does not answer"),
    }
}

fn kind_of(name: &str) -> Option<ErrorKind> {
    Some(match name {
        "unreachable" => ErrorKind::Unreachable,
        "ambiguous" => ErrorKind::Ambiguous,
        "transient" => ErrorKind::Transient,
        "sign_in" => ErrorKind::SignIn,
        "moved" => ErrorKind::Moved,
        "not_found" => ErrorKind::NotFound,
        "many" => ErrorKind::Many,
        "refused" => ErrorKind::Refused,
        "protocol" => ErrorKind::Protocol,
        "interrupted" => ErrorKind::Interrupted,
        _ => return None,
    })
}

fn attempt_view(error: &AttemptError) -> AttemptView {
    AttemptView {
        attempt: error.attempt,
        at_ms: error.at_ms,
        kind: kind_of(&error.kind),
        problem: sentence(&error.what),
        ambiguous: error.ambiguous,
        counted: error.counted,
    }
}
