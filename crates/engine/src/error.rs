//! What can go wrong in the engine.

use store::StoreError;

/// An error of the engine. Carries ids and field names, never values.
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
