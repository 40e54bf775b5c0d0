//! Command line -> configuration -> app; nothing else.

fn main() {}
