//! Every command and event of the console, its permissions, its data, and the TypeScript for them.

pub mod commands;
pub mod dto;
