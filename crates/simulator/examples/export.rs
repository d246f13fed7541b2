//! Writes both sides of a clinic and the right answers as NDJSON: `servicenow.ndjson`, `ehr.ndjson`, `truth.ndjson`
//! in a folder. Arguments: folder, number of animals, seed.

use simulator::clinic::Rates;
use simulator::clinic::export::{self, EhrLine};
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| ".".to_owned()));
    let patients = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(500);
    let seed = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1);
    let file = |name: &str| File::create(folder.join(name)).map(BufWriter::new);
    let (mut rows, mut charts, mut truth) =
        (file("servicenow.ndjson")?, file("ehr.ndjson")?, file("truth.ndjson")?);
    let written = export::write(
        seed,
        patients,
        &Rates::default(),
        EhrLine::Patient,
        &mut rows,
        &mut charts,
        &mut truth,
    )?;
    println!("{} rows, {} patients, {} answers", written.rows, written.charts, written.pairs);
    Ok(())
}
