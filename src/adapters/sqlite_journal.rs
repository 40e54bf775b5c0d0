//! The cart's journal in one SQLite file: an entry that was appended is on the disk, whatever happens next.
//!
//! One process at a time. Damage is an error that names the file, never a trip with fewer lines.

use crate::domain::cart::JournalEntry;
use crate::ports::{Journal, JournalError};
use rusqlite::{Connection, ErrorCode, TransactionBehavior, params};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::time::Duration;

/// Marks an SQLite file as a cart's journal ("dcjr").
const APPLICATION_ID: i64 = 0x6463_6a72;
/// The layout below; a later one migrates from here.
const LAYOUT: i64 = 1;
/// How many entries of trips long ended are kept, for people who look into a complaint.
const KEPT_ENTRIES: i64 = 50_000;
/// How long to wait for a process that is just ending.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);

const TABLES: &str = "
CREATE TABLE entries (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    ends_trip INTEGER NOT NULL,
    written   TEXT NOT NULL,
    entry     TEXT NOT NULL,
    sha256    BLOB NOT NULL
) STRICT;
CREATE INDEX trip_ends ON entries (number) WHERE ends_trip = 1;
";

/// A journal in an SQLite file.
#[derive(Debug)]
pub struct SqliteJournal {
    path: String,
    connection: Connection,
}

impl SqliteJournal {
    /// Opens the journal at `path`, makes it where it is missing, checks that it is whole, and keeps others out.
    ///
    /// # Errors
    /// [`JournalError`] naming the file and what to do: it is damaged, foreign, not writable, or used by another process.
    pub fn open(path: &Path) -> Result<SqliteJournal, JournalError> {
        let name = path.display().to_string();
        let connection = Connection::open(path).and_then(prepare).map_err(|error| explained(&name, &error))?;
        Ok(SqliteJournal { path: name, connection })
    }

    fn failed(&self, reason: impl Into<String>) -> JournalError {
        JournalError { path: self.path.clone(), reason: reason.into() }
    }
}

impl Journal for SqliteJournal {
    fn append(&mut self, entry: &JournalEntry) -> Result<(), JournalError> {
        let text = serde_json::to_string(entry).map_err(|error| self.failed(error.to_string()))?;
        let ends_trip = matches!(entry, JournalEntry::TripEnded);
        self.connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .and_then(|transaction| {
                transaction.execute(
                    "INSERT INTO entries (ends_trip, written, entry, sha256)
                     VALUES (?1, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), ?2, ?3)",
                    params![ends_trip, text, checksum(&text)],
                )?;
                if ends_trip {
                    // No trip is open now, so nothing that is still needed can be among the oldest.
                    transaction.execute(
                        "DELETE FROM entries WHERE number <= (SELECT MAX(number) FROM entries) - ?1",
                        [KEPT_ENTRIES],
                    )?;
                }
                transaction.commit()
            })
            .map_err(|error| explained(&self.path, &error))
    }

    fn open_trip(&mut self) -> Result<Vec<JournalEntry>, JournalError> {
        let read = |connection: &Connection| -> Result<Vec<(i64, String, Vec<u8>)>, rusqlite::Error> {
            let mut statement = connection.prepare(
                "SELECT number, entry, sha256 FROM entries
                 WHERE number > COALESCE((SELECT MAX(number) FROM entries WHERE ends_trip = 1), 0) ORDER BY number",
            )?;
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
        };
        let rows = read(&self.connection).map_err(|error| explained(&self.path, &error))?;
        rows.into_iter()
            .map(|(number, text, sha256)| {
                if checksum(&text) != sha256.as_slice() {
                    return Err(self.failed(format!("entry {number} is damaged: {WHAT_TO_DO}")));
                }
                serde_json::from_str(&text).map_err(|error| {
                    self.failed(format!("entry {number} was written by another version ({error}): {WHAT_TO_DO}"))
                })
            })
            .collect()
    }
}

const WHAT_TO_DO: &str = "the open trip must be settled by staff; then move the file away and start again";

fn checksum(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn prepare(mut connection: Connection) -> Result<Connection, rusqlite::Error> {
    let broken =
        |code, reason: String| Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), Some(reason)));
    connection.busy_timeout(LOCK_PATIENCE)?;
    // Before the first access, so that the lock is taken by it and kept until the process ends, however it ends.
    connection.pragma_update_and_check(None, "locking_mode", "EXCLUSIVE", |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let health: String = transaction.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if health != "ok" {
        return broken(rusqlite::ffi::SQLITE_CORRUPT, health);
    }
    let application: i64 = transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let layout: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = transaction.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, layout) {
        (APPLICATION_ID, LAYOUT) => {}
        (APPLICATION_ID, _) => {
            let reason = "it was made by another version of this program: use that one, or name another file";
            return broken(rusqlite::ffi::SQLITE_MISMATCH, reason.to_owned());
        }
        (0, 0) if tables == 0 => {
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", LAYOUT)?;
        }
        _ => {
            let reason = "it is the database of another program: name another file";
            return broken(rusqlite::ffi::SQLITE_MISMATCH, reason.to_owned());
        }
    }
    transaction.commit()?;
    Ok(connection)
}

fn explained(path: &str, error: &rusqlite::Error) -> JournalError {
    let reason = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            format!("it is damaged or not a journal ({error}): {WHAT_TO_DO}")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another cart program is using it: stop that one first, or name another file".to_owned()
        }
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            format!("it cannot be written ({error}): check that its folder exists and may be written to")
        }
        Some(ErrorCode::DiskFull) => "the disk is full: free some space, nothing is sold until then".to_owned(),
        _ => error.to_string(),
    };
    JournalError { path: path.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::basket::{Evidence, LedgerEntry, LineId, Movement, SettledBy};
    use crate::domain::checkout::TripKey;
    use crate::domain::pricing::Quantity;
    use crate::domain::units::{Grams, Sku, Stamp};
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    fn started(key: &str) -> JournalEntry {
        JournalEntry::TripStarted { key: TripKey(key.into()) }
    }

    fn booked(line: u32) -> JournalEntry {
        JournalEntry::Booked(LedgerEntry {
            at: Stamp::from_millis(u64::from(line) * 1000),
            movement: Movement::added(LineId(line), Sku::new("Kiwi"), Quantity::Pieces(1)),
            evidence: Evidence {
                settled_by: SettledBy::SightAndWeight,
                change: Grams(104.7),
                margin: Grams(1.5),
                candidates: vec![(Sku::new("Kiwi"), 0.98)],
                began: Stamp::from_millis(10),
            },
        })
    }

    #[test]
    fn only_the_trip_that_did_not_end_is_given_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.sqlite");
        let mut journal = SqliteJournal::open(&path).expect("opens");
        assert_eq!(journal.open_trip().expect("reads"), vec![]);
        for entry in [started("a"), booked(1), JournalEntry::TripEnded, started("b"), booked(1), booked(2)] {
            journal.append(&entry).expect("appends");
        }
        let open = vec![started("b"), booked(1), booked(2)];
        assert_eq!(journal.open_trip().expect("reads"), open);
        drop(journal);
        let mut again = SqliteJournal::open(&path).expect("opens again");
        assert_eq!(again.open_trip().expect("reads"), open);
        again.append(&JournalEntry::TripEnded).expect("appends");
        assert_eq!(again.open_trip().expect("reads"), vec![]);
    }

    #[test]
    fn a_second_program_is_told_that_the_journal_is_in_use() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.sqlite");
        let first = SqliteJournal::open(&path).expect("opens");
        let error = SqliteJournal::open(&path).expect_err("is refused").to_string();
        assert!(error.contains("journal.sqlite") && error.contains("another cart program"), "{error}");
        drop(first);
        SqliteJournal::open(&path).expect("is free again");
    }

    #[test]
    fn what_is_no_whole_journal_is_named_and_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.sqlite");
        let error = |what: &str| {
            let error = match SqliteJournal::open(&path).and_then(|mut journal| journal.open_trip()) {
                Ok(entries) => panic!("{what}: {} entries were read", entries.len()),
                Err(error) => error.to_string(),
            };
            assert!(error.contains("journal.sqlite"), "{what}: {error}");
            error
        };
        std::fs::write(&path, "this is not a database, but long enough to be taken for one".repeat(40))
            .expect("writes");
        assert!(error("text").contains("damaged or not a journal"));

        std::fs::remove_file(&path).expect("removes");
        Connection::open(&path).and_then(|other| other.execute_batch("CREATE TABLE t (x)")).expect("another database");
        assert!(error("foreign").contains("another program"));

        std::fs::remove_file(&path).expect("removes");
        let mut journal = SqliteJournal::open(&path).expect("opens");
        journal.append(&started("a")).expect("appends");
        journal.append(&booked(1)).expect("appends");
        drop(journal);
        let bytes = std::fs::read(&path).expect("reads");
        let at = bytes.windows(4).position(|window| window == b"Kiwi").expect("the entry is in the file");
        let mut damaged = bytes.clone();
        damaged[at] = b'L';
        std::fs::write(&path, &damaged).expect("writes");
        assert!(error("a flipped letter").contains("entry 2 is damaged"));

        std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("writes");
        assert!(error("cut in half").contains("damaged"));
    }

    #[test]
    fn a_journal_in_a_missing_folder_says_what_to_check() {
        let error = SqliteJournal::open(Path::new("/nonexistent/journal.sqlite")).expect_err("no folder").to_string();
        assert!(error.contains("check that its folder exists"), "{error}");
    }

    const JOURNAL_OF_CHILD: &str = "DASHCART_TEST_JOURNAL";

    #[test]
    #[ignore = "runs as the process that another test kills"]
    fn a_process_that_writes_until_it_is_killed() {
        let path = std::env::var_os(JOURNAL_OF_CHILD).expect("started by the other test");
        let mut journal = SqliteJournal::open(Path::new(&path)).expect("opens");
        journal.append(&started("killed")).expect("appends");
        for line in 1..100_000 {
            journal.append(&booked(line)).expect("appends");
            println!("\nappended {line}");
        }
    }

    #[test]
    fn everything_appended_survives_a_kill() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.sqlite");
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "--ignored", "--nocapture"])
            .arg(
                concat!(module_path!(), "::a_process_that_writes_until_it_is_killed")
                    .split_once("::")
                    .expect("a path")
                    .1,
            )
            .env(JOURNAL_OF_CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let told = BufReader::new(child.stdout.take().expect("its output"));
        let acknowledged: u32 = told
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("appended ")?.parse().ok())
            .find(|line| *line >= 20)
            .expect("it wrote 20 entries");
        // SIGKILL: no destructor runs, as when the battery is pulled from the program.
        child.kill().expect("is killed");
        child.wait().expect("is gone");

        let mut journal = SqliteJournal::open(&path).expect("opens after the kill");
        let entries = journal.open_trip().expect("reads");
        assert_eq!(entries[0], started("killed"));
        assert!(entries.len() > acknowledged as usize, "{} entries, {acknowledged} acknowledged", entries.len());
        for (line, entry) in (1..).zip(&entries[1..]) {
            assert_eq!(*entry, booked(line));
        }
    }
}
