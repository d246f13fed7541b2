//! Search and the patient page.

use crate::compare::{empty_field, field_view};
use crate::console::Console;
use crate::dto::{
    ApiError, Capability, ErrorCode, FieldView, FindingSeverity, FindingView, Id, PatientPage,
    PatientPageRows, PatientRow, PatientSearch, PatientStatus, RawPair, TimelineEntry, ValidateOwn,
    Validated,
};
use crate::errors::{api, sentence};
use crate::findings;
use crate::shown::{kind_name, remote_name, shown, side};
use engine::Command;
use engine::judge::SideState;
use engine::step::{load_context, load_side};
use record::catalogue::ValueType;
use record::validate::{Severity, validate_patient, validate_typed};
use record::{FieldState, RecordKind, Remote};
use store::{PairRow, PairStatus, QuarantineFilter, QuarantineState, SnapshotId};

/// Fields a clinician must be able to rely on.
const SAFETY_FIELDS: [&str; 3] = ["allergies", "species", "microchip_id"];

/// The DTO's status.
pub(crate) const fn status(status: PairStatus) -> PatientStatus {
    match status {
        PairStatus::Agreed => PatientStatus::Agreed,
        PairStatus::Waiting => PatientStatus::Waiting,
        PairStatus::Differs => PatientStatus::Differs,
        PairStatus::OnlyServiceNow => PatientStatus::OnlyServiceNow,
        PairStatus::OnlyEhr => PatientStatus::OnlyEhr,
    }
}

pub(crate) const fn stored_status(status: PatientStatus) -> PairStatus {
    match status {
        PatientStatus::Agreed => PairStatus::Agreed,
        PatientStatus::Waiting => PairStatus::Waiting,
        PatientStatus::Differs => PairStatus::Differs,
        PatientStatus::OnlyServiceNow => PairStatus::OnlyServiceNow,
        PatientStatus::OnlyEhr => PairStatus::OnlyEhr,
    }
}

impl Console {
    pub(crate) fn label(&self, field: &str) -> String {
        self.spec_of(field).map_or_else(|| field.to_owned(), |(_, spec)| spec.label.clone())
    }

    /// The field of that name, of whichever kind has one.
    pub(crate) fn spec_of(&self, field: &str) -> Option<(record::FieldIx, &record::FieldSpec)> {
        [RecordKind::Patient, RecordKind::Appointment, RecordKind::Treatment].into_iter().find_map(|kind| {
            let catalogue = self.parts.lenses.catalogue(kind);
            let at = catalogue.index_of(field)?;
            Some((at, catalogue.spec(at)?))
        })
    }

    /// What a pair is about; a patient where it is not there any more.
    pub(crate) async fn kind_of(&self, pair: &str) -> Result<RecordKind, ApiError> {
        Ok(self.parts.store.pair(pair).await?.map_or(RecordKind::Patient, |pair| pair.kind))
    }

    pub(crate) fn patient_row(&self, pair: &PairRow) -> PatientRow {
        PatientRow {
            id: pair.id.clone(),
            name: pair.card.name.clone(),
            species: pair.card.species.clone(),
            breed: pair.card.breed.clone(),
            owner: pair.card.owner.clone(),
            phone: pair.card.phone.clone(),
            chip: pair.card.chip.clone(),
            born: pair.card.born.clone(),
            status: status(pair.status),
            deceased: pair.card.deceased,
            differing: pair
                .differing
                .split(',')
                .filter(|id| !id.is_empty())
                .map(|id| self.label(id))
                .collect(),
        }
    }

    pub(crate) async fn pair(&self, id: &str) -> Result<PairRow, ApiError> {
        self.parts.store.pair(id).await?.ok_or_else(|| {
            api(
                ErrorCode::NotFound,
                "There is no such patient any more.",
                "It may have been linked to another record; search for it by name.",
            )
        })
    }

    pub(crate) async fn patients_search(&self, request: PatientSearch) -> Result<PatientPageRows, ApiError> {
        let began = std::time::Instant::now();
        let status = request.status.map(stored_status);
        let limit = request.limit.clamp(1, 500);
        let (rows, total) =
            self.parts.store.search_patients(&request.query, status, request.offset, limit).await?;
        Ok(PatientPageRows {
            rows: rows.iter().map(|row| self.patient_row(row)).collect(),
            total: u32::try_from(total).unwrap_or(u32::MAX),
            capped: total >= 10_000 && !request.query.trim().is_empty(),
            took_ms: began.elapsed().as_secs_f64() * 1_000.0,
        })
    }

    pub(crate) async fn patients_get(&self, request: Id) -> Result<PatientPage, ApiError> {
        let store = &*self.parts.store;
        let pair = self.pair(&request.id).await?;
        let lenses = &self.parts.lenses;
        let person = self.person();
        let context = load_context(store, lenses, pair.clone()).await?;
        let conflict = store.open_conflict_of(&pair.id).await?;
        let (servicenow, ehr, mut fields) = match &context {
            Some(context) => {
                let comparison = reconcile::compare(&context.state(lenses));
                let fields = comparison
                    .fields
                    .iter()
                    .filter_map(|field| {
                        let spec = lenses.catalogue(pair.kind).spec(field.field)?;
                        Some(field_view(spec, field, context.base.as_ref(), &person))
                    })
                    .collect::<Vec<_>>();
                (Some(context.servicenow.clone()), Some(context.ehr.clone()), fields)
            }
            None => {
                let servicenow = match &pair.servicenow_key {
                    Some(key) => load_side(store, pair.kind, Remote::ServiceNow, key).await?,
                    None => None,
                };
                let ehr = match &pair.ehr_key {
                    Some(key) => load_side(store, pair.kind, Remote::Ehr, key).await?,
                    None => None,
                };
                let fields = lenses
                    .catalogue(pair.kind)
                    .iter()
                    .map(|(field, spec)| {
                        let mut view = empty_field(spec);
                        view.service_now = shown(
                            servicenow.as_ref().map_or(&FieldState::Blank, |side| side.record.field(field)),
                        );
                        view.ehr =
                            shown(ehr.as_ref().map_or(&FieldState::Blank, |side| side.record.field(field)));
                        view
                    })
                    .collect();
                (servicenow, ehr, fields)
            }
        };
        // Allergies first: what a clinician must not miss.
        fields.sort_by_key(|field| field.field != "allergies");
        let differing: Vec<&str> =
            fields.iter().filter(|field| field.grade > 0).map(|field| field.label.as_str()).collect();
        let (trust, trusted) = trust(&pair, &fields, &differing, servicenow.as_ref(), ehr.as_ref());
        let mut findings = self.unreadable(&pair).await?;
        findings.extend(self.findings(servicenow.as_ref(), ehr.as_ref()));
        Ok(PatientPage {
            kind: kind_name(pair.kind),
            patient: self.patient_row(&pair),
            service_now: side(Remote::ServiceNow, servicenow.as_ref(), pair.servicenow_key.as_deref()),
            ehr: side(Remote::Ehr, ehr.as_ref(), pair.ehr_key.as_deref()),
            trust,
            trusted,
            agreed_at_ms: pair.agreed_at_ms,
            fields,
            conflict_id: conflict.map(|row| row.id),
            timeline: self.timeline(&pair).await?,
            findings,
            linked_by: pair.linked_by.as_deref().map(|by| self.linked_words(by)),
        })
    }

    /// Records of this patient whose latest version could not be read: what is shown is older.
    async fn unreadable(&self, pair: &PairRow) -> Result<Vec<FindingView>, ApiError> {
        let mut views = Vec::new();
        for (remote, key) in [(Remote::ServiceNow, &pair.servicenow_key), (Remote::Ehr, &pair.ehr_key)] {
            let Some(key) = key else { continue };
            let filter = QuarantineFilter {
                states: vec![QuarantineState::Open],
                record: Some(SnapshotId { remote, kind: pair.kind, key: key.clone() }),
                ..QuarantineFilter::default()
            };
            let (rows, _) = self.parts.store.quarantine(&filter, 0, 1).await?;
            views.extend(rows.into_iter().map(|row| FindingView {
                field: String::new(),
                severity: FindingSeverity::Error,
                sentence: format!(
                    "The latest version could not be read, and what is shown is older: {} Correct it there.",
                    sentence(&row.problem)
                ),
                remotes: vec![remote_name(remote)],
            }));
        }
        Ok(views)
    }

    /// What business rules say about either record; the same finding about both is said once.
    fn findings(&self, servicenow: Option<&SideState>, ehr: Option<&SideState>) -> Vec<FindingView> {
        let today = engine::clock::date_of(self.now_ms());
        let mut views: Vec<FindingView> = Vec::new();
        for (remote, side) in [(Remote::ServiceNow, servicenow), (Remote::Ehr, ehr)] {
            let Some(side) = side else { continue };
            for finding in
                validate_patient(self.parts.lenses.catalogue(RecordKind::Patient), &side.record, today)
            {
                let sentence = format!(
                    "{}: {}. {}",
                    self.label(&finding.field),
                    finding.problem.trim_end_matches('.'),
                    sentence(&finding.way_out)
                );
                findings::add(&mut views, remote, finding, sentence);
            }
        }
        findings::sort(&mut views);
        views
    }

    pub(crate) fn linked_words(&self, by: &str) -> String {
        match by {
            "cross_reference" => "linked by the other system's number".to_owned(),
            "microchip" => "linked by microchip".to_owned(),
            "created" => "created by VetSync from the other system's record".to_owned(),
            other => format!("linked by {}", self.name_of(other)),
        }
    }

    pub(crate) async fn timeline(&self, pair: &PairRow) -> Result<Vec<TimelineEntry>, ApiError> {
        let mut entries = Vec::new();
        for receipt in self.parts.store.receipts(Some(&pair.id), 0, 50).await? {
            let view = self.receipt_view(&receipt).await?;
            let actor = view.approver.clone().unwrap_or_else(|| view.maker.clone());
            entries.push(TimelineEntry {
                at_ms: view.at_ms,
                actor,
                sentence: view.sentence,
                plan_id: Some(view.plan_id),
            });
        }
        if let (Some(at_ms), Some(by)) = (pair.linked_at_ms, pair.linked_by.as_deref()) {
            entries.push(TimelineEntry {
                at_ms,
                actor: "VetSync".to_owned(),
                sentence: sentence(&format!("the two records were {}", self.linked_words(by))),
                plan_id: None,
            });
        }
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.at_ms));
        Ok(entries)
    }

    pub(crate) async fn patients_verify(&self, request: Id) -> Result<PatientPage, ApiError> {
        let actor = format!("person:{}", self.person().id);
        self.parts.engine.ask(Command::Observe { pair: request.id.clone(), write: false, actor }).await?;
        self.patients_get(request).await
    }

    pub(crate) async fn patients_raw(&self, request: Id) -> Result<RawPair, ApiError> {
        let pair = self.pair(&request.id).await?;
        let store = &*self.parts.store;
        let mut raw = [None, None];
        for (slot, remote, key) in
            [(0, Remote::ServiceNow, &pair.servicenow_key), (1, Remote::Ehr, &pair.ehr_key)]
        {
            if let Some(key) = key {
                raw[slot] =
                    load_side(store, pair.kind, remote, key).await?.map(|side| pretty(&side.snapshot.raw));
            }
        }
        let [service_now, ehr] = raw;
        Ok(RawPair { service_now, ehr })
    }

    #[allow(clippy::unused_async, reason = "commands are dispatched alike, and so all of them are async")]
    pub(crate) async fn values_validate(&self, request: ValidateOwn) -> Result<Validated, ApiError> {
        Ok(match self.own_value(&request.field, &request.text)? {
            Ok(state) => Validated { ok: true, shown: Some(shown(&state)), problem: None, way_out: None },
            Err(problem) => Validated {
                ok: false,
                shown: None,
                problem: Some(sentence(&problem.problem)),
                way_out: Some(sentence(&problem.way_out)),
            },
        })
    }

    /// Reads a value typed by a person for a field.
    pub(crate) fn own_value(
        &self,
        field: &str,
        text: &str,
    ) -> Result<Result<FieldState, record::ValueProblem>, ApiError> {
        let (_, spec) = self.spec_of(field).ok_or_else(|| {
            api(
                ErrorCode::NotFound,
                format!("There is no field {field:?}."),
                "Update VetSync's window and its engine to the same version.",
            )
        })?;
        let state = match typed(&spec.value_type, text, &self.parts.lenses.patients.row.conventions) {
            Ok(state) => state,
            Err(problem) => return Ok(Err(problem)),
        };
        // By the rules that records are looked at with: what they call wrong is not typed in anew.
        let today = engine::clock::date_of(self.now_ms());
        let wrong = validate_typed(spec, &state, today)
            .into_iter()
            .find(|finding| finding.severity == Severity::Error)
            .map(|finding| record::ValueProblem { problem: finding.problem, way_out: finding.way_out });
        Ok(wrong.map_or(Ok(state), Err))
    }
}

/// Whether a clinician may rely on this record, and why, in one sentence.
fn trust(
    pair: &PairRow,
    fields: &[FieldView],
    differing: &[&str],
    servicenow: Option<&SideState>,
    ehr: Option<&SideState>,
) -> (String, bool) {
    // What a clinician relies on must have been seen on both sides; hidden is not agreed.
    let hidden: Vec<&str> = fields
        .iter()
        .filter(|field| SAFETY_FIELDS.contains(&field.field.as_str()))
        .filter(|field| field.service_now.hidden || field.ehr.hidden)
        .map(|field| field.label.as_str())
        .collect();
    let life_differs = match (servicenow, ehr) {
        (Some(one), Some(other)) => {
            (one.record.active, one.record.deceased) != (other.record.active, other.record.deceased)
        }
        (Some(_) | None, None) | (None, Some(_)) => false,
    };
    let trusted = pair.status == PairStatus::Agreed && hidden.is_empty() && !life_differs;
    let inactive =
        [servicenow, ehr].into_iter().flatten().any(|side| !side.record.active || side.record.deceased);
    let trust = match pair.status {
        PairStatus::Agreed if life_differs => {
            "The systems disagree on whether this patient is alive and active; correct it where it is wrong"
                .to_owned()
        }
        PairStatus::Agreed if !hidden.is_empty() => {
            format!("Both systems agree on what VetSync may see, but one hides {}", listed(&hidden))
        }
        PairStatus::Agreed => "Both systems agree".to_owned(),
        PairStatus::Waiting => format!("Being brought into line: {}", listed(differing)),
        PairStatus::Differs if differing.is_empty() => "A question about this patient is open".to_owned(),
        PairStatus::Differs => format!("The systems disagree on {}", listed(differing)),
        PairStatus::OnlyServiceNow if inactive => {
            "Only in ServiceNow; inactive and deceased patients are not created in the other system"
                .to_owned()
        }
        PairStatus::OnlyEhr if inactive => {
            "Only in the EHR; inactive and deceased patients are not created in the other system".to_owned()
        }
        PairStatus::OnlyServiceNow => {
            "Only ServiceNow knows this patient; the next complete comparison creates it in the EHR, or asks"
                .to_owned()
        }
        PairStatus::OnlyEhr => {
            "Only the EHR knows this patient; the next complete comparison creates it in ServiceNow, or asks"
                .to_owned()
        }
    };
    (trust, trusted)
}

fn typed(
    value_type: &ValueType,
    text: &str,
    conventions: &record::Conventions,
) -> Result<FieldState, record::ValueProblem> {
    Ok(record::value::parse(value_type, text, conventions)?.map_or(FieldState::Blank, FieldState::Value))
}

/// "A", "A and B", "A, B and C".
pub(crate) fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

fn pretty(raw: &str) -> String {
    // Only for reading: laid out by serde_json, unless it is not JSON at all.
    serde_json::from_str::<&serde_json::value::RawValue>(raw)
        .ok()
        .and_then(|_| serde_json::from_str::<serde_json::Value>(raw).ok())
        .and_then(|value| serde_json::to_string_pretty(&value).ok())
        .unwrap_or_else(|| raw.to_owned())
}

impl Console {
    /// Whether the person may decide any field at all.
    pub(crate) fn decides_something(&self) -> bool {
        let person = self.person();
        crate::permissions::may(&person, Capability::DecideDemographic)
            || crate::permissions::may(&person, Capability::DecideClinical)
    }
}
