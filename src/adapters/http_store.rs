//! The store over HTTP. Turns what the network says into the three errors that the cart can act on.
//!
//! It blocks and must not be used on an asynchronous runtime's thread. It never retries: when to ask again is decided by
//! `domain::checkout`, and whatever leaves the outcome of a posted trip unknown is [`StoreError::Unreachable`].

use crate::domain::catalog::Catalog;
use crate::domain::checkout::{Receipt, TripKey, TripOrder};
use crate::domain::units::Sku;
use crate::ports::{Store, StoreError};
use crate::wire::{IDEMPOTENCY_KEY, JSON, OCTETS, PROBLEM_JSON, ProblemBody, ProblemKind, REQUEST_ID, is_trip_key};
use reqwest::blocking::{Client, RequestBuilder};
use reqwest::header::{ACCEPT, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use reqwest::redirect::Policy;
use reqwest::{Method, Url};
use std::error::Error as _;
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use thiserror::Error;

/// The largest catalogue, receipt or problem that is read.
const LARGEST_JSON_BYTES: u64 = 32 << 20;
/// The largest gallery or picture that is read.
const LARGEST_FILE_BYTES: u64 = 256 << 20;

/// Why an address cannot be a store's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the store's address {url:?} cannot be used ({reason}): give one such as http://127.0.0.1:8080")]
pub struct StoreUrlError {
    /// What was given.
    pub url: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A store at a URL.
#[derive(Debug)]
pub struct HttpStore {
    base: Url,
    client: Client,
    requests: AtomicU64,
}

/// An answer that was read whole.
struct Answer {
    status: u16,
    content_type: String,
    etag: Option<String>,
    body: Vec<u8>,
}

impl HttpStore {
    /// A store at `url`, each exchange with which takes at most `timeout`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`StoreUrlError`] when `url` is not an http or https address.
    pub fn new(url: &str, timeout: Duration) -> Result<HttpStore, StoreUrlError> {
        let wrong = |reason: String| StoreUrlError { url: url.to_owned(), reason };
        let base = Url::parse(url).map_err(|error| wrong(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(wrong("it does not begin with http:// or https://".to_owned()));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(wrong("it has a ? or # part".to_owned()));
        }
        let builder = Client::builder()
            .timeout(timeout)
            .redirect(Policy::none())
            .user_agent(concat!("dashcart/", env!("CARGO_PKG_VERSION")));
        // What runs on this machine is never behind a proxy, whatever the environment says.
        let builder = match base.host_str() {
            Some("localhost" | "127.0.0.1" | "[::1]") => builder.no_proxy(),
            _ => builder,
        };
        let client = builder.build().map_err(|error| wrong(error.to_string()))?;
        Ok(HttpStore { base, client, requests: AtomicU64::new(0) })
    }

    fn request(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            // Each segment is escaped by itself, so a SKU may hold any letter.
            path.pop_if_empty().extend(segments);
        }
        let count = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        self.client.request(method, url).header(REQUEST_ID, format!("c{}-{count}", std::process::id()))
    }

    fn exchange(&self, request: RequestBuilder, largest_bytes: u64) -> Result<Answer, StoreError> {
        let response = request.send().map_err(|error| self.unreachable(explained(&error)))?;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let status = response.status().as_u16();
        let content_type = header(CONTENT_TYPE).unwrap_or_default();
        let etag = header(ETAG);
        let mut body = Vec::new();
        response
            .take(largest_bytes + 1)
            .read_to_end(&mut body)
            .map_err(|error| self.unreachable(format!("the answer broke off ({error}): it is asked again")))?;
        if body.len() as u64 > largest_bytes {
            return Err(self.nonsense(format!("it is larger than {largest_bytes} bytes")));
        }
        let content_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Ok(Answer { status, content_type, etag, body })
    }

    fn unreachable(&self, reason: String) -> StoreError {
        StoreError::Unreachable { url: self.base.to_string(), reason }
    }

    fn nonsense(&self, reason: String) -> StoreError {
        StoreError::Nonsense { url: self.base.to_string(), reason }
    }

    /// What an answer that is not a success means to the cart.
    fn refusal(&self, answer: &Answer) -> StoreError {
        let status = answer.status;
        // Timeouts, "still being worked on", "too many" and the server's own failures say nothing about the trip.
        let unknown_outcome = matches!(status, 408 | 409 | 425 | 429 | 500..=599);
        if answer.content_type != PROBLEM_JSON {
            let what = format!("HTTP {status} of type {:?}", answer.content_type);
            return if unknown_outcome {
                self.unreachable(format!("{what}, probably from something in between: it is asked again"))
            } else {
                self.nonsense(format!("{what}: is this the address of a cart's store?"))
            };
        }
        match serde_json::from_slice::<ProblemBody>(&answer.body) {
            Err(error) => self.nonsense(format!("HTTP {status} with a problem that cannot be read ({error})")),
            Ok(problem) if unknown_outcome => {
                self.unreachable(format!("{}: {} (HTTP {status})", problem.title, problem.detail))
            }
            Ok(problem) => StoreError::Refused { status, title: problem.title, detail: problem.detail },
        }
    }

    fn read<T: serde::de::DeserializeOwned>(&self, answer: &Answer, what: &str) -> Result<T, StoreError> {
        self.expect_type(answer, &[JSON], what)?;
        serde_json::from_slice(&answer.body)
            .map_err(|error| self.nonsense(format!("it is not {what} this cart can read ({error})")))
    }

    fn expect_type(&self, answer: &Answer, types: &[&str], what: &str) -> Result<(), StoreError> {
        if types.iter().any(|known| answer.content_type == *known) {
            return Ok(());
        }
        Err(self.nonsense(format!("{what} of type {:?}: is this the address of a cart's store?", answer.content_type)))
    }

    fn read_receipt(&self, answer: &Answer, key: &TripKey) -> Result<Receipt, StoreError> {
        let receipt: Receipt = self.read(answer, "a receipt")?;
        if receipt.key != *key {
            return Err(self.nonsense(format!("the receipt is for trip {}, not for {key}", receipt.key)));
        }
        Ok(receipt)
    }
}

impl Store for HttpStore {
    fn catalog(&self, known_version: Option<&str>) -> Result<Option<Catalog>, StoreError> {
        let mut request = self.request(Method::GET, &["v1", "catalog"]).header(ACCEPT, JSON);
        if let Some(version) = known_version {
            request = request.header(IF_NONE_MATCH, format!("\"{version}\""));
        }
        let answer = self.exchange(request, LARGEST_JSON_BYTES)?;
        match answer.status {
            200 => {
                let catalog: Catalog = self.read(&answer, "a catalogue")?;
                match catalog.faults().first() {
                    None => Ok(Some(catalog)),
                    Some(fault) => Err(self.nonsense(format!("its catalogue cannot be sold from: {fault}"))),
                }
            }
            304 if known_version.is_some() => Ok(None),
            _ => Err(self.refusal(&answer)),
        }
    }

    fn gallery(&self, known_etag: Option<&str>) -> Result<Option<(Vec<u8>, String)>, StoreError> {
        let mut request = self.request(Method::GET, &["v1", "gallery"]).header(ACCEPT, OCTETS);
        if let Some(etag) = known_etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let answer = self.exchange(request, LARGEST_FILE_BYTES)?;
        match answer.status {
            200 => {
                self.expect_type(&answer, &[OCTETS], "a gallery")?;
                let etag = answer.etag.ok_or_else(|| self.nonsense("its gallery has no ETag".to_owned()))?;
                Ok(Some((answer.body, etag)))
            }
            304 if known_etag.is_some() => Ok(None),
            _ => Err(self.refusal(&answer)),
        }
    }

    fn picture(&self, sku: &Sku) -> Result<Vec<u8>, StoreError> {
        let request = self.request(Method::GET, &["v1", "products", sku.as_str(), "picture"]);
        let answer = self.exchange(request, LARGEST_FILE_BYTES)?;
        match answer.status {
            200 => {
                self.expect_type(&answer, &["image/png", "image/jpeg", "image/webp"], "a picture")?;
                Ok(answer.body)
            }
            _ => Err(self.refusal(&answer)),
        }
    }

    fn post_trip(&self, trip: &TripOrder) -> Result<Receipt, StoreError> {
        if !is_trip_key(&trip.key.0) {
            let detail = format!("{:?} is not 1 to 128 letters, digits, '-', '_', '.' or '~'", trip.key.0);
            return Err(StoreError::Refused { status: 400, title: "The trip's key cannot be used".to_owned(), detail });
        }
        let request = self
            .request(Method::POST, &["v1", "trips"])
            .header(ACCEPT, JSON)
            .header(IDEMPOTENCY_KEY, &trip.key.0)
            .json(trip);
        let answer = self.exchange(request, LARGEST_JSON_BYTES)?;
        if !matches!(answer.status, 200 | 201) {
            return Err(self.refusal(&answer));
        }
        let receipt = self.read_receipt(&answer, &trip.key)?;
        let booked = receipt.basket.lines.iter().map(|line| (&line.sku, line.quantity));
        if !booked.eq(trip.lines.iter().map(|line| (&line.sku, line.quantity))) {
            return Err(self.nonsense(format!("receipt {} holds other lines than the trip", receipt.number)));
        }
        Ok(receipt)
    }

    fn trip(&self, key: &TripKey) -> Result<Option<Receipt>, StoreError> {
        let request = self.request(Method::GET, &["v1", "trips", &key.0]).header(ACCEPT, JSON);
        let answer = self.exchange(request, LARGEST_JSON_BYTES)?;
        match answer.status {
            200 => self.read_receipt(&answer, key).map(Some),
            // Any web server says 404: only a store that says it knows no such trip is believed.
            404 if self.says_never_received(&answer) => Ok(None),
            404 => Err(self.nonsense("it does not know trips: is this the address of a cart's store?".to_owned())),
            _ => Err(self.refusal(&answer)),
        }
    }
}

impl HttpStore {
    fn says_never_received(&self, answer: &Answer) -> bool {
        answer.content_type == PROBLEM_JSON
            && serde_json::from_slice::<ProblemBody>(&answer.body).is_ok_and(|problem| {
                ProblemKind::from_type_uri(&problem.type_uri) == Some(ProblemKind::TripNeverReceived)
            })
    }
}

/// What the network said, down to the last cause, and what to do about it.
fn explained(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut last = error.to_string();
    while let Some(deeper) = cause {
        last = deeper.to_string();
        cause = deeper.source();
    }
    if error.is_timeout() {
        "nothing came in time: it is asked again, or look whether the store is overloaded".to_owned()
    } else if error.is_connect() {
        format!("no connection ({last}): start the store, or name its address with --store")
    } else {
        last
    }
}
