//! Both sides as files, one record a line, for comparisons without a network.

use super::generate::Cases;
use super::{Rates, full_row};
use crate::servicenow::schema::Column;
use record::Json;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// What a line of the EHR's file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EhrLine {
    /// The Patient alone; allergies are left out of both files, since nothing could be compared with them.
    Patient,
    /// A collection Bundle of the Patient and its allergies.
    Bundle,
}

/// How much was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Lines of the ServiceNow file.
    pub rows: u64,
    /// Lines of the EHR file.
    pub charts: u64,
    /// Lines of the truth.
    pub pairs: u64,
}

/// Writes a clinic of any size without keeping it: Table API rows, FHIR resources, and the right answers, one JSON
/// object a line each.
pub fn write(
    seed: u64,
    patients: usize,
    rates: &Rates,
    line: EhrLine,
    servicenow: &mut dyn Write,
    ehr: &mut dyn Write,
    truth: &mut dyn Write,
) -> io::Result<Written> {
    let mut written = Written::default();
    let mut out = String::with_capacity(4_096);
    let columns = crate::servicenow::schema::patient_table().columns;
    for case in Cases::new(seed, patients, rates) {
        if let Some((key, draft)) = &case.row {
            let mut row = full_row(key, draft, &case);
            if line == EhrLine::Patient {
                row.remove("u_allergies");
            }
            out.clear();
            push_row(&columns, &row, &mut out);
            servicenow.write_all(out.as_bytes())?;
            written.rows += 1;
        }
        if let Some((id, chart)) = &case.chart {
            out.clear();
            match line {
                EhrLine::Patient => out.push_str(&chart.patient.to_string()),
                EhrLine::Bundle => push_bundle(id, &chart.patient, &chart.allergies, &mut out),
            }
            out.push('\n');
            ehr.write_all(out.as_bytes())?;
            written.charts += 1;
        }
        let mut pair = case.truth;
        if line == EhrLine::Patient {
            pair.fields.retain(|field| field.field != "allergies");
        }
        serde_json::to_writer(&mut *truth, &pair)?;
        truth.write_all(b"\n")?;
        written.pairs += 1;
    }
    Ok(written)
}

/// Every column of the table, as the Table API sends it: empty ones as empty text.
fn push_row(columns: &[Column], row: &BTreeMap<String, String>, out: &mut String) {
    out.push('{');
    for (at, column) in columns.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        crate::wire::push_json_string(&column.name, out);
        out.push(':');
        crate::wire::push_json_string(row.get(&column.name).map_or("", String::as_str), out);
    }
    out.push_str("}\n");
}

fn push_bundle(id: &str, patient: &Json, allergies: &[Json], out: &mut String) {
    out.push_str("{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{\"resource\":");
    out.push_str(&patient.to_string());
    out.push('}');
    for allergy in allergies {
        let mut allergy = allergy.clone();
        if let Some(reference) = allergy.get_mut("patient") {
            reference.set("reference", Json::String(format!("Patient/{id}")));
        }
        out.push_str(",{\"resource\":");
        out.push_str(&allergy.to_string());
        out.push('}');
    }
    out.push_str("]}");
}
