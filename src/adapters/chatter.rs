//! Keeps what a C library tells developers out of the shopper's terminal; warnings and errors of note pass.
#![allow(unsafe_code, reason = "only file descriptors reach what a C library writes to the standard error output")]

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Mutex;

/// What LiteRT says every time although nothing is wrong: notes, and that a cart has no other accelerator.
const OF_NO_NOTE: [&str; 2] = ["INFO: ", "WARNING: [auto_registration.cc"];

/// One at a time: two would take each other's place. Work within such work (an engine that is given back because it could
/// not be made) goes without a detour of its own.
static TURN: Mutex<()> = Mutex::new(());

/// Runs `work`, and passes on what it (or another thread meanwhile) wrote to the standard error output, save what is of no
/// note. Where the system refuses the detour, everything is written at once.
pub fn without_chatter<T>(work: impl FnOnce() -> T) -> T {
    let Ok(_turn) = TURN.try_lock() else { return work() };
    let Some((kept, mut detour)) = divert() else { return work() };
    let done = work();
    // SAFETY: both descriptors are open; the standard error output gets back what it was.
    unsafe { libc::dup2(kept.as_raw_fd(), libc::STDERR_FILENO) };
    let mut said = Vec::new();
    if detour.seek(SeekFrom::Start(0)).is_ok() && detour.read_to_end(&mut said).is_ok() {
        let text = String::from_utf8_lossy(&said);
        for line in text.lines().filter(|line| !OF_NO_NOTE.iter().any(|start| line.starts_with(start))) {
            // Nobody could be told that the standard error output is closed.
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }
    done
}

/// Points the standard error output to a file in memory; returns what it was, and that file.
fn divert() -> Option<(OwnedFd, File)> {
    // SAFETY: the calls take numbers and a text that outlives them, and each new descriptor gets one owner.
    unsafe {
        let kept = libc::dup(libc::STDERR_FILENO);
        let kept = (kept >= 0).then(|| OwnedFd::from_raw_fd(kept))?;
        let memory = libc::memfd_create(c"chatter".as_ptr(), libc::MFD_CLOEXEC);
        let memory = (memory >= 0).then(|| File::from_raw_fd(memory))?;
        (libc::dup2(memory.as_raw_fd(), libc::STDERR_FILENO) >= 0).then_some((kept, memory))
    }
}
