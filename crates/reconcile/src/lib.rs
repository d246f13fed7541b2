//! Decisions as functions over values: compare two records with their base, grade the differences, settle them by
//! rule, merge, plan the writes, and tell whether two records are the same animal.
//!
//! Pure: no IO, no clock, no async.

pub mod brake;
pub mod calendar;
pub mod compare;
pub mod identity;
pub mod judge;
pub mod merge;
pub mod plan;
pub mod sides;
pub mod stored;
pub mod undo;

pub use brake::{Brake, BrakeLimits, Totals, brake};
pub use compare::{Comparison, FieldComparison, Grade, PairState, Settlement, compare};
pub use plan::{FieldWrite, PairPlan, grade_of_writes, plan};
pub use undo::{Undo, undo_writes};
