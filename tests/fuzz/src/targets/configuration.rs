//! The configuration.

use super::text;
use settings::{Format, Settings};

/// As TOML.
pub fn toml(input: &[u8]) {
    read(input, Format::Toml);
}

/// As the specification's JSON.
pub fn json(input: &[u8]) {
    read(input, Format::Json);
}

fn read(input: &[u8], format: Format) {
    let Some(text) = text(input) else { return };
    match Settings::parse(text, format) {
        Ok(settings) => {
            let written = settings.to_toml().expect("what was read can be written");
            let again = Settings::parse(&written, Format::Toml);
            assert_eq!(again.as_ref().ok(), Some(&settings), "what was written reads back: {again:?}");
        }
        Err(error) => assert!(!error.to_string().trim().is_empty(), "a problem has words"),
    }
}
