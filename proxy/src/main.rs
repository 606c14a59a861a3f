//! The `velum` command.
fn main() {}
