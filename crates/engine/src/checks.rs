//! Plans approved while a remote was held back. The approval is durable at once; the check that every approved plan goes
//! through (both sides read again, carried out exactly as it is or not at all) is made when both remotes may be asked.

use crate::errands::{Purpose, keys_of};
use crate::error::{EngineError, Result};
use crate::health::{Gate, later_try_ms, next_try_ms};
use crate::judge::{self, index};
use crate::plans;
use crate::step::{Effects, Engine, Notice, Reply};
use record::Remote;
use remote::RemoteError;
use std::collections::HashMap;
use store::{AuditRow, Change, ConflictRow, ConflictState, PairStatus, PlanRow, PlanState};

/// Which checks are under way, and which are tried again later. The plans themselves stand in the store.
#[derive(Debug)]
pub(crate) struct Checks {
    /// A plan may wait whose check can be begun.
    pub(crate) touched: bool,
    /// When the next failed check is tried again.
    pub(crate) wake_at_ms: Option<i64>,
    /// Plans whose sides are being read, each with its errand.
    under_way: HashMap<String, u64>,
    /// Plans whose check failed: how often, and not before when.
    later: HashMap<String, (u32, i64)>,
    /// A plan waits for the operations of its lane.
    behind_operations: bool,
}

impl Default for Checks {
    fn default() -> Self {
        // An earlier process may have left plans waiting.
        Checks {
            touched: true,
            wake_at_ms: None,
            under_way: HashMap::new(),
            later: HashMap::new(),
            behind_operations: false,
        }
    }
}

impl Checks {
    /// Whatever was put off is tried as soon as it may be: a remote answers again, or the clock was set back.
    pub(crate) fn hasten(&mut self) {
        self.later.clear();
        self.touched = true;
    }

    /// An operation left its lane.
    pub(crate) fn lane_moved(&mut self) {
        self.touched |= self.behind_operations;
    }

    /// Errands were forgotten with a transaction that was lost: their checks are begun anew.
    pub(crate) fn forget_lost(&mut self, known: impl Fn(u64) -> bool) {
        self.under_way.retain(|_, errand| known(*errand));
        self.touched = true;
    }
}

/// Whether a failure passes by itself: the same reading may succeed later.
const fn passes(error: &RemoteError) -> bool {
    match error {
        RemoteError::Unreachable { .. }
        | RemoteError::Ambiguous { .. }
        | RemoteError::Transient { .. }
        | RemoteError::SignIn { .. } => true,
        RemoteError::Moved { .. }
        | RemoteError::NotFound { .. }
        | RemoteError::Many { .. }
        | RemoteError::Refused { .. }
        | RemoteError::Protocol { .. } => false,
    }
}

impl Engine {
    /// Whether the sides of this pair cannot be read now.
    pub(crate) fn is_held_back(&self, pair: &store::PairRow, now_ms: i64) -> bool {
        keys_of(pair)
            .any(|(remote, _)| matches!(self.health[index(remote)].gate(now_ms), Gate::Closed { .. }))
    }

    /// Approves a plan for good whose check has to wait.
    pub(crate) async fn approve_for_later(
        &mut self,
        plan: &PlanRow,
        approver: &str,
        reason: Option<String>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<Reply> {
        let body = plans::frozen(plan)?;
        let pair = self.pair(&plan.pair).await?;
        // What is known already to have moved needs no remote to be told.
        if self.versions_known(&pair).await? != [body.servicenow_version.clone(), body.ehr_version.clone()] {
            return self.supersede(plan, &body, now_ms).await;
        }
        if self.lane_busy(&plan.pair).await? {
            return Err(crate::deciding::under_way("approve"));
        }
        let mut changes = Vec::new();
        if reason.is_some() && plan.reason.is_none() {
            changes.push(Change::PutPlan(PlanRow { reason, ..plan.clone() }));
        }
        changes.push(Change::MovePlan {
            id: plan.id.clone(),
            from: plan.state,
            to: PlanState::AwaitingCheck,
            approver: Some(approver.to_owned()),
            at_ms: now_ms,
        });
        changes.push(self.approval_audit(pair.kind, plan, &body, approver, now_ms));
        if let Some(conflict) = self.conflict_of(plan).await? {
            // The choices stay until they are carried out: whoever has to decide again finds them.
            effects.notices.push(Notice::Conflict(conflict.id.clone()));
            changes.push(Change::PutConflict(ConflictRow { state: ConflictState::Executing, ..conflict }));
        }
        if pair.servicenow_key.is_some() && pair.ehr_key.is_some() {
            changes.push(Change::PutPair(store::PairRow { status: PairStatus::Waiting, ..pair }));
        }
        self.store.commit(changes).await?;
        self.checks.touched = true;
        let row = self.store.plan(&plan.id).await?.ok_or(EngineError::NotFound { what: "plan" })?;
        effects.notices.extend([Notice::Plan(row.id.clone()), Notice::Pair(row.pair.clone()), Notice::Queue]);
        Ok(Reply::AwaitingCheck(row))
    }

    /// Begins the checks that can be made now.
    pub(crate) async fn work_on_checks(&mut self, now_ms: i64, effects: &mut Effects) {
        if self.checks.wake_at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            // A time that has passed would have the driver go round until a gate opens.
            self.checks.wake_at_ms = None;
            self.checks.touched = true;
        }
        if !self.checks.touched {
            return;
        }
        if let Err(error) = self.begin_checks(now_ms, effects).await {
            tracing::error!(error = %error.log_words(), "checks.not_begun");
            self.note_storage(&error, now_ms, effects);
            self.checks.wake_at_ms = Some(now_ms + 1_000);
        }
    }

    async fn begin_checks(&mut self, now_ms: i64, effects: &mut Effects) -> Result<()> {
        let gates = Remote::BOTH.map(|remote| self.health[index(remote)].gate(now_ms));
        if gates.iter().any(|gate| matches!(gate, Gate::Closed { .. })) {
            // Touched it stays: the first step with both gates open begins them.
            return Ok(());
        }
        self.checks.touched = false;
        self.checks.behind_operations = false;
        let waiting = self.store.waiting_plans().await?;
        self.checks.later.retain(|plan, _| waiting.contains(plan));
        // A breaker that may be tried is tried with one.
        let most = if gates.contains(&Gate::Probe) {
            1
        } else {
            usize::try_from(self.policy.lanes).unwrap_or(usize::MAX)
        };
        for id in waiting {
            if self.checks.under_way.len() >= most {
                break;
            }
            let put_off = self.checks.later.get(&id).is_some_and(|(_, at_ms)| *at_ms > now_ms);
            if put_off || self.checks.under_way.contains_key(&id) {
                continue;
            }
            let Some(plan) = self.store.plan(&id).await? else { continue };
            if crate::step::operations_under_way(&*self.store, &plan.pair).await? {
                self.checks.behind_operations = true;
                continue;
            }
            let errand = self.next_errand;
            let pair = plan.pair.clone();
            let approver = plan.approver.clone().unwrap_or_default();
            let purpose = Purpose::CarryOut { plan: Box::new(plan), approver, reason: None };
            self.begin(None, &pair, purpose, effects).await?;
            self.checks.under_way.insert(id, errand);
        }
        self.checks.wake_at_ms =
            self.checks.later.values().map(|(_, at_ms)| *at_ms).filter(|at_ms| *at_ms > now_ms).min();
        Ok(())
    }

    /// Both sides of a plan that waited were read, or could not be.
    pub(crate) async fn checked(
        &mut self,
        plan: &PlanRow,
        read: Result<()>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        self.checks.under_way.remove(&plan.id);
        self.checks.touched = true;
        let Some(plan) = self.store.plan(&plan.id).await? else { return Ok(()) };
        if plan.state != PlanState::AwaitingCheck {
            // Withdrawn meanwhile.
            return Ok(());
        }
        let outcome = match read {
            Ok(()) => {
                let approver = plan.approver.clone().unwrap_or_default();
                self.carry_out(&plan, &approver, None, now_ms, effects).await.map(|_reply| ())
            }
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => {
                self.checks.later.remove(&plan.id);
            }
            // Superseded: it is asked about anew.
            Err(EngineError::Moved { .. }) => {
                tracing::info!(plan = %plan.id, "check.moved");
                self.given_back(&plan, now_ms, effects).await?;
            }
            Err(EngineError::Remote(error)) if passes(&error) => self.put_off(&plan.id, now_ms),
            // A record that is gone, hidden, refused or not readable stays so: people decide what becomes of it.
            Err(
                error @ (EngineError::Remote(_)
                | EngineError::Mapping(_)
                | EngineError::NotNow { .. }
                | EngineError::NotFound { .. }),
            ) => {
                tracing::warn!(plan = %plan.id, error = %error.log_words(), "check.failed");
                let body = plans::frozen(&plan)?;
                let _superseded: Result<Reply> = self.supersede(&plan, &body, now_ms).await;
                self.given_back(&plan, now_ms, effects).await?;
            }
            // A full disk passes; a plan that is not what was hashed is never sent, and `vetsync doctor` tells.
            Err(error) => {
                tracing::error!(plan = %plan.id, error = %error.log_words(), "check.not_done");
                self.put_off(&plan.id, now_ms);
            }
        }
        Ok(())
    }

    /// It waits on, and is tried again after 1, 2, 4, 8 s and then ever more rarely; at once when the remote answers.
    fn put_off(&mut self, plan: &str, now_ms: i64) {
        let tries = self.policy.tries;
        let (times, at_ms) = self.checks.later.entry(plan.to_owned()).or_default();
        *times = times.saturating_add(1);
        *at_ms =
            next_try_ms(*times, tries, now_ms, None).unwrap_or_else(|| later_try_ms(*times, tries, now_ms));
    }

    /// Nobody stands waiting for this answer: the trail and every open console are told.
    async fn given_back(&mut self, plan: &PlanRow, now_ms: i64, effects: &mut Effects) -> Result<()> {
        self.checks.later.remove(&plan.id);
        effects.notices.extend([
            Notice::Plan(plan.id.clone()),
            Notice::Pair(plan.pair.clone()),
            Notice::Queue,
        ]);
        effects.notices.extend(plan.conflict.clone().map(Notice::Conflict));
        let audit = AuditRow {
            id: self.new_id(now_ms),
            at_ms: now_ms,
            actor: "engine".to_owned(),
            action: "plan.superseded".to_owned(),
            subject: plan.id.clone(),
            detail: String::new(),
        };
        Ok(self.store.commit(vec![Change::Audit(audit)]).await?)
    }

    /// The reading for a plan that a person has just approved failed: what passes does not turn the approval away.
    pub(crate) async fn not_checked_yet(
        &mut self,
        plan: &PlanRow,
        approver: &str,
        reason: Option<String>,
        error: RemoteError,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<Reply> {
        if !passes(&error) {
            return Err(EngineError::Remote(error));
        }
        let reply = self.approve_for_later(plan, approver, reason, now_ms, effects).await?;
        self.put_off(&plan.id, now_ms);
        Ok(reply)
    }

    /// The versions of both sides as they were last read.
    pub(crate) async fn versions_known(&self, pair: &store::PairRow) -> Result<[Option<String>; 2]> {
        let mut versions = [None, None];
        for (remote, key) in keys_of(pair) {
            versions[judge::index(remote)] =
                self.side(pair.kind, remote, key).await?.map(|side| side.snapshot.version);
        }
        Ok(versions)
    }
}
