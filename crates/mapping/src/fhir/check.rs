//! Own checks.
