//! The store's books in SQLite: catalogues ever served, trips, their lines, receipts. No HTTP here.
//!
//! A trip, its lines and its receipt are written in one transaction, so receipt numbers have no gaps, and the trip's key
//! is unique, so nothing is booked twice even by two stores with one file. What is booked is never changed or deleted.

use super::booking::{Refusal, fingerprint, price_order};
use super::{BookKeeping, StoreStartError};
use crate::domain::catalog::Catalog;
use crate::domain::checkout::{Receipt, TripKey, TripOrder};
use crate::domain::pricing::{PricedBasket, Quantity};
use crate::domain::units::{Money, WeighedGrams};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, TransactionBehavior, params};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Marks an SQLite file as a store's books ("dcst").
const APPLICATION_ID: i64 = 0x6463_7374;
/// The layout below; a later one migrates from here.
const LAYOUT: i64 = 1;
/// How long to wait for another process that is writing.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

const TABLES: &str = "
CREATE TABLE catalogs (
    version      TEXT PRIMARY KEY,
    content      TEXT NOT NULL,
    first_served TEXT NOT NULL
) STRICT;
CREATE TABLE trips (
    key               TEXT PRIMARY KEY,
    order_sha256      BLOB NOT NULL,
    cart              TEXT NOT NULL,
    catalog_version   TEXT NOT NULL REFERENCES catalogs (version),
    shown_total_minor INTEGER NOT NULL,
    currency          TEXT NOT NULL
) STRICT;
CREATE TABLE trip_lines (
    trip_key         TEXT NOT NULL REFERENCES trips (key),
    position         INTEGER NOT NULL,
    sku              TEXT NOT NULL,
    pieces           INTEGER,
    grams            INTEGER,
    unit_price_minor INTEGER NOT NULL,
    price_minor      INTEGER NOT NULL,
    PRIMARY KEY (trip_key, position),
    CHECK ((pieces IS NULL) <> (grams IS NULL))
) STRICT;
CREATE TABLE receipts (
    number      INTEGER PRIMARY KEY,
    trip_key    TEXT NOT NULL UNIQUE REFERENCES trips (key),
    booked_at   TEXT NOT NULL,
    total_minor INTEGER NOT NULL,
    currency    TEXT NOT NULL,
    basket      TEXT NOT NULL
) STRICT;
CREATE TRIGGER receipts_are_never_changed BEFORE UPDATE ON receipts
    BEGIN SELECT RAISE(ABORT, 'a receipt is never changed'); END;
CREATE TRIGGER receipts_are_never_deleted BEFORE DELETE ON receipts
    BEGIN SELECT RAISE(ABORT, 'a receipt is never deleted'); END;
CREATE TRIGGER lines_are_never_changed BEFORE UPDATE ON trip_lines
    BEGIN SELECT RAISE(ABORT, 'a booked line is never changed'); END;
CREATE TRIGGER lines_are_never_deleted BEFORE DELETE ON trip_lines
    BEGIN SELECT RAISE(ABORT, 'a booked line is never deleted'); END;
";

/// Why the books gave no answer.
#[derive(Debug, Error)]
pub enum BookError {
    /// The order is not booked.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another process is writing.
    #[error("the store's database is busy")]
    Busy,
    /// The database failed.
    #[error("the store's database failed")]
    Database(#[source] rusqlite::Error),
    /// What is written in the database makes no sense.
    #[error("the store's database holds something that cannot be read")]
    Content(#[from] serde_json::Error),
}

impl From<rusqlite::Error> for BookError {
    fn from(error: rusqlite::Error) -> BookError {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => BookError::Busy,
            _ => BookError::Database(error),
        }
    }
}

/// A receipt as it is kept; where people read it depends on how the store is reached.
#[derive(Debug, Clone, PartialEq)]
pub struct BookedTrip {
    /// The receipt's number.
    pub number: u64,
    /// The trip's key.
    pub key: TripKey,
    /// Which cart.
    pub cart: String,
    /// By which catalogue it was priced.
    pub catalog_version: String,
    /// When it was booked.
    pub booked_at: String,
    /// Lines and prices.
    pub basket: PricedBasket,
}

impl BookedTrip {
    /// The receipt as the cart gets it.
    pub fn into_receipt(self, url: String) -> Receipt {
        Receipt { number: self.number, key: self.key, booked_at: self.booked_at, basket: self.basket, url }
    }
}

/// What came of a booking.
#[derive(Debug, Clone, PartialEq)]
pub struct Booking {
    /// The trip.
    pub trip: BookedTrip,
    /// Whether it had been booked before.
    pub replayed: bool,
}

/// One line of the list of trips.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TripSummary {
    /// The receipt's number.
    pub number: u64,
    /// The trip's key.
    pub key: String,
    /// Which cart.
    pub cart: String,
    /// When it was booked.
    pub booked_at: String,
    /// How many lines it has.
    pub lines: u64,
    /// Its total.
    pub total: Money,
}

/// The open books.
pub struct Database {
    path: String,
    connection: Connection,
    catalogs: BTreeMap<String, Arc<Catalog>>,
    current: String,
}

impl Database {
    /// Opens the books, makes them where they are missing, and checks that they are whole.
    ///
    /// # Errors
    /// [`StoreStartError::Database`] naming the file and what to do.
    pub fn open(books: &BookKeeping) -> Result<Database, StoreStartError> {
        let path = match books {
            BookKeeping::File(path) => path.display().to_string(),
            BookKeeping::Memory => ":memory:".to_owned(),
        };
        let opened = match books {
            BookKeeping::File(file) => Connection::open(file),
            BookKeeping::Memory => Connection::open_in_memory(),
        };
        opened.and_then(|connection| prepare(connection, &path)).map_err(|error| {
            let reason = match error.sqlite_error_code() {
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                    format!("it is damaged or not a database ({error}): restore it from a backup, or name another file")
                }
                Some(ErrorCode::CannotOpen) => {
                    format!("it cannot be opened ({error}): check that its folder exists and may be written to")
                }
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    "another program is writing to it: stop that one first".to_owned()
                }
                _ => error.to_string(),
            };
            StoreStartError::Database { path, reason }
        })
    }

    /// Makes `catalog` the current one. Every version that was ever served is kept, to price the trips that began with it.
    ///
    /// # Errors
    /// [`StoreStartError::VersionReused`] when the version is known with other content.
    pub fn serve_catalog(&mut self, catalog: &Catalog) -> Result<(), StoreStartError> {
        let path = self.path.clone();
        let failed = |reason: String| StoreStartError::Database { path: path.clone(), reason };
        let content = serde_json::to_string(catalog).map_err(|error| failed(error.to_string()))?;
        self.connection
            .execute(
                "INSERT INTO catalogs (version, content, first_served)
                 VALUES (?1, ?2, strftime('%Y-%m-%dT%H:%M:%SZ', 'now')) ON CONFLICT (version) DO NOTHING",
                params![catalog.version, content],
            )
            .map_err(|error| failed(error.to_string()))?;
        let known: String = self
            .connection
            .query_row("SELECT content FROM catalogs WHERE version = ?1", [&catalog.version], |row| row.get(0))
            .map_err(|error| failed(error.to_string()))?;
        // Compared as catalogues: members that this version of the program does not know do not count.
        if serde_json::from_str::<Catalog>(&known).ok().as_ref() != Some(catalog) {
            return Err(StoreStartError::VersionReused { version: catalog.version.clone() });
        }
        self.current = catalog.version.clone();
        self.catalogs.insert(catalog.version.clone(), Arc::new(catalog.clone()));
        Ok(())
    }

    /// The catalogue of a version, where it was ever served.
    ///
    /// # Errors
    /// [`BookError`] when the database fails.
    pub fn catalog(&mut self, version: &str) -> Result<Option<Arc<Catalog>>, BookError> {
        if let Some(catalog) = self.catalogs.get(version) {
            return Ok(Some(catalog.clone()));
        }
        let content: Option<String> = self
            .connection
            .query_row("SELECT content FROM catalogs WHERE version = ?1", [version], |row| row.get(0))
            .optional()?;
        let Some(content) = content else { return Ok(None) };
        let catalog = Arc::new(serde_json::from_str::<Catalog>(&content)?);
        self.catalogs.insert(version.to_owned(), catalog.clone());
        Ok(Some(catalog))
    }

    /// Books an order, or finds that it was booked before.
    ///
    /// # Errors
    /// [`BookError::Refused`] leaves no trace; any other error leaves either the whole booking or none of it.
    pub fn book(&mut self, order: &TripOrder) -> Result<Booking, BookError> {
        let order_sha256 = fingerprint(order)?;
        let catalog = self.catalog(&order.catalog_version)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;

        let known: Option<Vec<u8>> = transaction
            .query_row("SELECT order_sha256 FROM trips WHERE key = ?1", [&order.key.0], |row| row.get(0))
            .optional()?;
        if let Some(known) = known {
            if known != order_sha256 {
                return Err(Refusal::KeyReused { key: order.key.0.clone() }.into());
            }
            let trip = find_trip(&transaction, &order.key)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            return Ok(Booking { trip, replayed: true });
        }

        let catalog = catalog.ok_or_else(|| Refusal::UnknownCatalog {
            version: order.catalog_version.clone(),
            current: self.current.clone(),
        })?;
        let basket = price_order(&catalog, order)?;
        transaction.execute(
            "INSERT INTO trips (key, order_sha256, cart, catalog_version, shown_total_minor, currency)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                order.key.0,
                order_sha256,
                order.cart,
                order.catalog_version,
                order.shown_total.minor,
                order.shown_total.currency.code()
            ],
        )?;
        for (position, line) in (1_i64..).zip(&basket.lines) {
            let (pieces, grams) = match line.quantity {
                Quantity::Pieces(pieces) => (Some(pieces), None),
                Quantity::Weighed(WeighedGrams(grams)) => (None, Some(grams)),
            };
            transaction.execute(
                "INSERT INTO trip_lines (trip_key, position, sku, pieces, grams, unit_price_minor, price_minor)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    order.key.0,
                    position,
                    line.sku.as_str(),
                    pieces,
                    grams,
                    line.unit_price.minor,
                    line.price.minor
                ],
            )?;
        }
        transaction.execute(
            "INSERT INTO receipts (number, trip_key, booked_at, total_minor, currency, basket)
             VALUES ((SELECT COALESCE(MAX(number), 0) + 1 FROM receipts), ?1,
                     strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), ?2, ?3, ?4)",
            params![order.key.0, basket.total.minor, basket.total.currency.code(), serde_json::to_string(&basket)?],
        )?;
        let trip = find_trip(&transaction, &order.key)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        transaction.commit()?;
        Ok(Booking { trip, replayed: false })
    }

    /// The booked trip with this key, where there is one.
    ///
    /// # Errors
    /// [`BookError`] when the database fails.
    pub fn trip(&mut self, key: &TripKey) -> Result<Option<BookedTrip>, BookError> {
        find_trip(&self.connection, key)
    }

    /// The newest trips, newest first.
    ///
    /// # Errors
    /// [`BookError`] when the database fails.
    pub fn newest_trips(&mut self, limit: u32) -> Result<Vec<TripSummary>, BookError> {
        let mut statement = self.connection.prepare(
            "SELECT receipts.number, trips.key, trips.cart, receipts.booked_at, receipts.total_minor, receipts.currency,
                    (SELECT COUNT(*) FROM trip_lines WHERE trip_key = trips.key)
             FROM receipts JOIN trips ON trips.key = receipts.trip_key ORDER BY receipts.number DESC LIMIT ?1",
        )?;
        let rows = statement.query_map([limit], |row| {
            Ok(TripSummary {
                number: number(row, 0)?,
                key: row.get(1)?,
                cart: row.get(2)?,
                booked_at: row.get(3)?,
                total: money(row, 4, 5)?,
                lines: number(row, 6)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn prepare(mut connection: Connection, path: &str) -> Result<Database, rusqlite::Error> {
    let foreign = |reason: &str| {
        rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_MISMATCH),
            Some(format!("{reason}: name another file")),
        )
    };
    connection.busy_timeout(LOCK_PATIENCE)?;
    // The pragma answers with the mode it took; a database in memory has no write-ahead log.
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let health: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if health != "ok" {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
            Some(health),
        ));
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let application: i64 = transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let layout: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = transaction.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, layout) {
        (APPLICATION_ID, LAYOUT) => {}
        (APPLICATION_ID, _) => return Err(foreign("it was made by another version of this program")),
        (0, 0) if tables == 0 => {
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", LAYOUT)?;
        }
        _ => return Err(foreign("it is the database of another program")),
    }
    transaction.commit()?;
    Ok(Database { path: path.to_owned(), connection, catalogs: BTreeMap::new(), current: String::new() })
}

fn find_trip(connection: &Connection, key: &TripKey) -> Result<Option<BookedTrip>, BookError> {
    let found = connection
        .query_row(
            "SELECT receipts.number, receipts.booked_at, receipts.basket, trips.cart, trips.catalog_version
             FROM receipts JOIN trips ON trips.key = receipts.trip_key WHERE trips.key = ?1",
            [&key.0],
            |row| {
                Ok((
                    number(row, 0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, String>(2)?,
                    row.get::<_, String>(3)?,
                    row.get::<_, String>(4)?,
                ))
            },
        )
        .optional()?;
    let Some((number, booked_at, basket, cart, catalog_version)) = found else { return Ok(None) };
    let basket = serde_json::from_str(&basket)?;
    Ok(Some(BookedTrip { number, key: key.clone(), cart, catalog_version, booked_at, basket }))
}

fn number(row: &Row<'_>, column: usize) -> Result<u64, rusqlite::Error> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}

fn money(row: &Row<'_>, minor: usize, currency: usize) -> Result<Money, rusqlite::Error> {
    let code: String = row.get(currency)?;
    let currency = code.try_into().map_err(|reason: String| {
        rusqlite::Error::FromSqlConversionFailure(currency, rusqlite::types::Type::Text, reason.into())
    })?;
    Ok(Money { minor: row.get(minor)?, currency })
}
