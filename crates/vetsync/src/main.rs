//! vetsync
fn main() {}
