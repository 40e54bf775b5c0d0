//! What happens to every request: it gets a name for the logs, a place among at most so many, and a deadline.

use super::problem::Problem;
use crate::wire::{ProblemKind, REQUEST_ID};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;

/// How many requests are worked on at once; one more is sent away.
const PLACES: usize = 64;

/// Gives requests their names and places.
#[derive(Debug)]
pub struct Watch {
    places: Arc<Semaphore>,
    deadline: Duration,
    opened_seconds: u64,
    counted: AtomicU64,
}

impl Watch {
    /// A watch that gives each request so long, and names that differ from those of earlier runs.
    #[allow(clippy::disallowed_methods, reason = "names of requests must differ from those of an earlier run")]
    pub fn new(deadline: Duration) -> Watch {
        let opened = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Watch {
            places: Arc::new(Semaphore::new(PLACES)),
            deadline,
            opened_seconds: opened.as_secs(),
            counted: AtomicU64::new(0),
        }
    }

    /// The client's own name of the request where it is a sensible one, otherwise a new one.
    fn name(&self, request: &Request) -> String {
        let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
        match given {
            Some(given) if crate::wire::is_trip_key(given) => given.to_owned(),
            _ => format!("s{:x}-{}", self.opened_seconds, self.counted.fetch_add(1, Ordering::Relaxed) + 1),
        }
    }
}

/// Passes a request on, and names, limits, times and logs it.
#[allow(clippy::disallowed_methods, reason = "the time taken is only logged")]
pub async fn watch(State(watch): State<Arc<Watch>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let name = watch.name(&request);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let answered = match watch.places.clone().try_acquire_owned() {
        Err(_) => {
            Problem::new(ProblemKind::Busy, format!("{PLACES} requests are under way: try again")).into_response()
        }
        Ok(_place) => match tokio::time::timeout(watch.deadline, next.run(request)).await {
            Ok(response) => response,
            Err(_) => {
                let detail = "no answer in time: the trip may or may not be booked, so send the same request again";
                Problem::new(ProblemKind::TimedOut, detail).into_response()
            }
        },
    };
    let mut response = match answered.extensions().get::<Problem>() {
        None => answered,
        Some(problem) => {
            let named = problem.clone().of_request(&name).into_response();
            // A header that the refusing layer set, such as Allow, stays.
            let mut headers = answered.headers().clone();
            headers.remove(header::CONTENT_LENGTH);
            let (mut parts, body) = named.into_parts();
            for (header, value) in &headers {
                parts.headers.entry(header).or_insert_with(|| value.clone());
            }
            Response::from_parts(parts, body)
        }
    };
    if let Ok(value) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let (status, took_ms) = (response.status().as_u16(), began.elapsed().as_millis());
    tracing::info!(request = name, %method, path, status, took_ms, "answered");
    response
}
