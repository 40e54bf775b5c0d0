//! The store's addresses and what each answers. Prices and books are decided elsewhere.

use super::booking::Refusal;
use super::database::{BookError, Database};
use super::pages::{self, choose_language};
use super::problem::Problem;
use super::watch::{Watch, watch};
use super::{NewerGallery, Pictures, StoreConfig};
use crate::domain::catalog::{Catalog, Language};
use crate::domain::checkout::{TripKey, TripOrder};
use crate::domain::units::Sku;
use crate::wire::{IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED, JSON, LARGEST_ORDER_BYTES, OCTETS, ProblemKind, is_trip_key};
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Shows at most so many trips on the index page.
const NEWEST_TRIPS: u32 = 20;

/// A body that is served again and again, with its ETag.
struct Served {
    bytes: Bytes,
    etag: String,
}

impl Served {
    fn of_content(bytes: Vec<u8>) -> Served {
        Served { etag: content_etag(&bytes), bytes: bytes.into() }
    }
}

/// Everything the addresses answer from.
pub struct Shop {
    name: String,
    public_url: Option<String>,
    address: SocketAddr,
    catalog: Served,
    gallery: Mutex<Option<Served>>,
    newer_gallery: NewerGallery,
    pictures: Pictures,
    books: Mutex<Database>,
    being_booked: Mutex<BTreeSet<TripKey>>,
}

impl Shop {
    /// A shop that sells the configured catalogue and keeps its books in `database`.
    pub fn new(config: StoreConfig, address: SocketAddr, database: Database) -> Shop {
        let written = serde_json::to_vec(&config.catalog).unwrap_or_default();
        Shop {
            name: config.name,
            public_url: config.public_url.map(|url| url.trim_end_matches('/').to_owned()),
            address,
            catalog: Served { bytes: written.into(), etag: format!("\"{}\"", config.catalog.version) },
            gallery: Mutex::new(config.gallery.map(Served::of_content)),
            newer_gallery: config.newer_gallery,
            pictures: config.pictures,
            books: Mutex::new(database),
            being_booked: Mutex::new(BTreeSet::new()),
        }
    }

    /// Where the reader of this request finds a receipt.
    fn receipt_url(&self, headers: &HeaderMap, key: &TripKey) -> String {
        let asked = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = asked.filter(|host| host.parse::<Authority>().is_ok_and(|authority| !host_has_user(&authority)));
        match (&self.public_url, host) {
            (Some(url), _) => format!("{url}/receipts/{key}"),
            (None, Some(host)) => format!("http://{host}/receipts/{key}"),
            (None, None) => format!("http://{}/receipts/{key}", self.address),
        }
    }
}

fn host_has_user(authority: &Authority) -> bool {
    authority.as_str().contains('@')
}

/// A trip that is being booked now; its key is free again when this is dropped.
struct Claim {
    shop: Arc<Shop>,
    key: TripKey,
}

impl Claim {
    fn on(shop: &Arc<Shop>, key: &TripKey) -> Option<Claim> {
        let mut being_booked = shop.being_booked.lock().unwrap_or_else(PoisonError::into_inner);
        being_booked.insert(key.clone()).then(|| Claim { shop: shop.clone(), key: key.clone() })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.shop.being_booked.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// The addresses of the store, each request to which may take until `deadline`.
pub fn router(shop: Arc<Shop>, deadline: Duration) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/healthz", get(healthz))
        .route("/v1/catalog", get(catalog))
        .route("/v1/gallery", get(gallery))
        .route("/v1/products/{sku}/picture", get(picture))
        .route("/v1/trips", post(post_trip))
        .route("/v1/trips/{key}", get(trip))
        .route("/receipts/{key}", get(receipt))
        .method_not_allowed_fallback(|| async {
            Problem::new(ProblemKind::MethodNotAllowed, "the Allow header names the methods that it takes")
        })
        .fallback(|| async { Problem::new(ProblemKind::NotFound, "docs/store-api.md names every address of a store") })
        .layer(DefaultBodyLimit::max(LARGEST_ORDER_BYTES))
        .with_state(shop)
        .layer(middleware::from_fn_with_state(Arc::new(Watch::new(deadline)), watch))
}

async fn healthz(State(shop): State<Arc<Shop>>) -> Result<&'static str, Problem> {
    with_books(&shop, |books| books.newest_trips(1)).await?;
    Ok("ok\n")
}

async fn catalog(State(shop): State<Arc<Shop>>, headers: HeaderMap) -> Response {
    unless_known(&headers, &shop.catalog, JSON)
}

async fn gallery(State(shop): State<Arc<Shop>>, headers: HeaderMap) -> Result<Response, Problem> {
    let mut gallery = shop.gallery.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(newer) = (shop.newer_gallery)() {
        *gallery = Some(Served::of_content(newer));
    }
    match &*gallery {
        Some(gallery) => Ok(unless_known(&headers, gallery, OCTETS)),
        None => {
            Err(Problem::new(ProblemKind::NoGallery, "start the store with a gallery, or enrol products on the cart"))
        }
    }
}

async fn picture(
    State(shop): State<Arc<Shop>>,
    sku: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let sku = Sku::new(in_path(sku)?);
    let found = {
        let (shop, sku) = (shop.clone(), sku.clone());
        blocking(move || (shop.pictures)(&sku)).await?
    };
    let picture = found.ok_or_else(|| Problem::new(ProblemKind::NoPicture, format!("no picture of {sku} is known")))?;
    let served = Served { etag: content_etag(&picture.bytes), bytes: picture.bytes.into() };
    Ok(unless_known(&headers, &served, &picture.content_type))
}

async fn post_trip(
    State(shop): State<Arc<Shop>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers)?;
    let order = read_order(&headers, body)?;
    if order.key != key {
        let detail = format!("Idempotency-Key is {key}, but the trip's key is {:?}: send the same", order.key.0);
        return Err(Problem::new(ProblemKind::KeyUnusable, detail));
    }
    let claim = Claim::on(&shop, &key).ok_or_else(|| {
        Problem::new(ProblemKind::InProgress, "the first request with this key is still being worked on: ask again")
    })?;
    let booking = with_books(&shop, move |books| {
        // Held until the books have answered, even when the client has gone away meanwhile.
        let _claim = claim;
        books.book(&order)
    })
    .await?;
    let replayed = booking.replayed;
    let receipt = booking.trip.into_receipt(shop.receipt_url(&headers, &key));
    let mut response = (StatusCode::CREATED, private_json(&receipt)?).into_response();
    let location = HeaderValue::from_str(&format!("/v1/trips/{key}")).map_err(|error| failed(&error))?;
    response.headers_mut().insert(header::LOCATION, location);
    if replayed {
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

async fn trip(
    State(shop): State<Arc<Shop>>,
    key: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key = TripKey(in_path(key)?);
    let asked = key.clone();
    let trip = with_books(&shop, move |books| books.trip(&asked)).await?.ok_or_else(|| never_received(&key))?;
    private_json(&trip.into_receipt(shop.receipt_url(&headers, &key)))
}

async fn receipt(
    State(shop): State<Arc<Shop>>,
    key: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key = TripKey(in_path(key)?);
    let asked = key.clone();
    let found = with_books(&shop, move |books| {
        let Some(trip) = books.trip(&asked)? else { return Ok(None) };
        let catalog = books.catalog(&trip.catalog_version)?;
        Ok(catalog.map(|catalog| (trip, catalog)))
    })
    .await?;
    let (trip, catalog): (_, Arc<Catalog>) = found.ok_or_else(|| never_received(&key))?;
    let language = language(query, &headers);
    Ok(page(pages::receipt(&shop.name, &trip, &catalog, language)))
}

async fn index(
    State(shop): State<Arc<Shop>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let trips = with_books(&shop, |books| books.newest_trips(NEWEST_TRIPS)).await?;
    Ok(page(pages::index(&shop.name, &trips, language(query, &headers))))
}

fn never_received(key: &TripKey) -> Problem {
    Problem::new(ProblemKind::TripNeverReceived, format!("no trip {:?} was booked here: it can be posted", key.0))
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Problem {
    tracing::error!(error, "a request failed");
    Problem::new(ProblemKind::Failed, "a defect in the store: send the same request again, or ask staff")
}

fn idempotency_key(headers: &HeaderMap) -> Result<TripKey, Problem> {
    let value = headers.get(IDEMPOTENCY_KEY).ok_or_else(|| {
        Problem::new(
            ProblemKind::KeyMissing,
            "send the trip's key in the header Idempotency-Key, and again in the body",
        )
    })?;
    // The draft standard has the key in double quotes, common practice has it bare: both are taken.
    let text = value.to_str().unwrap_or_default();
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    if is_trip_key(bare) {
        return Ok(TripKey(bare.to_owned()));
    }
    let detail = "a key is 1 to 128 letters, digits, '-', '_', '.' or '~', for example a UUID";
    Err(Problem::new(ProblemKind::KeyUnusable, detail))
}

fn read_order(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<TripOrder, Problem> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !media.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(JSON) {
        let detail = format!("the body's media type is {media:?}: send {JSON}");
        return Err(Problem::new(ProblemKind::NotJson, detail));
    }
    let body = body.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::new(ProblemKind::TooLarge, format!("a trip takes at most {LARGEST_ORDER_BYTES} bytes"))
        } else {
            Problem::new(ProblemKind::MalformedJson, rejection.body_text())
        }
    })?;
    serde_json::from_slice(&body).map_err(|error| {
        let kind = if error.is_data() { ProblemKind::NotATrip } else { ProblemKind::MalformedJson };
        Problem::new(kind, error.to_string())
    })
}

fn in_path(text: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    text.map(|Path(text)| text).map_err(|rejection| {
        Problem::new(ProblemKind::BadAddress, format!("{}: escape it in UTF-8", rejection.body_text()))
    })
}

fn language(query: Option<String>, headers: &HeaderMap) -> Language {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    choose_language(query.as_deref().unwrap_or_default(), accepted.unwrap_or_default())
}

fn content_etag(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// The body, or 304 where the client already has it.
fn unless_known(headers: &HeaderMap, served: &Served, content_type: &str) -> Response {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let fresh = known
        .flat_map(|list| list.split(','))
        .map(|etag| etag.trim())
        .any(|etag| etag == "*" || etag.strip_prefix("W/").unwrap_or(etag) == served.etag);
    // Kept by the client, but asked about each time: prices change.
    let common = [(header::ETAG, served.etag.as_str()), (header::CACHE_CONTROL, "no-cache")];
    if fresh {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (common, [(header::CONTENT_TYPE, content_type)], served.bytes.clone()).into_response()
}

fn private_json(receipt: &crate::domain::checkout::Receipt) -> Result<Response, Problem> {
    let text = serde_json::to_string(receipt).map_err(|error| failed(&error))?;
    Ok(([(header::CONTENT_TYPE, JSON), (header::CACHE_CONTROL, "no-store")], text).into_response())
}

fn page(html: String) -> Response {
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "Accept-Language"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, Html(html)).into_response()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| failed(&error))
}

async fn with_books<T: Send + 'static>(
    shop: &Arc<Shop>,
    work: impl FnOnce(&mut Database) -> Result<T, BookError> + Send + 'static,
) -> Result<T, Problem> {
    let shop = shop.clone();
    let worked = blocking(move || work(&mut shop.books.lock().unwrap_or_else(PoisonError::into_inner))).await?;
    worked.map_err(|error| {
        if let BookError::Refused(Refusal::TotalDiffers { .. }) = &error {
            tracing::warn!(error = &error as &dyn std::error::Error, "a cart prices otherwise than the store");
        }
        error.into()
    })
}
