//! What the cart and the store say to each other over HTTP: header names, problem types and the body of a problem.
//!
//! Both sides use this file, so neither can drift. The orders, receipts and catalogues themselves are the domain's own
//! types. No HTTP library here.

use serde::{Deserialize, Serialize};

/// The request header that names a trip; its value is the trip's key.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The response header that marks an answer given before.
pub const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";
/// The header that names one request in the logs of both sides.
pub const REQUEST_ID: &str = "x-request-id";
/// The media type of orders, receipts and catalogues.
pub const JSON: &str = "application/json";
/// The media type of a problem (RFC 9457).
pub const PROBLEM_JSON: &str = "application/problem+json";
/// The media type of a gallery.
pub const OCTETS: &str = "application/octet-stream";
/// The largest body that the store reads.
pub const LARGEST_ORDER_BYTES: usize = 256 * 1024;
/// The longest key of a trip.
pub const LONGEST_KEY: usize = 128;

/// What can be wrong, as the last part of a problem's `type`. A program may rely on these; people read title and detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// No such page or path.
    NotFound,
    /// The path exists, but not for this method.
    MethodNotAllowed,
    /// The store has no such product, or no picture of it.
    NoPicture,
    /// The store offers no gallery.
    NoGallery,
    /// The trip has never been received here.
    TripNeverReceived,
    /// A path or query that cannot be read.
    BadAddress,
    /// The body is not JSON.
    MalformedJson,
    /// The body is JSON, but no trip.
    NotATrip,
    /// The body is not declared as JSON.
    NotJson,
    /// The body is larger than the store reads.
    TooLarge,
    /// `Idempotency-Key` is missing.
    KeyMissing,
    /// `Idempotency-Key` is not a key, or not that of the trip in the body.
    KeyUnusable,
    /// The key was used for another trip.
    KeyReused,
    /// The first request with this key is still being worked on.
    InProgress,
    /// The store has never served the catalogue that the order names.
    UnknownCatalog,
    /// The order names a product that its catalogue does not hold.
    UnknownProduct,
    /// A quantity that does not fit how the product is sold.
    WrongQuantity,
    /// The screen showed another total than the store computes.
    TotalDiffers,
    /// Too many requests at once, or the database is busy.
    Busy,
    /// The store took too long.
    TimedOut,
    /// A defect, or a disk that is full.
    Failed,
}

impl ProblemKind {
    /// Every kind, with its name in the `type` and its HTTP status.
    const ALL: [(ProblemKind, &'static str, u16); 21] = [
        (ProblemKind::NotFound, "not-found", 404),
        (ProblemKind::MethodNotAllowed, "method-not-allowed", 405),
        (ProblemKind::NoPicture, "no-picture", 404),
        (ProblemKind::NoGallery, "no-gallery", 404),
        (ProblemKind::TripNeverReceived, "trip-never-received", 404),
        (ProblemKind::BadAddress, "bad-address", 400),
        (ProblemKind::MalformedJson, "malformed-json", 400),
        (ProblemKind::NotATrip, "not-a-trip", 422),
        (ProblemKind::NotJson, "not-json", 415),
        (ProblemKind::TooLarge, "too-large", 413),
        (ProblemKind::KeyMissing, "key-missing", 400),
        (ProblemKind::KeyUnusable, "key-unusable", 400),
        (ProblemKind::KeyReused, "key-reused", 422),
        (ProblemKind::InProgress, "in-progress", 409),
        (ProblemKind::UnknownCatalog, "unknown-catalog", 422),
        (ProblemKind::UnknownProduct, "unknown-product", 422),
        (ProblemKind::WrongQuantity, "wrong-quantity", 422),
        (ProblemKind::TotalDiffers, "total-differs", 422),
        (ProblemKind::Busy, "busy", 503),
        (ProblemKind::TimedOut, "timed-out", 503),
        (ProblemKind::Failed, "failed", 500),
    ];

    fn row(self) -> (&'static str, u16) {
        Self::ALL
            .iter()
            .find_map(|(kind, name, status)| (*kind == self).then_some((*name, *status)))
            .unwrap_or(("failed", 500))
    }

    /// The URI that a problem's `type` holds.
    pub fn type_uri(self) -> String {
        format!("urn:dashcart:problem:{}", self.row().0)
    }

    /// The HTTP status it is sent with.
    pub fn status(self) -> u16 {
        self.row().1
    }

    /// The kind that a `type` names, where it is one of ours.
    pub fn from_type_uri(uri: &str) -> Option<ProblemKind> {
        let name = uri.strip_prefix("urn:dashcart:problem:")?;
        Self::ALL.iter().find_map(|(kind, known, _)| (*known == name).then_some(*kind))
    }
}

/// The body of every error (RFC 9457), with what this store adds to it. Unknown members are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemBody {
    /// What kind of problem it is: see [`ProblemKind`].
    #[serde(rename = "type", default = "about_blank")]
    pub type_uri: String,
    /// The same for people, short, always the same for one kind.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// What was wrong this time and what to do about it.
    #[serde(default)]
    pub detail: String,
    /// The request that failed, as the logs name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// For a total that differs: what the screen showed, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_total_minor: Option<i64>,
    /// For a total that differs: what the store computes, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_total_minor: Option<i64>,
    /// For an unknown catalogue: the version that is current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_catalog_version: Option<String>,
}

fn about_blank() -> String {
    "about:blank".to_owned()
}

/// Whether `text` can be a trip's key: 1 to 128 letters, digits, `-`, `_`, `.` or `~`, which need no escape anywhere.
pub fn is_trip_key(text: &str) -> bool {
    (1..=LONGEST_KEY).contains(&text.len()) && text.bytes().all(is_unreserved) && text != "." && text != ".."
}

/// Whether `text` can be a catalogue's version, which is also its ETag: 1 to 64 letters, digits, `-`, `_`, `.`, `+`, `~`.
pub fn is_catalog_version(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| is_unreserved(byte) || byte == b'+')
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_kind_is_found_again_by_its_type() {
        for (kind, name, status) in ProblemKind::ALL {
            assert_eq!(ProblemKind::from_type_uri(&kind.type_uri()), Some(kind), "{name}");
            assert_eq!(kind.status(), status, "{name}");
        }
        assert_eq!(ProblemKind::from_type_uri("about:blank"), None);
    }

    #[test]
    fn the_description_of_the_api_names_every_problem() {
        let description = include_str!("../docs/store-api.md");
        for (_, name, status) in ProblemKind::ALL {
            let row = format!("| `{name}` | {status} |");
            assert!(description.contains(&row), "docs/store-api.md lacks the row {row}");
        }
    }

    #[test]
    fn a_trip_key_needs_no_escape() {
        for (text, valid) in [
            ("0192f3a4-7d1e-7cc0-8a44-5f2b9c1d0e37", true),
            ("a", true),
            ("", false),
            ("..", false),
            ("a/b", false),
            ("a b", false),
            ("schlüssel", false),
            ("\"quoted\"", false),
        ] {
            assert_eq!(is_trip_key(text), valid, "{text:?}");
        }
        assert!(is_trip_key(&"k".repeat(128)) && !is_trip_key(&"k".repeat(129)));
    }
}
