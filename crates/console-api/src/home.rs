//! Home: one line of truth per system, the five key metrics, and what needs whom.

use crate::console::Console;
use crate::dto::{
    ApiError, Home, Metric, Nothing, RemoteHealth, RemoteState, RunView, SettledItem, StatusCounts,
};
use crate::shown::remote_name;
use engine::health::Health;
use engine::plans::frozen;
use engine::runs::counts_of;
use record::{RecordKind, Remote};
use store::{ConflictFilter, ConflictState, OperationState, PairStatus, PlanState, RunRow};

impl Console {
    pub(crate) async fn home_get(&self, _: Nothing) -> Result<Home, ApiError> {
        let store = &*self.parts.store;
        let now_ms = self.now_ms();
        let pulse = self.parts.engine.pulse();
        let queue = store.queue_counts().await?;
        let remotes: Vec<RemoteState> = Remote::BOTH
            .into_iter()
            .map(|remote| {
                let health = &pulse.health[engine::judge::index(remote)];
                let waiting: u64 = queue
                    .iter()
                    .filter(|(of, state, _)| {
                        *of == remote
                            && matches!(
                                state,
                                OperationState::Waiting | OperationState::Running | OperationState::Retrying
                            )
                    })
                    .map(|(_, _, count)| count)
                    .sum();
                let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
                let polling = crate::polling::summary(&pulse.polls, remote);
                RemoteState { polling, ..remote_state(remote, health, waiting, now_ms) }
            })
            .collect();
        let counted = |states: Vec<ConflictState>| ConflictFilter { states, ..ConflictFilter::default() };
        // Those this person may decide; beyond a thousand the count says "at least".
        let (open, _) = store.conflicts(&counted(vec![ConflictState::Open]), now_ms, 0, 1_000).await?;
        let open = open.iter().filter(|row| self.may_decide(row)).count();
        let (_, second) =
            store.conflicts(&counted(vec![ConflictState::AwaitingSecond]), now_ms, 0, 1).await?;
        let mut status_counts = StatusCounts::default();
        for (status, count) in store.pair_counts(RecordKind::Patient).await? {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            match status {
                PairStatus::Agreed => status_counts.agreed = count,
                PairStatus::Waiting => status_counts.waiting = count,
                PairStatus::Differs => status_counts.differs = count,
                PairStatus::OnlyServiceNow => status_counts.only_service_now = count,
                PairStatus::OnlyEhr => status_counts.only_ehr = count,
            }
        }
        let runs = store.runs(20).await?;
        let last = runs.iter().find(|run| run.state != "running");
        let run = match &pulse.run {
            Some((row, _)) => Some(self.run_view(row)?),
            None => None,
        };
        let last_run: Option<RunView> = last.map(|row| self.run_view(row)).transpose()?;
        let offline = remotes.iter().any(|remote| {
            matches!(
                remote.health,
                RemoteHealth::BreakerOpen
                    | RemoteHealth::Failing
                    | RemoteHealth::RateLimited
                    | RemoteHealth::SignInRefused
                    | RemoteHealth::Paused
            )
        });
        Ok(Home {
            metrics: metrics(&runs, &status_counts, &pulse.health, &store.operation_counts().await?)?,
            remotes,
            need_you: u32::try_from(open).unwrap_or(u32::MAX),
            need_second: u32::try_from(second).unwrap_or(u32::MAX),
            settled_last_run: last_run.as_ref().map_or(0, |run| run.counts.settled),
            status_counts,
            run,
            last_run,
            next_run: self.next_run().await?,
            settled: self.settled().await?,
            offline,
            storage: self.storage_trouble(),
            mid_server: self.mid_server(),
        })
    }

    /// What rules settled lately, one line each.
    async fn settled(&self) -> Result<Vec<SettledItem>, ApiError> {
        let mut items = Vec::new();
        for plan in self.parts.store.plans(Some(PlanState::Done), 0, 100).await? {
            if plan.maker != "rule" || items.len() >= 50 {
                continue;
            }
            let body = frozen(&plan)?;
            let pair = self.parts.store.pair(&plan.pair).await?;
            let kind = pair.as_ref().map_or(RecordKind::Patient, |pair| pair.kind);
            let sentence = body
                .operations
                .first()
                .map(|operation| {
                    self.write_sentence(
                        kind,
                        operation.remote,
                        operation.creates(),
                        &operation.fields,
                        operation.aim,
                    )
                })
                .unwrap_or_default();
            let patient = pair.map(|pair| pair.card.name).unwrap_or_default();
            items.push(SettledItem {
                plan_id: plan.id,
                patient_id: plan.pair,
                patient,
                sentence: crate::receipts::past(&sentence),
                at_ms: plan.made_at_ms,
            });
        }
        Ok(items)
    }
}

fn remote_state(remote: Remote, health: &Health, waiting: u32, now_ms: i64) -> RemoteState {
    let next_try_at_ms = health.next_try_ms(now_ms);
    let state = crate::remotes::health_of(health, now_ms);
    let detail = match state {
        // The line itself says "answering" and the time.
        RemoteHealth::Answering => String::new(),
        RemoteHealth::RateLimited => "asked VetSync to wait".to_owned(),
        RemoteHealth::Failing => format!("failing, {} times in a row", health.failures_in_a_row),
        RemoteHealth::BreakerOpen => "not answering; waiting before the next try".to_owned(),
        RemoteHealth::SignInRefused => "refuses our credentials".to_owned(),
        RemoteHealth::Paused => "paused by a person".to_owned(),
        RemoteHealth::NeverTried => "not asked yet".to_owned(),
    };
    RemoteState {
        remote: remote_name(remote),
        label: remote.label().to_owned(),
        health: state,
        latency_ms: health.latency_ms.and_then(|ms| u32::try_from(ms).ok()),
        detail,
        last_answer_at_ms: health.last_answer_at_ms,
        next_try_at_ms,
        waiting,
        polling: None,
    }
}

/// The five key metrics (specification "Monitoring and Alerting").
fn metrics(
    runs: &[RunRow],
    pairs: &StatusCounts,
    health: &[Health; 2],
    operations: &[(OperationState, u64)],
) -> Result<Vec<Metric>, ApiError> {
    let finished: Vec<&RunRow> = runs.iter().filter(|run| run.state != "running").rev().collect();
    let mut success_trend = Vec::new();
    let mut accuracy_trend = Vec::new();
    for run in &finished {
        let counts = counts_of(run)?;
        let writes = counts.writes[0] + counts.writes[1];
        if writes + counts.writes_failed > 0 {
            success_trend.push(percent(writes, writes + counts.writes_failed));
        }
        if counts.compared > 0 {
            accuracy_trend.push(percent(counts.equal, counts.compared));
        }
    }
    let count = |state: OperationState| {
        operations.iter().find(|(known, _)| *known == state).map_or(0, |(_, count)| *count)
    };
    let (done, parked) = (count(OperationState::Done), count(OperationState::Parked));
    let linked = u64::from(pairs.agreed) + u64::from(pairs.waiting) + u64::from(pairs.differs);
    let latencies: Vec<u64> = health.iter().filter_map(|health| health.latency_ms).collect();
    let ended = finished.len() as u64;
    let completed = finished.iter().filter(|run| run.state == "done").count() as u64;
    let success = (done + parked > 0).then(|| percent(done, done + parked));
    let accuracy = (linked > 0).then(|| percent(u64::from(pairs.agreed), linked));
    let slowest_ms = latencies.iter().max().copied();
    let uptime = (ended > 0).then(|| percent(completed, ended));
    Ok(vec![
        metric(
            "sync_success_rate",
            "Sync success rate",
            success,
            "writes stored and read back",
            success_trend.clone(),
            95.0,
        ),
        Metric {
            id: "response_time".to_owned(),
            label: "Response time".to_owned(),
            value: slowest_ms.map_or_else(|| "–".to_owned(), |ms| format!("{ms} ms")),
            detail: "the slower of the two systems, last answer".to_owned(),
            trend: Vec::new(),
            ok: slowest_ms.is_none_or(|ms| ms <= 5_000),
        },
        Metric {
            id: "error_rate".to_owned(),
            label: "Error rate".to_owned(),
            value: success.map_or_else(|| "–".to_owned(), |success| format!("{:.1} %", 100.0 - success)),
            detail: "writes a system refused".to_owned(),
            trend: success_trend.iter().map(|success| 100.0 - success).collect(),
            ok: success.is_none_or(|success| success >= 95.0),
        },
        metric(
            "data_accuracy",
            "Data accuracy",
            accuracy,
            "linked patients on which both systems agree",
            accuracy_trend,
            95.0,
        ),
        metric("uptime", "Uptime", uptime, "of the last 20 runs, completed", Vec::new(), 95.0),
    ])
}

fn metric(id: &str, label: &str, value: Option<f64>, detail: &str, trend: Vec<f64>, ok_from: f64) -> Metric {
    Metric {
        id: id.to_owned(),
        label: label.to_owned(),
        value: value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1} %")),
        detail: detail.to_owned(),
        trend,
        ok: value.is_none_or(|value| value >= ok_from),
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 100.0 } else { part as f64 * 100.0 / whole as f64 }
}
