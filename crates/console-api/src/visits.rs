//! Appointments and treatments: lists and one of them, with what rules say about it.

use crate::calendar::LAST_MOMENT;
use crate::compare::{empty_field, field_view};
use crate::console::Console;
use crate::dto::{
    ApiError, ErrorCode, FieldView, FindingSeverity, FindingView, Id, VisitPage, VisitQuery, VisitRow,
    VisitRows, VisitStep,
};
use crate::errors::{api, sentence};
use crate::findings;
use crate::patients::{status, stored_status};
use crate::shown::{shown, side};
use crate::treatments::Facts;
use engine::completion::Standing;
use engine::judge::SideState;
use engine::step::{load_context, load_side};
use engine::visits::{Booked, booked};
use engine::{links, treatments};
use reconcile::calendar::{self, Overlap};
use record::validate::Finding;
use record::{Catalogue, FieldState, Record, RecordKind, Remote};
use store::{OperationFilter, OperationState, PairRow, PairStatus};

/// Pairs read together.
const PAGE: u32 = 1_000;
/// Visits beside this one that may overlap it begin at most so long before or after it.
const NEAR_SECONDS: i64 = 86_400;
/// So many of them are looked at.
const NEAR_MAX: u32 = 5_000;
/// So many visits between two moments are listed.
const BETWEEN_MAX: u32 = 50_000;

impl Console {
    pub(crate) async fn appointments_list(&self, request: VisitQuery) -> Result<VisitRows, ApiError> {
        self.visits(RecordKind::Appointment, &request).await
    }

    pub(crate) async fn appointments_get(&self, request: Id) -> Result<VisitPage, ApiError> {
        self.visit(RecordKind::Appointment, &request.id).await
    }

    pub(crate) async fn treatments_list(&self, request: VisitQuery) -> Result<VisitRows, ApiError> {
        self.visits(RecordKind::Treatment, &request).await
    }

    pub(crate) async fn treatments_get(&self, request: Id) -> Result<VisitPage, ApiError> {
        self.visit(RecordKind::Treatment, &request.id).await
    }

    async fn visits(&self, kind: RecordKind, request: &VisitQuery) -> Result<VisitRows, ApiError> {
        let wanted_by = request.clinician.as_deref().map(str::to_lowercase);
        let wanted = |pair: &PairRow| {
            wanted_by.as_deref().is_none_or(|name| pair.card.owner.to_lowercase().contains(name))
        };
        let status = request.status.map(stored_status);
        let mut found = match (request.from.as_deref(), request.until.as_deref()) {
            (None, None) => self.all_visits(kind, status).await?,
            // What begins between two moments has an index.
            (from, until) => {
                let (from, until) = (from.unwrap_or_default(), until.unwrap_or(LAST_MOMENT));
                let between = self.parts.store.pairs_between(kind, from, until, BETWEEN_MAX).await?;
                between.into_iter().filter(|pair| status.is_none_or(|status| pair.status == status)).collect()
            }
        };
        found.retain(wanted);
        found.sort_by(|one, other| (&one.card.born, &one.id).cmp(&(&other.card.born, &other.id)));
        let total = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let offset = usize::try_from(request.offset).unwrap_or(usize::MAX);
        let limit = usize::try_from(request.limit.clamp(1, 1_000)).unwrap_or(usize::MAX);
        let mut rows = Vec::new();
        for pair in found.iter().skip(offset).take(limit) {
            let waits = match self.sides_of(pair).await? {
                sides if pair.status != PairStatus::Agreed => waits(pair, &sides),
                _ => None,
            };
            rows.push(self.visit_row(pair, waits));
        }
        Ok(VisitRows { rows, total })
    }

    async fn all_visits(
        &self,
        kind: RecordKind,
        status: Option<PairStatus>,
    ) -> Result<Vec<PairRow>, ApiError> {
        let mut found = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.parts.store.pairs_after(kind, status, &after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(found) };
            after.clone_from(&last.id);
            found.extend(page);
        }
    }

    pub(crate) fn visit_row(&self, pair: &PairRow, waits: Option<String>) -> VisitRow {
        VisitRow {
            id: pair.id.clone(),
            patient: pair.card.name.clone(),
            clinician: pair.card.owner.clone(),
            about: pair.card.breed.clone(),
            begins: pair.card.born.clone(),
            stands: pair.card.also.clone(),
            status: status(pair.status),
            differing: pair
                .differing
                .split(',')
                .filter(|id| !id.is_empty())
                .map(|id| self.label(id))
                .collect(),
            waits,
        }
    }

    pub(crate) async fn sides_of(&self, pair: &PairRow) -> Result<[Option<SideState>; 2], ApiError> {
        let mut sides = [None, None];
        for (slot, remote, key) in
            [(0, Remote::ServiceNow, &pair.servicenow_key), (1, Remote::Ehr, &pair.ehr_key)]
        {
            if let Some(key) = key {
                sides[slot] = load_side(&*self.parts.store, pair.kind, remote, key).await?;
            }
        }
        Ok(sides)
    }

    async fn visit(&self, kind: RecordKind, id: &str) -> Result<VisitPage, ApiError> {
        let store = &*self.parts.store;
        let pair = store.pair(id).await?.filter(|pair| pair.kind == kind).ok_or_else(|| {
            api(
                ErrorCode::NotFound,
                format!("There is no such {} any more.", kind.as_str()),
                "It may have been linked to another record; look for it in the list.",
            )
        })?;
        let lenses = &self.parts.lenses;
        let catalogue = lenses.catalogue(kind);
        let person = self.person();
        let sides = self.sides_of(&pair).await?;
        let mut agrees = false;
        let mut standing = None;
        let mut fields: Vec<FieldView> = match load_context(store, lenses, pair.clone()).await? {
            Some(context) => {
                standing = engine::completion::standing(&context, lenses);
                let comparison = reconcile::compare(&context.state(lenses));
                agrees = comparison.fields.iter().all(|field| field.grade == reconcile::Grade::Equal);
                let of = |field: &reconcile::FieldComparison| {
                    Some(field_view(catalogue.spec(field.field)?, field, context.base.as_ref(), &person))
                };
                comparison.fields.iter().filter_map(of).collect()
            }
            None => {
                let said = |slot: usize, field| {
                    let side: &Option<SideState> = &sides[slot];
                    shown(side.as_ref().map_or(&FieldState::Blank, |side| side.record.field(field)))
                };
                let of = |(field, spec)| FieldView {
                    service_now: said(0, field),
                    ehr: said(1, field),
                    ..empty_field(spec)
                };
                catalogue.iter().map(of).collect()
            }
        };
        let conflict = store.open_conflict_of(&pair.id).await?;
        let findings = self.visit_findings(&pair, &sides).await?;
        let version = sides[1].as_ref().and_then(|ehr| lenses.of(kind).version_of(&ehr.snapshot.raw));
        let records = sides.iter().flatten().map(|side| &side.record);
        let patient_id = self.name_patients(catalogue, records, &mut fields).await?;
        Ok(VisitPage {
            visit: self.visit_row(&pair, waits(&pair, &sides)),
            when: self.when(catalogue, &sides),
            patient_id,
            service_now: side(Remote::ServiceNow, sides[0].as_ref(), pair.servicenow_key.as_deref()),
            ehr: side(Remote::Ehr, sides[1].as_ref(), pair.ehr_key.as_deref()),
            fields,
            steps: self
                .steps(&pair, &sides, &findings, version, conflict.is_some(), standing, agrees)
                .await?,
            findings,
            conflict_id: conflict.map(|row| row.id),
            timeline: self.timeline(&pair).await?,
            linked_by: pair.linked_by.as_deref().map(|by| self.linked_words(by)),
            version,
        })
    }

    /// People read the patient's name where the systems say a key. The pair of the first patient that is linked.
    pub(crate) async fn name_patients(
        &self,
        catalogue: &Catalogue,
        records: impl Iterator<Item = &Record>,
        fields: &mut [FieldView],
    ) -> Result<Option<String>, ApiError> {
        let mut patient_id = None;
        for record in records {
            let Some(key) = calendar::patient_of(catalogue, record) else { continue };
            let patient = self.parts.store.pair_by_key(Remote::ServiceNow, RecordKind::Patient, key).await?;
            let Some(patient) = patient else { continue };
            name_patient(fields, key, &patient.card.name);
            patient_id.get_or_insert(patient.id);
        }
        Ok(patient_id)
    }

    /// A treatment's way to the EHR and beyond; none of an appointment.
    #[allow(clippy::too_many_arguments, reason = "each is a fact of its own, and all are needed")]
    async fn steps(
        &self,
        pair: &PairRow,
        sides: &[Option<SideState>; 2],
        findings: &[FindingView],
        version: Option<u32>,
        asked: bool,
        standing: Option<Standing>,
        agrees: bool,
    ) -> Result<Vec<VisitStep>, ApiError> {
        if pair.kind != RecordKind::Treatment {
            return Ok(Vec::new());
        }
        let row = sides[0].as_ref();
        let errors = findings.iter().filter(|finding| finding.severity == FindingSeverity::Error);
        let lenses = &self.parts.lenses;
        let parked =
            OperationFilter { lane: Some(pair.id.clone()), plan: None, states: vec![OperationState::Parked] };
        Ok(crate::treatments::steps(&Facts {
            in_servicenow: row.is_some(),
            completed: row.is_some_and(|row| !treatments::is_unfinished(&row.record)),
            errors: errors.map(|finding| finding.sentence.clone()).collect(),
            patient_known: row.is_none_or(|row| !links::is_unresolved(&row.record)),
            version,
            in_ehr: sides[1].is_some(),
            status: pair.status,
            agrees,
            asked,
            standing,
            bills: lenses.billing.is_some(),
            archives: lenses.of(RecordKind::Treatment).row.archive.is_some(),
            refused: !self.parts.store.operations(&parked, 0, 1).await?.is_empty(),
        }))
    }

    /// What rules say about a visit by itself, and about an appointment beside the others of its clinician.
    async fn visit_findings(
        &self,
        pair: &PairRow,
        sides: &[Option<SideState>; 2],
    ) -> Result<Vec<FindingView>, ApiError> {
        let mut views: Vec<FindingView> = Vec::new();
        for (remote, side) in Remote::BOTH.into_iter().zip(sides) {
            let Some(side) = side else { continue };
            for finding in self.findings_of(pair.kind, remote, side).await? {
                let sentence = format!(
                    "{}. {}",
                    sentence(&finding.problem).trim_end_matches('.'),
                    sentence(&finding.way_out)
                );
                findings::add(&mut views, remote, finding, sentence);
            }
        }
        if pair.kind == RecordKind::Appointment {
            views.extend(self.overlapping(pair, sides).await?);
        }
        findings::sort(&mut views);
        Ok(views)
    }

    async fn findings_of(
        &self,
        kind: RecordKind,
        remote: Remote,
        side: &SideState,
    ) -> Result<Vec<Finding>, ApiError> {
        let (store, lenses, rules) = (&*self.parts.store, &*self.parts.lenses, &*self.parts.rules);
        let (record, now_ms) = (&side.record, self.now_ms());
        Ok(match (kind, remote) {
            (RecordKind::Appointment, _) => {
                engine::visits::findings(store, lenses, rules, record, now_ms).await?
            }
            (RecordKind::Treatment, Remote::ServiceNow) => {
                let surroundings =
                    treatments::surroundings(store, lenses, &side.snapshot.raw, record).await?;
                treatments::findings(lenses, rules, record, &surroundings, now_ms)
            }
            // What the EHR holds was checked before it was sent. Patients are no visits.
            (RecordKind::Treatment, Remote::Ehr) | (RecordKind::Patient, _) => Vec::new(),
        })
    }

    /// Other appointments of the same clinician at the same time.
    async fn overlapping(
        &self,
        pair: &PairRow,
        sides: &[Option<SideState>; 2],
    ) -> Result<Vec<FindingView>, ApiError> {
        let catalogue = self.parts.lenses.catalogue(RecordKind::Appointment);
        let of = |sides: &[Option<SideState>; 2]| -> Option<Booked> {
            let record: &Record = &sides.iter().flatten().next()?.record;
            booked(catalogue, record)
        };
        let Some(own) = of(sides) else { return Ok(Vec::new()) };
        let bound = |seconds: i64| record::value::Instant::from_seconds(seconds).map(|at| at.servicenow());
        let (Some(from), Some(until)) = (bound(own.start - NEAR_SECONDS), bound(own.start + NEAR_SECONDS))
        else {
            return Ok(Vec::new());
        };
        let mut others = Vec::new();
        for other in self.parts.store.pairs_between(RecordKind::Appointment, &from, &until, NEAR_MAX).await? {
            if other.id != pair.id
                && let Some(booked) = of(&self.sides_of(&other).await?)
            {
                others.push((other.card, booked));
            }
        }
        let mut visits = vec![own.visit(0)];
        visits.extend(others.iter().enumerate().map(|(at, (_, booked))| booked.visit(at + 1)));
        let named = |at: usize| others.get(at.checked_sub(1)?).map(|(card, _)| card);
        let found = calendar::overlaps(&visits);
        let ours = found.iter().filter_map(|overlap| match (overlap.first, overlap.second) {
            (0, other) | (other, 0) => Some((named(other)?, overlap.minutes)),
            _ => None,
        });
        Ok(ours
            .map(|(card, minutes)| FindingView {
                field: "assigned_clinician".to_owned(),
                severity: FindingSeverity::Warning,
                sentence: format!(
                    "{} ({}, {} UTC, for {minutes} minutes). {}",
                    sentence(Overlap::<usize>::PROBLEM).trim_end_matches('.'),
                    card.name,
                    card.born,
                    sentence(Overlap::<usize>::WAY_OUT)
                ),
                remotes: Vec::new(),
            })
            .collect())
    }
}

/// People read a name where the systems say a key.
fn name_patient(fields: &mut [FieldView], key: &str, name: &str) {
    for field in fields.iter_mut().filter(|field| field.field == "patient") {
        for shown in [&mut field.service_now, &mut field.ehr, &mut field.last_agreed] {
            if shown.text == key && !name.is_empty() {
                shown.raw = Some(std::mem::replace(&mut shown.text, name.to_owned()));
            }
        }
    }
}

/// What a visit waits for, besides writes that are under way.
pub(crate) fn waits(pair: &PairRow, sides: &[Option<SideState>; 2]) -> Option<String> {
    if sides[0].as_ref().is_some_and(|side| treatments::is_unfinished(&side.record)) {
        return Some(
            "It is not completed in ServiceNow. It follows by itself once its status there says so; which values \
             count as completed stands in the settings under [servicenow.treatments]."
                .to_owned(),
        );
    }
    let unresolved = sides.iter().flatten().any(|side| links::is_unresolved(&side.record));
    (unresolved && pair.status != PairStatus::Agreed).then(|| {
        "Its patient is not linked to one in the other system. It follows by itself once the patient is: run \
         `vetsync reconcile`, or answer what is asked about the patient."
            .to_owned()
    })
}
