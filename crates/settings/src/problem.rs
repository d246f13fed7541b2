//! What is wrong with a configuration, where, and the way out.

use std::fmt;

/// A place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// First line is 1.
    pub line: usize,
    /// First column is 1, counted in characters.
    pub column: usize,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands; `None` for something that is missing from the whole file.
    pub place: Option<Place>,
    /// The key's path: `ehr.base_url`, `people[0].role`.
    pub key: String,
    /// What is wrong and what is expected, never with the value itself.
    pub what: String,
    /// What to do.
    pub way_out: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place {
            write!(f, "line {}, column {}: ", place.line, place.column)?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}. {}", self.what, self.way_out)
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read at all.
    #[error("{file}: {what}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        what: String,
    },
    /// The file was read, and these things in it are wrong.
    #[error("{}", describe(.file.as_deref(), .problems))]
    Wrong {
        /// The file, where the text came from one.
        file: Option<String>,
        /// In the order of the file.
        problems: Vec<Problem>,
    },
    /// The settings cannot be written as TOML.
    #[error("the settings cannot be written as TOML: {what}")]
    Unwritable {
        /// Why.
        what: String,
    },
}

impl SettingsError {
    /// The problems, where the file could be read.
    pub fn problems(&self) -> &[Problem] {
        match self {
            SettingsError::Wrong { problems, .. } => problems,
            SettingsError::Unreadable { .. } | SettingsError::Unwritable { .. } => &[],
        }
    }

    pub(crate) fn in_file(self, name: &str) -> SettingsError {
        match self {
            SettingsError::Wrong { problems, .. } => {
                SettingsError::Wrong { file: Some(name.to_owned()), problems }
            }
            other => other,
        }
    }
}

fn describe(file: Option<&str>, problems: &[Problem]) -> String {
    let file = file.unwrap_or("the configuration");
    if let [only] = problems {
        return format!("{file}: {only}");
    }
    let mut text = format!("{file}: {} problems", problems.len());
    for problem in problems {
        text.push_str("\n  ");
        text.push_str(&problem.to_string());
    }
    text
}
