//! What can go wrong in the engine.

use store::StoreError;

/// An error of the engine. Of our own it carries ids and field names, never values; a remote's message and a decoder's
/// complaint may repeat one, so logs take [`EngineError::log_words`].
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A document could not be read or written by its lens.
    #[error(transparent)]
    Mapping(#[from] mapping::MappingError),
    /// A person's decision cannot be carried out.
    #[error(transparent)]
    Decision(#[from] reconcile::plan::DecisionProblem),
    /// A remote failed during something a person waits for.
    #[error(transparent)]
    Remote(#[from] remote::RemoteError),
    /// No such thing.
    #[error("there is no {what} with this id")]
    NotFound {
        /// `conflict`, `plan`, `patient`.
        what: &'static str,
    },
    /// What the person saw is not what is there any more.
    #[error("something changed meanwhile: {what}")]
    Moved {
        /// Field labels or "the plan".
        what: String,
        /// Labels of the fields that moved.
        fields: Vec<String>,
    },
    /// The request makes no sense in this state.
    #[error("{what}")]
    NotNow {
        /// Why, in words.
        what: String,
        /// What to do instead.
        way_out: String,
    },
    /// A remote may not be asked now: it does not answer, asked to wait, refuses us, or is paused.
    #[error("{what}")]
    HeldBack {
        /// Why, in words.
        what: String,
        /// What to do.
        way_out: String,
    },
    /// Text of ours in the store that cannot be decoded.
    #[error("stored {what} cannot be decoded: {problem}")]
    Decode {
        /// Which column.
        what: &'static str,
        /// What the decoder said.
        problem: String,
    },
    /// The engine was asked to stop.
    #[error("the engine is shutting down")]
    Stopping,
}

impl EngineError {
    /// What a log may say of it: nothing that repeats a value.
    pub fn log_words(&self) -> String {
        match self {
            EngineError::Remote(error) => error.log_words(),
            EngineError::Decode { what, .. } => format!("stored {what} cannot be decoded"),
            // Words for a person; they may name a field, the log needs the case alone.
            EngineError::NotNow { .. } => "not possible in this state".to_owned(),
            EngineError::HeldBack { .. } => "the remote is held back".to_owned(),
            EngineError::Moved { .. } => "something changed meanwhile".to_owned(),
            own => own.to_string(),
        }
    }
}

/// Result of an engine call.
pub type Result<T> = std::result::Result<T, EngineError>;

/// Encodes a value for an opaque column of the store.
pub fn encode<T: serde::Serialize>(what: &'static str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| EngineError::Decode { what, problem: error.to_string() })
}

/// Decodes an opaque column of the store.
pub fn decode<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| EngineError::Decode { what, problem: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_repeats_neither_a_remote_nor_a_decoder() {
        let refused = EngineError::Remote(remote::RemoteError::Refused {
            remote: record::Remote::Ehr,
            status: 422,
            what: "invalid phone 303-555-0100 for Smith (at Patient.contact)".to_owned(),
        });
        assert_eq!(refused.log_words(), "ehr refused 422");
        let decode = decode::<u8>("card", "\"Smith\"").unwrap_err();
        assert!(decode.to_string().contains("Smith"), "the decoder repeats what it found");
        assert_eq!(decode.log_words(), "stored card cannot be decoded");
        assert_eq!(EngineError::Stopping.log_words(), "the engine is shutting down");
    }
}
