//! The one place that turns errors into what the user reads.

use crate::dto::{ApiError, ErrorCode};
use engine::EngineError;
use remote::RemoteError;
use store::StoreError;

/// An error with its way out.
pub fn api(code: ErrorCode, message: impl Into<String>, way_out: impl Into<String>) -> ApiError {
    ApiError { code, message: message.into(), way_out: way_out.into(), field: None }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> ApiError {
        match error {
            EngineError::Store(error) => error.into(),
            EngineError::Remote(error) => error.into(),
            EngineError::Moved { what, fields } => {
                let message =
                    if fields.is_empty() { what } else { format!("{what} ({})", fields.join(", ")) };
                api(ErrorCode::Moved, sentence(&message), "Look at what is there now; your choices are kept.")
            }
            EngineError::NotFound { what } => api(
                ErrorCode::NotFound,
                format!("There is no such {what} any more."),
                "Go back to the list and look again.",
            ),
            EngineError::NotNow { what, way_out } => {
                api(ErrorCode::Invalid, sentence(&what), sentence(&way_out))
            }
            EngineError::HeldBack { what, way_out } => {
                api(ErrorCode::Offline, sentence(&what), sentence(&way_out))
            }
            EngineError::Decision(problem) => api(
                ErrorCode::Invalid,
                sentence(&problem.to_string()),
                "Choose another value for this field.",
            ),
            EngineError::Mapping(problem) => api(
                ErrorCode::Invalid,
                sentence(&problem.to_string()),
                "Correct the value in the system it comes from, or choose another one.",
            ),
            error @ (EngineError::Decode { .. } | EngineError::Stopping) => api(
                ErrorCode::Internal,
                sentence(&error.to_string()),
                "Close VetSync and start it again; nothing is lost.",
            ),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        of_store(&error)
    }
}

/// The advice for an error of the store.
pub fn of_store(error: &StoreError) -> ApiError {
    let message = sentence(&error.to_string());
    match error {
        StoreError::DiskFull => {
            api(ErrorCode::Internal, message, "Free some space on this computer's disk, then try again.")
        }
        StoreError::Owned => {
            api(ErrorCode::Locked, message, "Close the other VetSync on this computer, then try again.")
        }
        StoreError::Locked => api(
            ErrorCode::Locked,
            message,
            "Close the program that has the database file open (a backup, a database browser); VetSync tries again by itself.",
        ),
        StoreError::WrongKey => api(
            ErrorCode::Locked,
            message,
            "The key in the secret store is not the one this database was made with. Restore that key, or move the database file away to begin afresh; both remotes keep everything.",
        ),
        StoreError::Corrupt => api(
            ErrorCode::Internal,
            message,
            "Run `vetsync doctor`. Where it finds damage, move the database file away and start again: VetSync reads everything anew from both remotes. Decisions not yet sent are in the damaged file; keep it.",
        ),
        StoreError::TooNew { .. } => api(ErrorCode::Internal, message, "Install the newer VetSync again."),
        StoreError::NotEncrypted => {
            api(ErrorCode::Internal, message, "Install an official build of VetSync.")
        }
        StoreError::Moved { .. } => {
            api(ErrorCode::Moved, message, "Look at what is there now, then decide again.")
        }
        StoreError::Refused { .. } | StoreError::Other(_) => {
            api(ErrorCode::Internal, message, "Try again; if it stays, run `vetsync doctor`.")
        }
    }
}

impl From<RemoteError> for ApiError {
    fn from(error: RemoteError) -> ApiError {
        let message = sentence(&error.to_string());
        match error {
            RemoteError::Unreachable { .. }
            | RemoteError::Ambiguous { .. }
            | RemoteError::Transient { .. } => api(
                ErrorCode::Offline,
                message,
                "Nothing was lost. VetSync tries again by itself; you can try again now.",
            ),
            RemoteError::SignIn { .. } => api(
                ErrorCode::Offline,
                message,
                "Ask an administrator to check the connection with `vetsync doctor`.",
            ),
            RemoteError::Moved { .. } => {
                api(ErrorCode::Moved, message, "Look at what is there now, then decide again.")
            }
            RemoteError::NotFound { .. } => api(
                ErrorCode::NotFound,
                message,
                "It was deleted, or an access rule hides it from VetSync. The work list has a question about it.",
            ),
            RemoteError::Many { .. } => api(
                ErrorCode::Invalid,
                message,
                "Merge the duplicates in that system first, then verify this patient.",
            ),
            RemoteError::Refused { .. } => api(
                ErrorCode::Invalid,
                message,
                "Change the value so that the system accepts it, or change it there.",
            ),
            RemoteError::Protocol { .. } => {
                api(ErrorCode::Internal, message, "Ask IT to run `vetsync doctor`.")
            }
        }
    }
}

/// Begins with a capital, ends with a full stop.
pub fn sentence(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    let mut characters = text.chars();
    if let Some(first) = characters.next() {
        out.extend(first.to_uppercase());
        out.push_str(characters.as_str());
    }
    if !out.is_empty() && !out.ends_with(['.', '!', '?']) {
        out.push('.');
    }
    out
}
