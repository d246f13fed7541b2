//! VetSync, the operator console.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use std::process::ExitCode;

fn main() -> ExitCode {
    match vetsync_console_lib::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("VetSync cannot open its window: {error}");
            ExitCode::FAILURE
        }
    }
}
