//! Failures, as words on standard error or JSON on standard output, and their exit codes.

use console_api::dto::{ApiError, ErrorCode};
use std::process::ExitCode;

/// A verb that did not succeed.
#[derive(Debug)]
pub struct Failure {
    /// What went wrong and what to do.
    pub error: ApiError,
    /// The exit code.
    pub code: u8,
}

impl Failure {
    /// An ordinary failure.
    pub fn new(message: impl Into<String>, way_out: impl Into<String>) -> Failure {
        Failure {
            error: ApiError {
                code: ErrorCode::Internal,
                message: message.into(),
                way_out: way_out.into(),
                field: None,
            },
            code: 1,
        }
    }
}

impl From<agent::StartError> for Failure {
    fn from(error: agent::StartError) -> Failure {
        let code = error.exit_code();
        Failure { error: error.into(), code }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Failure {
        let code = match error.code {
            ErrorCode::NotAllowed => 8,
            ErrorCode::Moved => 9,
            ErrorCode::Offline => 6,
            ErrorCode::Locked => 5,
            ErrorCode::Invalid => 2,
            ErrorCode::NotFound | ErrorCode::Internal => 1,
        };
        Failure { error, code }
    }
}

impl From<engine::EngineError> for Failure {
    fn from(error: engine::EngineError) -> Failure {
        ApiError::from(error).into()
    }
}

impl From<store::StoreError> for Failure {
    fn from(error: store::StoreError) -> Failure {
        ApiError::from(error).into()
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::new(format!("{error:#}"), "Try again; if it stays, run `vetsync doctor`.")
    }
}

/// Says it, and gives the exit code.
pub fn report(failure: &Failure, json: bool) -> ExitCode {
    if json {
        let value = serde_json::json!({ "error": failure.error });
        println!("{value}");
    }
    eprintln!("vetsync: {}", failure.error.message);
    if !failure.error.way_out.is_empty() {
        eprintln!("         {}", failure.error.way_out);
    }
    ExitCode::from(failure.code)
}
