//! Receipts: what every write did.

use crate::console::Console;
use crate::dto::{ApiError, Capability, ReceiptList, ReceiptQuery, ReceiptView};
use crate::permissions::who_can;
use crate::shown::remote_name;
use engine::error::decode;
use engine::execute::{Answer, ReadBack, SentRequest};
use engine::plans::Aim;
use engine::treatments;
use remote::Write;
use store::{OperationFilter, PlanState, ReceiptRow};

impl Console {
    pub(crate) async fn receipt_view(&self, row: &ReceiptRow) -> Result<ReceiptView, ApiError> {
        let sent: SentRequest = decode("receipt", &row.request)?;
        let answer: Answer = decode("receipt", &row.response)?;
        let read_back: ReadBack = decode("receipt", &row.read_back)?;
        let plan = self.parts.store.plan(&row.plan).await?;
        let pair = self.parts.store.pair(&row.pair).await?;
        let kind = pair.as_ref().map_or(record::RecordKind::Patient, |pair| pair.kind);
        let patient = pair.map(|pair| pair.card.name).unwrap_or_default();
        let write = Write {
            kind,
            place: sent.aim.place(),
            key: sent.key.clone(),
            body: sent.body.clone(),
            expected_version: sent.expected_version.clone(),
            idempotency_key: String::new(),
        };
        let preview = self.parts.remotes.get(row.remote).preview(&write);
        let mut request = format!("{} {}", preview.method, preview.url);
        for (name, value) in &preview.headers {
            request.push_str(&format!("\n{name}: {value}"));
        }
        request.push_str("\n\n");
        request.push_str(&sent.body);
        let created = sent.key.is_none() || treatments::is_version(kind, row.remote);
        let sentence = self.write_sentence(kind, row.remote, created, &sent.fields, sent.aim);
        // The half of a plan that was done can be taken back when the other half was refused or called off.
        let done = match plan.as_ref().map(|plan| plan.state) {
            Some(PlanState::Done | PlanState::Superseded) => true,
            Some(PlanState::Approved) => !engine::step::lane_busy(&*self.parts.store, &row.pair).await?,
            _ => false,
        };
        let not_undoable = if row.undone_by.is_some() {
            Some("It is undone already.".to_owned())
        } else if sent.aim == Aim::Bill {
            Some("What is billed stays: correct it in ServiceNow.".to_owned())
        } else if sent.aim == Aim::Archive {
            Some("Open the treatment again in ServiceNow, if it is not to be archived.".to_owned())
        } else if created {
            Some("A created record stays: nothing is ever deleted in the other system.".to_owned())
        } else if sent.fields.is_empty() {
            Some("The other system's number is not a value that could be put back.".to_owned())
        } else if !done {
            Some("Other writes of this plan are still on their way.".to_owned())
        } else if self.require_capability(Capability::Undo).is_err() {
            Some(format!("Ask {}.", who_can(Capability::Undo)))
        } else {
            None
        };
        let mut discrepancies: Vec<String> = read_back
            .discrepancies
            .iter()
            .map(|field| format!("{} was not stored as sent.", self.label(field)))
            .collect();
        if read_back.raced {
            discrepancies.push(
                "Somebody else changed the record at the same moment; it was read and compared again."
                    .to_owned(),
            );
        }
        Ok(ReceiptView {
            operation_id: row.operation.clone(),
            plan_id: row.plan.clone(),
            patient_id: row.pair.clone(),
            patient,
            remote: remote_name(row.remote),
            sentence: past(&sentence),
            changes: self.changes(kind, &sent.fields),
            request,
            response: match answer.status {
                0 => "An earlier attempt had done it; its answer was lost.".to_owned(),
                status => format!("{status}\n\n{}", answer.body),
            },
            verified: read_back.discrepancies.is_empty(),
            read_back: read_back.raw,
            discrepancies,
            version_before: row.version_before.clone(),
            version_after: row.version_after.clone(),
            at_ms: row.at_ms,
            maker: plan.as_ref().map_or_else(String::new, |plan| match plan.maker.as_str() {
                "rule" => "a rule".to_owned(),
                maker => self.name_of(maker),
            }),
            approver: plan.as_ref().and_then(|plan| plan.approver.as_deref()).map(|id| self.name_of(id)),
            reason: plan.and_then(|plan| plan.reason),
            can_undo: not_undoable.is_none(),
            not_undoable_because: not_undoable,
            undone_by: row.undone_by.clone(),
        })
    }

    pub(crate) async fn receipts_list(&self, request: ReceiptQuery) -> Result<ReceiptList, ApiError> {
        let limit = request.limit.clamp(1, 500);
        let store = &*self.parts.store;
        let rows = match &request.plan_id {
            None => store.receipts(request.patient_id.as_deref(), request.offset, limit).await?,
            Some(plan) => {
                let of_plan = OperationFilter { lane: None, plan: Some(plan.clone()), states: Vec::new() };
                let mut rows = Vec::new();
                for operation in store.operations(&of_plan, request.offset, limit).await? {
                    rows.extend(store.receipt(&operation.id).await?);
                }
                rows
            }
        };
        let mut receipts = Vec::with_capacity(rows.len());
        for row in rows {
            receipts.push(self.receipt_view(&row).await?);
        }
        Ok(ReceiptList { receipts })
    }
}

/// "Change …" becomes "Changed …".
pub(crate) fn past(sentence: &str) -> String {
    for (now, then) in
        [("Change ", "Changed "), ("Create ", "Created "), ("Write ", "Wrote "), ("Mark ", "Marked ")]
    {
        if let Some(rest) = sentence.strip_prefix(now) {
            return format!("{then}{rest}");
        }
    }
    sentence.to_owned()
}
