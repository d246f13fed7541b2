//! What follows once both systems agree on a treatment: the EHR shows it in the patient's history, it is billed, and its
//! row is archived (specification: "Treatment Documentation", steps 4 to 6).
//!
//! Where it stands is told from what is stored and never from a counter of its own: the EHR's record as it was read back,
//! the lines whose operations are done, the row. So any process, after any death, goes on with the same step; and a line
//! is looked up under its key before each try, so that it is billed once whoever asks.

use crate::error::{EngineError, Result, decode};
use crate::judge::PairContext;
use crate::lens::{KindLenses, Lenses};
use crate::one_sided::Hindrance;
use crate::plans::{Aim, Intent, PlannedOperation};
use crate::step::Engine;
pub use mapping::fhir::History;
use mapping::servicenow::bill::{BillLens, Billed};
use record::fees::{BillLine, FeeSchedule};
use record::value::{Instant, PatientLink, Value};
use record::{Json, Record, RecordKind, Remote};
use remote::RemoteError;
use rust_decimal::Decimal;
use std::collections::BTreeSet;
use store::{OperationAction, OperationFilter, OperationRow, OperationState, Store};

/// What stands in the place of a question's fields where both systems agree on a treatment, and it cannot be completed.
pub const FIELDS: &str = "completion";

/// How treatments are billed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Billing {
    /// How lines are written.
    pub lens: BillLens,
    /// What things cost.
    pub fees: FeeSchedule,
    /// Treatments given before this are not billed, Unix seconds: they were billed in another way, or not at all.
    pub since: i64,
}

/// A line that was billed and read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BilledLine {
    /// Its key.
    pub key: String,
    /// How many units, where the table says so.
    pub quantity: Option<Decimal>,
}

/// How far a treatment is, beyond what both systems say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What the EHR shows in the patient's history.
    pub history: History,
    /// Its bill; none where treatments are not billed, or this one is too old.
    pub bill: Option<Bill>,
    /// Whether its row is archived; none where rows are not.
    pub archived: Option<bool>,
}

/// The bill of a treatment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// Lines that are billed and read back.
    pub billed: Vec<BillLine>,
    /// Lines that are still to be written.
    pub open: Vec<BillLine>,
    /// What cannot be priced; then no line is written.
    pub problems: Vec<Hindrance>,
    /// Keys of lines that an earlier version was billed by and this one does not hold.
    pub no_longer: Vec<String>,
}

/// What is to be done next with a treatment on which both systems agree.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Nothing: all of it is done, or nothing of it is set up.
    Nothing,
    /// These writes, in their order.
    Write(Vec<PlannedOperation>),
    /// A person has to mend something first.
    Ask(Vec<Hindrance>),
}

/// The lines of a pair that are billed: their operations were carried out and read back.
pub async fn billed(store: &dyn Store, lenses: &Lenses, pair: &str) -> Result<Vec<BilledLine>> {
    let Some(billing) = &lenses.billing else { return Ok(Vec::new()) };
    let done =
        OperationFilter { lane: Some(pair.to_owned()), plan: None, states: vec![OperationState::Done] };
    let mut lines = Vec::new();
    for operation in store.operations(&done, 0, 10_000).await? {
        if operation.action != OperationAction::Create || operation.remote != Remote::ServiceNow {
            continue;
        }
        let intent: Intent = decode("intent", &operation.intent)?;
        let Some(body) = Json::parse(&operation.body).ok().filter(|_| intent.aim == Aim::Bill) else {
            continue;
        };
        if let Some(key) = billing.lens.key(&body) {
            lines.push(BilledLine { key: key.to_owned(), quantity: billing.lens.quantity(&body) });
        }
    }
    Ok(lines)
}

fn patient(lenses: &KindLenses, record: &Record) -> Option<PatientLink> {
    lenses.catalogue().iter().find_map(|(field, _)| match record.field(field).value() {
        Some(Value::PatientLink(link)) => Some(link.clone()),
        _ => None,
    })
}

fn given<'r>(lenses: &KindLenses, record: &'r Record) -> Option<&'r Instant> {
    match record.by_id(lenses.catalogue(), "treatment_date").value() {
        Some(Value::Instant(at)) => Some(at),
        _ => None,
    }
}

/// How far a treatment is that both systems have; none of another kind.
pub fn standing(context: &PairContext, lenses: &Lenses) -> Option<Standing> {
    if context.pair.kind != RecordKind::Treatment {
        return None;
    }
    let of_treatments = lenses.of(RecordKind::Treatment);
    let record = &context.servicenow.record;
    let in_ehr = patient(of_treatments, record).and_then(|link| link.ehr).unwrap_or_default();
    let history = of_treatments.history(&context.ehr.snapshot.raw, &in_ehr);
    let row = Json::parse(&context.servicenow.snapshot.raw).ok();
    let archive = of_treatments.row.archive.as_ref();
    Some(Standing {
        history,
        bill: lenses.billing.as_deref().and_then(|billing| bill(context, of_treatments, billing)),
        archived: archive.map(|archive| row.as_ref().is_some_and(|row| archive.holds(row))),
    })
}

fn bill(context: &PairContext, lenses: &KindLenses, billing: &Billing) -> Option<Bill> {
    let record = &context.servicenow.record;
    if given(lenses, record).is_some_and(|at| at.seconds < billing.since) {
        return None;
    }
    let mut problems = Vec::new();
    if given(lenses, record).is_none() {
        problems.push(Hindrance::Finding {
            field: "treatment_date".to_owned(),
            problem: "the treatment says no date, so it cannot be billed".to_owned(),
            way_out: "write when it was given in ServiceNow".to_owned(),
        });
    }
    let lines = match billing.fees.lines(lenses.catalogue(), record) {
        Ok(lines) => lines,
        Err(missing) => {
            problems.extend(missing.into_iter().map(|one| Hindrance::Finding {
                field: one.field,
                problem: one.problem,
                way_out: one.way_out,
            }));
            Vec::new()
        }
    };
    let known = &context.surroundings.billed;
    let keys: BTreeSet<String> = lines.iter().map(|line| line.key(&record.key)).collect();
    let is_billed = |line: &BillLine| {
        let key = line.key(&record.key);
        known.iter().any(|one| one.key == key && one.quantity.is_none_or(|units| units == line.quantity))
    };
    let (billed, open) = lines.into_iter().partition(is_billed);
    let mut no_longer: Vec<String> =
        known.iter().filter(|one| !keys.contains(&one.key)).map(|one| one.key.clone()).collect();
    no_longer.sort();
    no_longer.dedup();
    if !problems.is_empty() {
        no_longer.clear();
    }
    Some(Bill { billed, open, problems, no_longer })
}

/// What is to be done next with a treatment on which both systems agree: one step at a time, each only when the one before
/// it was read back.
pub fn next(context: &PairContext, lenses: &Lenses) -> Result<Next> {
    let of_treatments = lenses.of(RecordKind::Treatment);
    if lenses.billing.is_none() && of_treatments.row.archive.is_none() {
        return Ok(Next::Nothing);
    }
    let Some(standing) = standing(context, lenses) else { return Ok(Next::Nothing) };
    if !standing.history.problems.is_empty() {
        let ask = |problem: String| Hindrance::Finding {
            field: "patient".to_owned(),
            problem: format!("the EHR does not show the treatment in the patient's history: {problem}"),
            way_out: "correct it in the EHR; it is billed and archived once the EHR shows it".to_owned(),
        };
        return Ok(Next::Ask(standing.history.problems.into_iter().map(ask).collect()));
    }
    let record = &context.servicenow.record;
    if let (Some(bill), Some(billing)) = (standing.bill, lenses.billing.as_deref()) {
        if !bill.problems.is_empty() {
            return Ok(Next::Ask(bill.problems));
        }
        let linked = patient(of_treatments, record).and_then(|link| link.servicenow);
        if let (Some(patient), Some(given)) = (linked, given(of_treatments, record))
            && !bill.open.is_empty()
        {
            let of = Billed { treatment: &record.key, patient: &patient, given };
            let operation = |line: &BillLine| PlannedOperation {
                remote: Remote::ServiceNow,
                key: None,
                expected_version: None,
                fields: Vec::new(),
                cross_reference: None,
                body: billing.lens.write(line, of).to_string(),
                our_key: Some(line.key(&record.key)),
                aim: Aim::Bill,
            };
            return Ok(Next::Write(bill.open.iter().map(operation).collect()));
        }
    }
    Ok(match (&of_treatments.row.archive, standing.archived) {
        (Some(archive), Some(false)) => Next::Write(vec![PlannedOperation {
            remote: Remote::ServiceNow,
            key: Some(record.key.clone()),
            expected_version: Some(context.servicenow.snapshot.version.clone()),
            fields: Vec::new(),
            cross_reference: None,
            body: archive.body().to_string(),
            our_key: None,
            aim: Aim::Archive,
        }]),
        _ => Next::Nothing,
    })
}

impl Engine {
    /// Whether what was read back is what such a write was meant to bring about; if not, a refusal that says which column
    /// is wrong, for a person. `found`: it stood there already, under our key.
    pub(crate) fn not_as_meant(
        &self,
        operation: &OperationRow,
        raw: &str,
        found: bool,
    ) -> Result<Option<RemoteError>> {
        if (operation.kind, operation.remote) != (RecordKind::Treatment, Remote::ServiceNow) {
            return Ok(None);
        }
        let intent: Intent = decode("intent", &operation.intent)?;
        let parsed = |text: &str| {
            Json::parse(text).map_err(|error| EngineError::Decode { what: "row", problem: error.to_string() })
        };
        let what = match intent.aim {
            Aim::Record => return Ok(None),
            Aim::Bill => {
                let Some(billing) = &self.lenses.billing else {
                    return Ok(Some(refused(
                        "treatments are not billed any more; switch billing on again, or call this off"
                            .to_owned(),
                    )));
                };
                let (sent, row) = (parsed(&operation.body)?, parsed(raw)?);
                let columns = if found {
                    billing.lens.another_line(&sent, &row)
                } else {
                    billing.lens.not_stored(&sent, &row)
                };
                match (columns.is_empty(), found) {
                    (true, _) => return Ok(None),
                    (false, true) => format!(
                        "a line with this key stands on the bill already and says otherwise in {}; correct the bill in \
                         ServiceNow, then send this again: it is looked at, and not billed a second time",
                        columns.join(", ")
                    ),
                    (false, false) => format!(
                        "the bill was made, and {} is not as it was sent; check the columns' names, types and access \
                         rules, correct the line in ServiceNow, then send this again: it is not billed a second time",
                        columns.join(", ")
                    ),
                }
            }
            Aim::Archive => {
                let row = parsed(raw)?;
                match &self.lenses.of(RecordKind::Treatment).row.archive {
                    Some(archive) if archive.holds(&row) => return Ok(None),
                    Some(archive) => format!(
                        "it took the write, and {} does not say that the treatment is archived; check the value and the \
                         access rules of that column, then send this again",
                        archive.column
                    ),
                    None => "treatments are not archived any more; call this off".to_owned(),
                }
            }
        };
        Ok(Some(refused(what)))
    }
}

fn refused(what: String) -> RemoteError {
    RemoteError::Refused { remote: Remote::ServiceNow, status: 0, what }
}
