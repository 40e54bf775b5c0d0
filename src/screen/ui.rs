//! What the Slint compiler makes of `ui/`. Generated code follows its own rules.

#![allow(missing_docs, unsafe_code, clippy::all, clippy::unwrap_used)]

slint::include_modules!();
