//! Decisions as functions over values: compare two records with their base, grade the differences, settle them by
//! rule, merge, plan the writes, and tell whether two records are the same animal.
//!
//! Pure: no IO, no clock, no async.

pub mod compare;
pub mod identity;
pub mod merge;
pub mod plan;

pub use compare::{Comparison, FieldComparison, Grade, PairState, Settlement, compare};
pub use plan::{FieldWrite, PairPlan, plan};
