//! Figures of this process, and how they are shown.

use serde::{Deserialize, Serialize};

/// One measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// What was measured.
    pub name: String,
    /// The figure; none where this system does not give it.
    pub value: Option<f64>,
    /// What it counts.
    pub unit: String,
    /// What it has to be, in words; empty where nothing is asked.
    pub target: String,
    /// Whether it is.
    pub met: Option<bool>,
}

impl Measure {
    /// A figure of which nothing is asked.
    pub fn of(name: &str, value: impl Into<Option<f64>>, unit: &str) -> Measure {
        Measure {
            name: name.to_owned(),
            value: value.into(),
            unit: unit.to_owned(),
            target: String::new(),
            met: None,
        }
    }

    /// It has to be below that.
    #[must_use]
    pub fn below(self, limit: f64) -> Measure {
        Measure { target: format!("< {limit}"), met: self.value.map(|value| value < limit), ..self }
    }

    /// It has to be at most that.
    #[must_use]
    pub fn at_most(self, limit: f64) -> Measure {
        Measure { target: format!("<= {limit}"), met: self.value.map(|value| value <= limit), ..self }
    }

    /// It has to be at least that.
    #[must_use]
    pub fn at_least(self, limit: f64) -> Measure {
        Measure { target: format!(">= {limit}"), met: self.value.map(|value| value >= limit), ..self }
    }

    /// The cells of a table.
    pub fn cells(&self) -> Vec<String> {
        let value = self.value.map_or_else(
            || "-".to_owned(),
            |value| if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") },
        );
        let met = match self.met {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "",
        };
        vec![self.name.clone(), value, self.unit.clone(), self.target.clone(), met.to_owned()]
    }
}

/// Processor seconds of this process so far, user and system (Linux; proc(5), `stat`, in hundredths).
pub fn processor_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name may hold blanks; it ends with the last bracket.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

/// The most memory this process had at once, in megabytes (Linux; proc(5), `status`).
pub fn peak_memory_mb() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1_024.0)
}

/// Lets [`peak_memory_mb`] begin anew (Linux; proc(5), `clear_refs`, 5). Where that is not to be had, the peak is that
/// of everything so far, which is never too low.
pub fn forget_peak() {
    let _not_there = std::fs::write("/proc/self/clear_refs", "5");
}

/// A share of times, in milliseconds.
pub fn percentile_ms(sorted_ms: &[f64], percent: usize) -> Option<f64> {
    let at = (sorted_ms.len() * percent / 100).min(sorted_ms.len().checked_sub(1)?);
    sorted_ms.get(at).map(|ms| (ms * 100.0).round() / 100.0)
}
