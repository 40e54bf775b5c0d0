//! Every error of the store as `application/problem+json` (RFC 9457). What went wrong inside is logged, not told.

use super::booking::Refusal;
use super::database::BookError;
use crate::domain::pricing::PricingError;
use crate::wire::{PROBLEM_JSON, ProblemBody, ProblemKind};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// How long a cart should wait before it asks again, in seconds.
const RETRY_AFTER_SECONDS: &str = "1";

/// One error on its way to the client. It travels in the response's extensions too, so that `watch` can add the request.
#[derive(Debug, Clone)]
pub struct Problem {
    kind: ProblemKind,
    body: Box<ProblemBody>,
}

impl Problem {
    /// A problem with what was wrong this time and what to do about it.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Problem {
        let body = ProblemBody {
            type_uri: kind.type_uri(),
            title: title(kind).to_owned(),
            status: kind.status(),
            detail: detail.into(),
            request_id: None,
            shown_total_minor: None,
            store_total_minor: None,
            current_catalog_version: None,
        };
        Problem { kind, body: Box::new(body) }
    }

    /// The same problem naming the request it belongs to.
    pub fn of_request(mut self, request_id: &str) -> Problem {
        self.body.request_id = Some(request_id.to_owned());
        self
    }
}

fn title(kind: ProblemKind) -> &'static str {
    match kind {
        ProblemKind::NotFound => "There is nothing at this address",
        ProblemKind::MethodNotAllowed => "This address does not take this method",
        ProblemKind::NoPicture => "There is no picture of this product",
        ProblemKind::NoGallery => "This store offers no gallery",
        ProblemKind::TripNeverReceived => "This trip was never received",
        ProblemKind::BadAddress => "The address cannot be read",
        ProblemKind::MalformedJson => "The body is not JSON",
        ProblemKind::NotATrip => "The body is not a trip",
        ProblemKind::NotJson => "The body is not declared as JSON",
        ProblemKind::TooLarge => "The body is too large",
        ProblemKind::KeyMissing => "The trip's key is missing",
        ProblemKind::KeyUnusable => "The trip's key cannot be used",
        ProblemKind::KeyReused => "The key belongs to another trip",
        ProblemKind::InProgress => "The trip is being booked",
        ProblemKind::UnknownCatalog => "The catalogue is unknown",
        ProblemKind::UnknownProduct => "A product is unknown",
        ProblemKind::WrongQuantity => "A quantity does not fit its product",
        ProblemKind::TotalDiffers => "The total differs",
        ProblemKind::Busy => "The store is busy",
        ProblemKind::TimedOut => "The store took too long",
        ProblemKind::Failed => "The store failed",
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let detail = refusal.to_string();
        match refusal {
            Refusal::KeyReused { .. } => Problem::new(ProblemKind::KeyReused, detail),
            Refusal::UnknownCatalog { current, .. } => {
                let mut problem = Problem::new(ProblemKind::UnknownCatalog, detail);
                problem.body.current_catalog_version = Some(current);
                problem
            }
            Refusal::Unpriced { source: PricingError::UnknownProduct { .. }, .. } => {
                Problem::new(ProblemKind::UnknownProduct, detail)
            }
            Refusal::Unpriced { .. } | Refusal::EmptyLine { .. } | Refusal::WeighedPieces { .. } => {
                Problem::new(ProblemKind::WrongQuantity, detail)
            }
            Refusal::TotalDiffers { shown, computed, .. } => {
                let mut problem = Problem::new(ProblemKind::TotalDiffers, detail);
                problem.body.shown_total_minor = Some(shown.minor);
                problem.body.store_total_minor = Some(computed.minor);
                problem
            }
        }
    }
}

impl From<BookError> for Problem {
    fn from(error: BookError) -> Problem {
        match error {
            BookError::Refused(refusal) => refusal.into(),
            BookError::Busy => Problem::new(ProblemKind::Busy, "the database is in use: send the same request again"),
            BookError::Database(_) | BookError::Content(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the books failed");
                Problem::new(ProblemKind::Failed, "the store's books failed: send the same request again, or ask staff")
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let text = serde_json::to_string(&self.body).unwrap_or_else(|_| "{}".to_owned());
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_JSON)], text).into_response();
        if matches!(self.kind, ProblemKind::Busy | ProblemKind::TimedOut | ProblemKind::InProgress) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        response.extensions_mut().insert(self);
        response
    }
}
