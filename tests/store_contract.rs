//! What the cart relies on when it talks to a store: every case against a real server on a loopback port.
#![cfg(feature = "store")]
#![allow(clippy::disallowed_methods, reason = "two programs can only wait for each other by the clock")]

use dashcart::adapters::http_store::HttpStore;
use dashcart::domain::catalog::{Catalog, Price};
use dashcart::domain::checkout::{OrderLine, Receipt, TripKey, TripOrder};
use dashcart::domain::pricing::{Quantity, price_basket};
use dashcart::domain::units::{Money, Sku, WeighedGrams};
use dashcart::domain::weighing::WeighedBy;
use dashcart::ports::{Store, StoreError};
use dashcart::store::{BookKeeping, Picture, RunningStore, StoreConfig, StoreStartError, serve};
use reqwest::blocking::{Client, Response};
use rusqlite::Connection;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

fn grocery() -> Catalog {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ranges/grocery.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("the range can be read")).expect("it is a catalogue")
}

fn with_books(path: &Path, catalog: Catalog) -> RunningStore {
    let books = BookKeeping::File(path.to_owned());
    serve(StoreConfig { books, ..StoreConfig::on_loopback(catalog) }).expect("the store starts")
}

fn client_of(url: &str) -> HttpStore {
    HttpStore::new(url, Duration::from_secs(20)).expect("a URL")
}

fn pieces(sku: &str, pieces: u32) -> OrderLine {
    OrderLine { sku: Sku::new(sku), quantity: Quantity::Pieces(pieces), weighed_by: None }
}

fn weighed(sku: &str, grams: u32) -> OrderLine {
    weighed_by(sku, grams, Some(WeighedBy::Demonstration))
}

fn weighed_by(sku: &str, grams: u32, weighed_by: Option<WeighedBy>) -> OrderLine {
    OrderLine { sku: Sku::new(sku), quantity: Quantity::Weighed(WeighedGrams(grams)), weighed_by }
}

/// An order whose total is what the cart's own pricing says.
fn order(catalog: &Catalog, key: &str, lines: Vec<OrderLine>) -> TripOrder {
    let priced = price_basket(catalog, lines.iter().map(|line| (&line.sku, line.quantity))).expect("can be priced");
    TripOrder {
        key: TripKey(key.into()),
        cart: "cart-7".into(),
        catalog_version: catalog.version.clone(),
        lines,
        shown_total: priced.total,
    }
}

fn basket_of_the_week() -> Vec<OrderLine> {
    vec![
        weighed("Granny-Smith", 541),
        pieces("Arla-Standard-Milk", 2),
        weighed("Banana", 906),
        pieces("Bravo-Apple-Juice", 1),
    ]
}

fn count(database: &Path, table: &str) -> i64 {
    let connection = Connection::open(database).expect("the books open");
    connection.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get(0)).expect("counts")
}

fn status_of(answer: Result<Receipt, StoreError>) -> u16 {
    match answer {
        Err(StoreError::Refused { status, .. }) => status,
        other => panic!("not refused: {other:?}"),
    }
}

fn problem(response: Response, what: &str) -> (u16, String, Value) {
    let status = response.status().as_u16();
    let media = response.headers().get("content-type").map(|value| value.to_str().expect("text").to_owned());
    assert_eq!(media.as_deref(), Some("application/problem+json"), "{what}");
    let request_id = response.headers().get("x-request-id").expect("a request id").to_str().expect("text").to_owned();
    let body: Value = response.json().expect("a problem is JSON");
    assert_eq!(body["status"], status, "{what}");
    assert_eq!(body["request_id"], request_id.as_str(), "{what}");
    assert!(body["title"].as_str().is_some_and(|title| !title.is_empty()), "{what}: {body}");
    assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{what}: {body}");
    let kind = body["type"].as_str().expect("a type").trim_start_matches("urn:dashcart:problem:").to_owned();
    (status, kind, body)
}

#[test]
fn a_booked_trip_costs_what_the_cart_showed_and_is_in_the_books() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("store.sqlite");
    let catalog = grocery();
    let store = with_books(&database, catalog.clone());
    let client = client_of(&store.url());

    let sent = order(&catalog, "trip-1", basket_of_the_week());
    let receipt = client.post_trip(&sent).expect("is booked");
    let mut shown = price_basket(&catalog, sent.lines.iter().map(|line| (&line.sku, line.quantity))).expect("priced");
    for (line, ordered) in shown.lines.iter_mut().zip(&sent.lines) {
        line.weighed_by = ordered.weighed_by.clone();
    }
    assert_eq!(receipt.basket, shown);
    assert_eq!((receipt.number, &receipt.key), (1, &sent.key));
    assert_eq!(receipt.url, format!("{}/receipts/trip-1", store.url()));
    assert_eq!(client.trip(&sent.key).expect("answers"), Some(receipt));
    assert_eq!(client.trip(&TripKey("never-sent".into())).expect("answers"), None);
    assert_eq!((count(&database, "trips"), count(&database, "trip_lines"), count(&database, "receipts")), (1, 4, 1));

    let nothing = client.post_trip(&order(&catalog, "trip-2", vec![])).expect("a trip without lines is booked");
    assert_eq!((nothing.number, nothing.basket.total), (2, Money::eur_cents(0)));
}

#[test]
fn what_differs_from_the_catalogue_is_refused_and_leaves_no_trace() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("store.sqlite");
    let catalog = grocery();
    let store = with_books(&database, catalog.clone());
    let client = client_of(&store.url());
    let good = order(&catalog, "one-key", basket_of_the_week());
    let with_lines = |lines| TripOrder { lines, ..good.clone() };

    for (what, bad, kind, said) in [
        (
            "one cent less",
            TripOrder { shown_total: Money::eur_cents(good.shown_total.minor - 1), ..good.clone() },
            "total-differs",
            good.shown_total.to_string(),
        ),
        ("a product of nobody", with_lines(vec![pieces("Unicorn", 1)]), "unknown-product", "Unicorn".into()),
        ("apples by the piece", with_lines(vec![pieces("Granny-Smith", 1)]), "wrong-quantity", "Granny-Smith".into()),
        (
            "milk by the piece and weighed",
            with_lines(vec![OrderLine { weighed_by: Some(WeighedBy::Label), ..pieces("Arla-Standard-Milk", 1) }]),
            "wrong-quantity",
            "weighed_by".into(),
        ),
        ("milk by weight", with_lines(vec![weighed("Arla-Standard-Milk", 9)]), "wrong-quantity", "line 1".into()),
        ("nothing of milk", with_lines(vec![pieces("Arla-Standard-Milk", 0)]), "wrong-quantity", "zero".into()),
        ("a lorry of milk", with_lines(vec![pieces("Arla-Standard-Milk", 1000)]), "wrong-quantity", "more than".into()),
        (
            "a catalogue of nobody",
            TripOrder { catalog_version: "tomorrow".into(), ..good.clone() },
            "unknown-catalog",
            "grocery-3".into(),
        ),
    ] {
        let request = Client::new().post(format!("{}/v1/trips", store.url())).header("idempotency-key", "one-key");
        let (status, found, body) = problem(request.json(&bad).send().expect("answers"), what);
        assert_eq!((status, found.as_str()), (422, kind), "{what}");
        assert!(body["detail"].as_str().expect("text").contains(&said), "{what}: {body}");
        assert_eq!(status_of(client.post_trip(&bad)), 422, "{what}");
        assert_eq!(client.trip(&bad.key).expect("answers"), None, "{what}");
    }
    assert_eq!(count(&database, "trips") + count(&database, "trip_lines") + count(&database, "receipts"), 0);
    assert_eq!(client.post_trip(&good).expect("a refusal does not use up the key").number, 1);
}

#[test]
fn a_repeated_post_has_no_further_effect() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("store.sqlite");
    let catalog = grocery();
    let store = with_books(&database, catalog.clone());
    let client = client_of(&store.url());
    let sent = order(&catalog, "again", basket_of_the_week());
    let first = client.post_trip(&sent).expect("is booked");
    for _ in 0..3 {
        assert_eq!(client.post_trip(&sent).expect("is booked already"), first);
    }
    let raw = Client::new().post(format!("{}/v1/trips", store.url())).header("idempotency-key", "\"again\"");
    let replayed = raw.json(&sent).send().expect("answers");
    assert_eq!(
        (replayed.status().as_u16(), replayed.headers()["idempotent-replayed"].to_str().ok()),
        (201, Some("true"))
    );
    assert_eq!(replayed.headers()["location"], "/v1/trips/again");

    let other = order(&catalog, "again", vec![pieces("Kiwi", 1)]);
    assert_eq!(status_of(client.post_trip(&other)), 422);
    assert_eq!(client.trip(&sent.key).expect("answers"), Some(first));
    assert_eq!((count(&database, "trips"), count(&database, "trip_lines"), count(&database, "receipts")), (1, 4, 1));
}

#[test]
fn one_trip_posted_by_eight_at_once_is_booked_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("store.sqlite");
    let catalog = grocery();
    let store = with_books(&database, catalog.clone());
    let sent = order(&catalog, "crowd", basket_of_the_week());
    let receipts: Vec<Receipt> = std::thread::scope(|scope| {
        let posts: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let client = client_of(&store.url());
                    // As the cart does: no usable answer means asking again under the same key.
                    (0..100)
                        .find_map(|_| match client.post_trip(&sent) {
                            Ok(receipt) => Some(receipt),
                            Err(StoreError::Unreachable { .. }) => {
                                std::thread::sleep(Duration::from_millis(20));
                                None
                            }
                            Err(error) => panic!("{error}"),
                        })
                        .expect("an answer at last")
                })
            })
            .collect();
        posts.into_iter().map(|post| post.join().expect("a thread ends")).collect()
    });
    assert!(receipts.iter().all(|receipt| *receipt == receipts[0]), "{receipts:?}");
    assert_eq!((count(&database, "trips"), count(&database, "receipts")), (1, 1));
}

#[test]
fn receipt_numbers_have_no_gaps_whoever_posts_and_whatever_is_refused() {
    let catalog = grocery();
    let store = serve(StoreConfig::on_loopback(catalog.clone())).expect("the store starts");
    let mut numbers: Vec<u64> = std::thread::scope(|scope| {
        let carts: Vec<_> = (0..4)
            .map(|cart| {
                let (store, catalog) = (&store, &catalog);
                scope.spawn(move || {
                    let client = client_of(&store.url());
                    let mut numbers = Vec::new();
                    for trip in 0..5 {
                        let good = order(catalog, &format!("cart-{cart}-trip-{trip}"), vec![pieces("Kiwi", trip + 1)]);
                        let bad = TripOrder { shown_total: Money::eur_cents(1), ..good.clone() };
                        assert_eq!(status_of(client.post_trip(&bad)), 422);
                        numbers.push(client.post_trip(&good).expect("is booked").number);
                    }
                    numbers
                })
            })
            .collect();
        carts.into_iter().flat_map(|cart| cart.join().expect("a thread ends")).collect()
    });
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=20).collect::<Vec<u64>>());
}

#[test]
fn while_the_books_are_held_up_a_repeat_is_told_to_wait_and_nothing_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("store.sqlite");
    let catalog = grocery();
    let store = with_books(&database, catalog.clone());
    let sent = order(&catalog, "held-up", basket_of_the_week());
    let post = || {
        let request = Client::new().post(format!("{}/v1/trips", store.url())).header("idempotency-key", "held-up");
        request.json(&sent).send().expect("answers")
    };
    let other = Connection::open(&database).expect("the books open");
    other.execute_batch("BEGIN IMMEDIATE").expect("the books are held");
    let mut told: Vec<(u16, String)> = std::thread::scope(|scope| {
        // Whichever comes first waits for the books, the other one for it.
        let posts = [scope.spawn(post), scope.spawn(post)];
        let cart = client_of(&store.url()).post_trip(&sent);
        assert!(matches!(cart, Err(StoreError::Unreachable { .. })), "an unknown outcome is no refusal: {cart:?}");
        let answers = posts.map(|post| post.join().expect("a thread ends"));
        assert!(answers.iter().all(|answer| answer.headers()["retry-after"] == "1"), "{answers:?}");
        answers.map(|answer| problem(answer, "held up")).map(|(status, kind, _)| (status, kind)).into()
    });
    told.sort();
    told.dedup();
    assert!(told.contains(&(409, "in-progress".into())), "{told:?}");
    assert!(told.iter().all(|(_, kind)| kind == "in-progress" || kind == "busy"), "{told:?}");
    assert_eq!(count(&database, "trips"), 0);
    other.execute_batch("ROLLBACK").expect("the books are free");
    assert_eq!(client_of(&store.url()).post_trip(&sent).expect("is booked now").number, 1);
}

const BOOKS_OF_CHILD: &str = "DASHCART_TEST_BOOKS";

#[test]
#[ignore = "runs as the store's process that another test kills"]
fn a_store_that_serves_until_it_is_killed() {
    let path = std::env::var_os(BOOKS_OF_CHILD).expect("started by the other test");
    let store = with_books(Path::new(&path), grocery());
    println!("\nserving {}", store.url());
    // Ends by itself when the other test is gone.
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_killed_store_finds_its_trips_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("store.sqlite");
    let start = || {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "--ignored", "--nocapture", "a_store_that_serves_until_it_is_killed"])
            .env(BOOKS_OF_CHILD, &database)
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let told = BufReader::new(child.stdout.take().expect("its output"));
        let url = told.lines().map_while(Result::ok).find_map(|line| Some(line.strip_prefix("serving ")?.to_owned()));
        (child, url.expect("it tells its address"))
    };
    let catalog = grocery();
    let sent = order(&catalog, "survives", basket_of_the_week());
    let booked = {
        let (mut child, url) = start();
        let booked = client_of(&url).post_trip(&sent);
        child.kill().expect("is killed");
        child.wait().expect("is gone");
        let client = client_of(&url);
        let away = client.post_trip(&sent).expect_err("the store is gone");
        assert!(
            matches!(&away, StoreError::Unreachable { reason, .. } if reason.contains("start the store")),
            "{away}"
        );
        booked.expect("is booked")
    };
    let (mut child, url) = start();
    let client = client_of(&url);
    let found = client.trip(&sent.key).expect("answers").expect("is found");
    let again = client.post_trip(&sent).expect("is booked already");
    let next = client.post_trip(&order(&catalog, "next", vec![])).expect("is booked");
    child.kill().expect("is killed");
    child.wait().expect("is gone");
    for receipt in [&found, &again] {
        assert_eq!((receipt.number, &receipt.booked_at, &receipt.basket), (1, &booked.booked_at, &booked.basket));
    }
    assert_eq!(next.number, 2);
    assert_eq!(count(&database, "receipts"), 2);
}

#[test]
fn a_trip_is_priced_by_the_catalogue_that_its_shopper_saw() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("store.sqlite");
    let yesterday = grocery();
    drop(with_books(&database, yesterday.clone()));
    let mut today = yesterday.clone();
    today.version = "grocery-4".into();
    let dearer = today.products.get_mut(&Sku::new("Kiwi")).expect("is sold");
    dearer.price = Price::Each(Money::eur_cents(99));
    let store = with_books(&database, today.clone());
    let client = client_of(&store.url());
    let total = |catalog: &Catalog, key: &str| {
        let sent = order(catalog, key, vec![pieces("Kiwi", 3)]);
        client.post_trip(&sent).expect("is booked").basket.total
    };
    assert_eq!(total(&yesterday, "began-yesterday"), Money::eur_cents(135));
    assert_eq!(total(&today, "began-today"), Money::eur_cents(297));
}

#[test]
fn what_the_cart_already_has_is_not_sent_again() {
    let catalog = grocery();
    let picture = Picture { bytes: vec![0x89, b'P', b'N', b'G'], content_type: "image/png".into() };
    let odd = Sku::new("Käse 5% / 1 kg?");
    let known = odd.clone();
    let pictures = Box::new(move |sku: &Sku| (*sku == known).then(|| picture.clone()));
    let gallery = Some(vec![1, 2, 3]);
    let store = serve(StoreConfig { gallery, pictures, ..StoreConfig::on_loopback(catalog.clone()) }).expect("starts");
    let client = client_of(&store.url());

    assert_eq!(client.catalog(None).expect("answers"), Some(catalog.clone()));
    assert_eq!(client.catalog(Some("older")).expect("answers"), Some(catalog.clone()));
    assert_eq!(client.catalog(Some(&catalog.version)).expect("answers"), None);
    let (bytes, etag) = client.gallery(None).expect("answers").expect("a gallery");
    assert_eq!(bytes, [1, 2, 3]);
    assert_eq!(client.gallery(Some(&etag)).expect("answers"), None);
    assert!(client.gallery(Some("\"other\"")).expect("answers").is_some());
    assert_eq!(client.picture(&odd).expect("a picture"), [0x89, b'P', b'N', b'G']);
    assert!(matches!(client.picture(&Sku::new("Kiwi")), Err(StoreError::Refused { status: 404, .. })));

    for etags in ["\"grocery-3\"", "W/\"grocery-3\"", "\"a\", \"grocery-3\"", "*"] {
        let request = Client::new().get(format!("{}/v1/catalog", store.url())).header("if-none-match", etags);
        let response = request.send().expect("answers");
        assert_eq!(response.status().as_u16(), 304, "{etags}");
        assert_eq!(response.headers()["etag"], "\"grocery-3\"", "{etags}");
        assert_eq!(response.bytes().expect("no body").len(), 0, "{etags}");
    }
}

#[test]
fn every_error_is_a_problem_that_says_what_to_do() {
    let store = serve(StoreConfig::on_loopback(grocery())).expect("starts");
    let url = |path: &str| format!("{}{path}", store.url());
    let client = Client::new();
    let json = "application/json";
    let post = |key: Option<&str>, media: &str, body: Vec<u8>| {
        let request = client.post(url("/v1/trips")).header("content-type", media).body(body);
        let request =
            key.map(|key| request.try_clone().expect("clones").header("idempotency-key", key)).unwrap_or(request);
        request.send().expect("answers")
    };
    let trip = serde_json::to_vec(&order(&grocery(), "k", vec![])).expect("JSON");
    for (what, response, status, kind) in [
        ("no such page", client.get(url("/v1/carts")).send().expect("answers"), 404, "not-found"),
        ("a method", client.delete(url("/v1/trips/k")).send().expect("answers"), 405, "method-not-allowed"),
        ("a trip of nobody", client.get(url("/v1/trips/k")).send().expect("answers"), 404, "trip-never-received"),
        ("a receipt of nobody", client.get(url("/receipts/k")).send().expect("answers"), 404, "trip-never-received"),
        ("no picture", client.get(url("/v1/products/Kiwi/picture")).send().expect("answers"), 404, "no-picture"),
        ("no gallery", client.get(url("/v1/gallery")).send().expect("answers"), 404, "no-gallery"),
        ("no UTF-8", client.get(url("/v1/trips/%ff")).send().expect("answers"), 400, "bad-address"),
        ("no key", post(None, json, trip.clone()), 400, "key-missing"),
        ("a silly key", post(Some("a b"), json, trip.clone()), 400, "key-unusable"),
        ("another key", post(Some("other"), json, trip.clone()), 400, "key-unusable"),
        ("no JSON", post(Some("k"), json, b"{\"key\":".to_vec()), 400, "malformed-json"),
        ("no trip", post(Some("k"), json, b"{\"key\":7}".to_vec()), 422, "not-a-trip"),
        ("a form", post(Some("k"), "text/plain", trip.clone()), 415, "not-json"),
        ("too large", post(Some("k"), json, vec![b' '; 300 * 1024]), 413, "too-large"),
    ] {
        if status == 405 {
            assert!(response.headers()["allow"].to_str().expect("text").contains("GET"), "{what}");
        }
        let (found_status, found_kind, _) = problem(response, what);
        assert_eq!((found_status, found_kind.as_str()), (status, kind), "{what}");
    }
    let named = client.get(url("/nowhere")).header("x-request-id", "c7-1").send().expect("answers");
    assert_eq!(problem(named, "a named request").2["request_id"], "c7-1");
}

#[test]
fn who_stalls_is_sent_away_and_keeps_nobody_out_for_long() {
    let deadline = Duration::from_secs(4);
    let store = serve(StoreConfig { deadline, ..StoreConfig::on_loopback(grocery()) }).expect("starts");
    let half = "POST /v1/trips HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\n\
                idempotency-key: k\r\ncontent-length: 99\r\n\r\n{";
    let stall = || {
        let mut stream = TcpStream::connect(store.address()).expect("connects");
        stream.write_all(half.as_bytes()).expect("sends");
        stream
    };
    let mut stalling: Vec<TcpStream> = (0..64).map(|_| stall()).collect();
    // One client for all: making one takes longer than an answer, and on a busy machine longer than the deadline allows.
    let client = Client::builder().pool_max_idle_per_host(0).build().expect("a client");
    let healthz = || client.get(format!("{}/healthz", store.url())).send().expect("answers");
    // A request that is answered while the heads of the 64 are still being read takes the place of one of them, and that one
    // is sent away at once: each such request is made up for by one more that stalls.
    let busy = (0..1000)
        .map(|_| healthz())
        .find(|response| {
            let full = response.status().as_u16() != 200;
            if !full {
                stalling.push(stall());
            }
            full
        })
        .expect("is full");
    assert_eq!(busy.headers()["retry-after"], "1");
    let (status, kind, _) = problem(busy, "the 65th");
    assert_eq!((status, kind.as_str()), (503, "busy"));

    let answer_of = |stream: &mut TcpStream| {
        let (mut answer, mut part) = (String::new(), [0; 2048]);
        while !answer.contains("timed-out") && !answer.contains("busy") {
            let read = stream.read(&mut part).expect("an answer");
            assert!(read > 0, "only {answer:?} came");
            answer.push_str(&String::from_utf8_lossy(&part[..read]));
        }
        answer
    };
    let answer = stalling.iter_mut().map(answer_of).find(|answer| answer.contains("timed-out")).expect("one timed out");
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer:?}");
    drop(stalling);
    // Those that began a moment later are sent away a moment later.
    assert!((0..1000).any(|_| healthz().status().as_u16() == 200), "the store stays full");
}

/// The blocks of JSON in the description of the API.
fn examples() -> Vec<Value> {
    let description = include_str!("../docs/store-api.md");
    let blocks = description.split("```json\n").skip(1).map(|rest| rest.split("```").next().expect("a block"));
    blocks.map(|block| serde_json::from_str(block).unwrap_or_else(|error| panic!("{error}: {block}"))).collect()
}

#[test]
fn the_examples_in_the_description_of_the_api_are_what_happens() {
    let store = serve(StoreConfig::on_loopback(grocery())).expect("starts");
    let [sent, receipt, refusal] = examples().try_into().expect("three examples");
    let post = |body: &Value| {
        let key = body["key"].as_str().expect("a key").to_owned();
        let request = Client::new().post(format!("{}/v1/trips", store.url())).header("idempotency-key", key);
        request.header("x-request-id", "c7-1").json(body).send().expect("answers").json::<Value>().expect("JSON")
    };
    let mut answer = post(&sent);
    for changing in ["booked_at", "url"] {
        assert!(answer[changing].is_string(), "{answer}");
        answer[changing] = receipt[changing].clone();
    }
    assert_eq!(answer, receipt);
    let mut other_total = sent.clone();
    other_total["key"] = "another".into();
    other_total["shown_total"]["minor"] = 399.into();
    assert_eq!(post(&other_total), refusal);
}

#[test]
fn a_receipt_can_be_read_in_german_and_english() {
    let catalog = grocery();
    let store = serve(StoreConfig::on_loopback(catalog.clone())).expect("starts");
    let mut sent = order(&catalog, "read-me", basket_of_the_week());
    sent.cart = "<script>alert(1)</script>".into();
    let receipt = client_of(&store.url()).post_trip(&sent).expect("is booked");
    for (query, accept, words) in [
        (
            "",
            "de-DE,de;q=0.9",
            ["Summe", "Granny Smith", "0,541 kg × 2,79\u{a0}€/kg", "1,51\u{a0}€", "nicht geeicht", "19\u{a0}%"],
        ),
        ("?lang=en", "de", ["Total", "Banana", "0.541 kg × €2.79/kg", "€1.51", "not approved for trade", "19%"]),
    ] {
        let request = Client::new().get(format!("{}{query}", receipt.url)).header("accept-language", accept);
        let response = request.send().expect("answers");
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        let page = response.text().expect("text");
        for word in words {
            assert!(page.contains(word), "{query}: {word} is missing in {page}");
        }
        assert!(!page.contains("<script"), "what a cart sends must not become markup");
    }
    let list = reqwest::blocking::get(format!("{}/?lang=en", store.url())).expect("answers").text().expect("text");
    assert!(list.contains("/receipts/read-me") && !list.contains("<script"), "{list}");
    assert_eq!(
        reqwest::blocking::get(format!("{}/healthz", store.url())).expect("answers").text().expect("text"),
        "ok\n"
    );
}

#[test]
fn a_receipt_says_where_each_weight_came_from_and_names_a_demonstration_only_where_there_was_one() {
    let catalog = grocery();
    let store = serve(StoreConfig::on_loopback(catalog.clone())).expect("starts");
    let client = client_of(&store.url());
    let certified = || WeighedBy::CertifiedScale("<SW>17".into());
    for (key, source, said, demonstration) in [
        ("certified", Some(certified()), "geeichte Waage Nr. &lt;SW&gt;17", false),
        ("label", Some(WeighedBy::Label), "Gewicht vom Etikett", false),
        ("demonstration", Some(WeighedBy::Demonstration), "Vorführung, nicht geeicht gewogen", true),
        ("no-source", None, "Vorführung, nicht geeicht gewogen", true),
    ] {
        let sent = order(&catalog, key, vec![weighed_by("Banana", 540, source.clone())]);
        let receipt = client.post_trip(&sent).expect("is booked");
        assert_eq!(receipt.basket.lines[0].weighed_by, source);
        let request = Client::new().get(format!("{}?lang=de", receipt.url));
        let page = request.send().expect("answers").text().expect("text");
        assert!(page.contains(said), "{key}: {page}");
        assert_eq!(page.contains("nur zur Vorführung"), demonstration, "{key}");
    }
}

/// A server that sends one prepared answer to whoever comes.
fn impostor(answer: &str) -> String {
    // Who is told that the connection ends does not send the next request on it.
    let answer = answer.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked);
            let _ = stream.write_all(answer.as_bytes());
            // What was asked is read to its end: to close before resets the connection, and the answer may be lost.
            let _ = stream.shutdown(std::net::Shutdown::Write);
            while stream.read(&mut asked).is_ok_and(|read| read > 0) {}
        }
    });
    format!("http://{address}")
}

#[test]
fn what_is_not_a_store_is_never_believed() {
    let sent = order(&grocery(), "k", vec![]);
    let other = "{\"number\":1,\"key\":\"other\",\"booked_at\":\"2026-01-01T00:00:00Z\",\"basket\":{\"lines\":[],\
                 \"total\":{\"minor\":0,\"currency\":\"EUR\"},\"taxes\":[]},\"url\":\"http://x/receipts/other\"}";
    serde_json::from_str::<Receipt>(other).expect("a receipt in itself");
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
    let other_receipt = format!("{head} {}\r\n\r\n{other}", other.len());
    for (what, answer, unreachable) in [
        ("a web page", "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi", false),
        ("another API", "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}", false),
        ("a 404 page", "HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nno", false),
        ("a redirect", "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n", false),
        ("a proxy's 502", "HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nno", true),
        (
            "an answer cut short",
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{",
            true,
        ),
        ("no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", true),
        ("the receipt of another trip", other_receipt.as_str(), false),
    ] {
        let url = impostor(answer);
        let client = client_of(&url);
        for (call, error) in [
            ("post_trip", client.post_trip(&sent).err()),
            ("trip", client.trip(&sent.key).err()),
            ("catalog", client.catalog(None).err()),
        ] {
            match error {
                Some(StoreError::Unreachable { .. }) if unreachable => {}
                Some(StoreError::Nonsense { .. }) if !unreachable => {}
                other => panic!("{what}, {call}: {other:?}"),
            }
        }
    }
    let nobody = HttpStore::new("http://127.0.0.1:9", Duration::from_secs(2)).expect("a URL").post_trip(&sent);
    let message = nobody.expect_err("nobody listens there").to_string();
    assert!(message.contains("127.0.0.1:9") && message.contains("start the store"), "{message}");
}

#[test]
fn an_address_that_is_none_is_refused_before_anything_is_sent() {
    for url in ["", "localhost:8080", "ftp://shop", "http://", "http://shop/?x=1"] {
        let error = HttpStore::new(url, Duration::from_secs(1)).expect_err(url).to_string();
        assert!(error.contains("give one such as http://127.0.0.1:8080"), "{url}: {error}");
    }
}

#[test]
fn a_store_that_cannot_start_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| BookKeeping::File(folder.path().join(name));
    let start = |config: StoreConfig| match serve(config) {
        Ok(store) => panic!("it serves at {}", store.url()),
        Err(error) => error,
    };
    let usual = || StoreConfig::on_loopback(grocery());

    let first = serve(StoreConfig { books: at("good.sqlite"), ..usual() }).expect("starts");
    let taken = start(StoreConfig { address: first.address(), ..usual() });
    assert!(matches!(&taken, StoreStartError::Address { address, .. } if *address == first.address()), "{taken}");
    let address = first.address();
    first.stop();
    serve(StoreConfig { address, ..usual() }).expect("the port is free again").stop();

    std::fs::write(folder.path().join("text.sqlite"), "no database at all ".repeat(300)).expect("writes");
    let foreign = Connection::open(folder.path().join("foreign.sqlite")).expect("opens");
    foreign.execute_batch("CREATE TABLE songs (title TEXT)").expect("makes");
    for (file, said) in [
        ("text.sqlite", "damaged or not a database"),
        ("foreign.sqlite", "another program"),
        ("no/such/folder.sqlite", "check that its folder exists"),
    ] {
        let error = start(StoreConfig { books: at(file), ..usual() }).to_string();
        assert!(error.contains(file) && error.contains(said), "{file}: {error}");
    }

    let mut changed = grocery();
    changed.products.remove(&Sku::new("Kiwi"));
    let error = start(StoreConfig { books: at("good.sqlite"), catalog: changed.clone(), ..usual() });
    assert!(matches!(&error, StoreStartError::VersionReused { version } if version == "grocery-3"), "{error}");

    changed.version = "with space".into();
    changed.products.get_mut(&Sku::new("Banana")).expect("is sold").price = Price::PerKg(Money::eur_cents(0));
    let error = start(StoreConfig { catalog: changed, ..usual() }).to_string();
    assert!(error.contains("with space") && error.contains("Banana"), "{error}");
}
