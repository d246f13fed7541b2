//! The measures of the repository, as a table and as JSON.

use crate::{
    session::Session,
    setup::{self, Need},
    steps::{built, cargo, run as run_step, target_dir},
    ui,
};
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::process::{Command, ExitCode, Stdio};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Print JSON only.
    #[arg(long)]
    json: bool,
    /// Handed on to `vetsync bench`; or `window [PATIENTS [STARTS]]`, which measures the real window.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    further: Vec<String>,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (result, succeeded) = match arguments.further.split_first() {
        Some((first, rest)) if first == "window" => (window(rest)?, true),
        _ => without_window(&arguments.further)?,
    };
    if !arguments.json {
        eprint!("{}", table(&result)?);
    }
    println!("{result:#}");
    let met = rows(&result)?.iter().all(|row| row.get("met").and_then(Value::as_bool).unwrap_or(true));
    Ok(if succeeded && met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn without_window(further: &[String]) -> Result<(Value, bool)> {
    setup::ensure(Need::Headless)?;
    run_step(cargo().args(["build", "--release", "-p", "vetsync"])).context("vetsync could not be built")?;
    let output = Command::new(built("release", "vetsync"))
        .args(["bench", "--json"])
        .args(further)
        .stderr(Stdio::inherit())
        .output()
        .context("vetsync could not be started")?;
    let result = serde_json::from_slice(&output.stdout).with_context(|| {
        format!("`vetsync bench --json` ended with {} and printed no JSON", output.status)
    })?;
    Ok((result, output.status.success()))
}

/// The release build of the app on a display of its own.
fn window(further: &[String]) -> Result<Value> {
    setup::ensure(Need::Test)?;
    ui::build()?;
    run_step(cargo().args(["build", "--release", "-p", "vetsync", "-p", "vetsync-console"]))
        .context("the console could not be built")?;
    run_step(cargo().args(["build", "-p", "desktop", "--example", "measure"]))
        .context("the measuring program could not be built")?;
    let file = target_dir().join("window-measures.json");
    let session = Session::new()?;
    let mut measure = Command::new(built("debug", "examples/measure"));
    measure
        .args(further)
        .env("VETSYNC_MEASURES", &file)
        .env("VETSYNC_APP", built("release", "vetsync-console"))
        .env("VETSYNC_BIN", built("release", "vetsync"));
    run_step(&mut session.wrap(&measure))?;
    let text = std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
    serde_json::from_slice(&text).context("the measuring program wrote no JSON")
}

/// Each measure: `name`, `value`, `unit`, `target` in words, `met`.
fn rows(result: &Value) -> Result<&Vec<Value>> {
    match result.get("measures").and_then(Value::as_array) {
        Some(rows) => Ok(rows),
        None => bail!("the benchmark's JSON has no list `measures`"),
    }
}

fn table(result: &Value) -> Result<String> {
    let text = |row: &Value, key: &str| match row.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.as_f64().map_or_else(|| number.to_string(), rounded),
        Some(Value::Bool(met)) => if *met { "yes" } else { "NO" }.to_owned(),
        _ => String::new(),
    };
    let mut lines = vec![["measure", "value", "unit", "target", "met"].map(str::to_owned)];
    for row in rows(result)? {
        lines.push(["name", "value", "unit", "target", "met"].map(|key| text(row, key)));
    }
    let mut widths = [0; 5];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut table = String::new();
    for line in &lines {
        for (at, (width, cell)) in widths.iter().zip(line).enumerate() {
            let padding = " ".repeat(width - cell.chars().count());
            // Numbers stand at the right of their column.
            let cell = if at == 1 { format!("{padding}{cell}") } else { format!("{cell}{padding}") };
            table.push_str(&cell);
            table.push_str(if at == 4 { "\n" } else { "  " });
        }
    }
    Ok(table)
}

fn rounded(number: f64) -> String {
    if number.fract() == 0.0 { format!("{number:.0}") } else { format!("{number:.2}") }
}

#[cfg(test)]
mod tests {
    use super::table;
    use serde_json::json;

    #[test]
    fn the_table_has_a_line_per_measure() {
        let result = json!({"measures": [
            {"name": "pairs", "value": 61234.0, "unit": "1/s", "target": ">= 50000", "met": true},
            {"name": "search p95", "value": 71.256, "unit": "ms", "target": "< 50", "met": false},
        ]});
        let expected = "measure     value  unit  target    met\n\
                        pairs       61234  1/s   >= 50000  yes\n\
                        search p95  71.26  ms    < 50      NO \n";
        assert_eq!(table(&result).ok().as_deref(), Some(expected));
        assert!(table(&json!({})).is_err());
    }
}
