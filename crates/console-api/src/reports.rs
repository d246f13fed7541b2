//! Reports of runs and of any days: what is stored, told as one [`report::Report`], from which the page and every file are
//! made. Files carry ids, fields and counts and the names of the people who decided; the names of patients stand on the page
//! alone, which asks for them anew and for those who may see patients.

mod compose;
mod days;
mod of_period;
mod of_run;
mod view;

use crate::console::Console;
use crate::dto::{
    ApiError, Capability, ErrorCode, ReportExport, ReportFile, ReportFormat, ReportQuery, ReportView,
};
use crate::errors::api;
use crate::permissions::may;
use compose::{Around, Ended};
use days::Days;
use engine::facts;
use engine::runs::counts_of;
use of_period::Period;
use record::RecordKind;
use report::Report;
use std::collections::HashMap;
use store::RunRow;

/// Names are looked up so many at a time.
const NAMES_TOGETHER: usize = 500;

impl Console {
    pub(crate) async fn reports_get(&self, request: ReportQuery) -> Result<ReportView, ApiError> {
        let (report, days) = self.report(&request).await?;
        let mut view = view::view(&report, days.as_ref());
        if may(&self.person(), Capability::SeePatients) {
            self.name_rows(&mut view).await?;
        }
        Ok(view)
    }

    pub(crate) async fn reports_export(&self, request: ReportExport) -> Result<ReportFile, ApiError> {
        let (report, days) = self.report(&request.report).await?;
        let unwritten = |error: &dyn std::fmt::Display| {
            api(
                ErrorCode::Internal,
                format!("The report could not be written: {error}."),
                "Choose another format, and tell IT.",
            )
        };
        let (ending, bytes) = match request.format {
            ReportFormat::Pdf => ("pdf", report::pdf(&report).map_err(|error| unwritten(&error))?),
            ReportFormat::Xlsx => ("xlsx", report::xlsx(&report).map_err(|error| unwritten(&error))?),
            ReportFormat::Csv => ("csv", report::csv(&report).map_err(|error| unwritten(&error))?),
            ReportFormat::Json => {
                let view = view::view(&report, days.as_ref());
                ("json", serde_json::to_vec_pretty(&view).map_err(|error| unwritten(&error))?)
            }
        };
        Ok(ReportFile {
            name: format!("{}.{ending}", view::stem(&report, days.as_ref())),
            base64: view::base64(&bytes),
        })
    }

    /// The report that is asked for, and its days where it is of days.
    async fn report(&self, request: &ReportQuery) -> Result<(Report, Option<Days>), ApiError> {
        let name_of = |id: &str| self.name_of(id);
        let label_of = |kind: Option<RecordKind>, field: &str| self.field_label(kind, field);
        let around = Around {
            hospital: &self.parts.hospital,
            zone: self.parts.zone,
            name_of: &name_of,
            label_of: &label_of,
        };
        match &request.run_id {
            Some(id) => {
                let store = &*self.parts.store;
                let row = store.run(id).await?;
                let row = row.ok_or(engine::EngineError::NotFound { what: "run" })?;
                if row.ended_at_ms.is_none() {
                    return Err(api(
                        ErrorCode::Invalid,
                        "This run has not ended, so there is no report of it yet.",
                        "Wait until it has; its report is made when it ends.",
                    ));
                }
                let run = self.ended(row).await?;
                let before = match run.facts.as_ref().and_then(|facts| facts.before.as_deref()) {
                    Some(before) => match store.run(before).await? {
                        Some(row) => Some(self.ended(row).await?),
                        None => None,
                    },
                    None => None,
                };
                Ok((of_run::report(&run, before.as_ref(), &around), None))
            }
            None => {
                let days = Days::asked(request, self.parts.zone, self.now_ms())?;
                let now = self.period(&days).await?;
                let earlier = days.before(self.parts.zone);
                let before = match &earlier {
                    Some(earlier) => Some(self.period(earlier).await?),
                    None => None,
                };
                let as_of_ms = days.until_ms.min(self.now_ms());
                Ok((of_period::report(&days, &now, before.as_ref(), as_of_ms, &around), Some(days)))
            }
        }
    }

    async fn ended(&self, row: RunRow) -> Result<Ended, ApiError> {
        let counts = counts_of(&row)?;
        let facts = facts::kept(&*self.parts.store, &row.id).await?;
        Ok(Ended { row, counts, facts })
    }

    async fn period(&self, days: &Days) -> Result<Period, ApiError> {
        let store = &*self.parts.store;
        let (from_ms, until_ms) = (days.from_ms, days.until_ms);
        let mut runs = Vec::new();
        for row in store.runs_between(from_ms, until_ms).await? {
            if row.ended_at_ms.is_some() {
                runs.push(self.ended(row).await?);
            }
        }
        Ok(Period {
            runs,
            writes: store.writes_between(from_ms, until_ms).await?,
            answers: facts::by_person(&store.answers_between(from_ms, until_ms).await?),
            questions: store.questions_between(from_ms, until_ms).await?,
        })
    }

    /// A field's label; the id itself of one that is no longer configured.
    fn field_label(&self, kind: Option<RecordKind>, field: &str) -> String {
        let kinds = [RecordKind::Patient, RecordKind::Appointment, RecordKind::Treatment];
        let label = |kind: RecordKind| {
            let catalogue = self.parts.lenses.catalogue(kind);
            Some(catalogue.spec(catalogue.index_of(field)?)?.label.clone())
        };
        let found = match kind {
            Some(kind) => label(kind),
            None => kinds.into_iter().find_map(label),
        };
        found.unwrap_or_else(|| field.to_owned())
    }

    async fn name_rows(&self, view: &mut ReportView) -> Result<(), ApiError> {
        let rows = || view.tables.iter().flat_map(|table| &table.rows);
        let ids: Vec<String> = rows().filter_map(|row| row.about.clone()).collect();
        let mut names: HashMap<String, String> = HashMap::new();
        for ids in ids.chunks(NAMES_TOGETHER) {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let pages = self.parts.store.pairs_named(&ids).await?;
            names.extend(pages.into_iter().map(|page| (page.pair.id, page.pair.card.name)));
        }
        for row in view.tables.iter_mut().flat_map(|table| &mut table.rows) {
            row.name = row.about.as_ref().and_then(|about| names.get(about).cloned());
        }
        Ok(())
    }
}
