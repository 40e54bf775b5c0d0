//! What no compiler checks: which part may know which, which words do not occur, and that the pages name what exists.
//!
//! Each rule is a function from text to complaints, and is tried here on a text that breaks it.

use std::path::{Path, PathBuf};

/// Which modules of this crate a part may name besides itself. `app`, its command line and `main` may name all.
const MAY_KNOW: [(&str, &[&str]); 10] = [
    ("domain", &[]),
    ("ports", &["domain"]),
    ("ranges", &["domain"]),
    ("wire", &["domain"]),
    ("vision", &["domain", "ports"]),
    ("runtime", &["domain", "ports", "vision"]),
    ("adapters", &["domain", "ports", "wire", "emulator"]),
    ("emulator", &["domain", "ports", "ranges"]),
    ("screen", &["domain"]),
    ("store", &["domain", "ports", "ranges", "wire"]),
];

/// The crates that `domain` may name, and the parts of std that would let the outside world in.
const DOMAIN_CRATES: [&str; 2] = ["serde", "thiserror"];
const IMPURE: [&str; 8] = ["fs", "net", "thread", "time", "env", "process", "io", "os"];

const VAGUE_NAMES: [&str; 4] = ["Manager", "Helper", "Util", "Controller"];
const LEFTOVERS: [&str; 5] = ["TODO", "FIXME", "todo!(", "unimplemented!(", "dbg!("];
const MOST_LINES: usize = 800;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files under `folder` with one of these endings, in the order of their names.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Puts a rule to every file and fails with all that it complains of.
fn put(rule: impl Fn(&str, &str) -> Vec<String>, files: Vec<PathBuf>) {
    assert!(!files.is_empty(), "there are files to look at");
    let complaints: Vec<String> = files
        .iter()
        .flat_map(|path| {
            rule(&name(path), &read(path)).into_iter().map(move |found| format!("{}: {found}", name(path)))
        })
        .collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// The code of a file without its comments.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The first names of the paths that begin with `prefix`, as in `crate::NAME`; groups in braces are taken apart.
fn named_after(prefix: &str, code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let group = rest.strip_prefix('{').map(split_group);
        for part in group.unwrap_or_else(|| vec![rest.to_owned()]) {
            let word: String =
                part.trim().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
            names.push(word);
        }
    }
    names
}

/// The members of a group up to its closing brace, without what lies in inner groups.
fn split_group(rest: &str) -> Vec<String> {
    let mut depth = 0;
    let mut parts = vec![String::new()];
    for letter in rest.chars() {
        match letter {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => parts.push(String::new()),
            letter if depth == 0 => parts.last_mut().expect("one at least").push(letter),
            _ => {}
        }
    }
    parts
}

/// The part of the crate that a file belongs to: the folder or file under `src`.
fn part(path: &str) -> String {
    let first = path.trim_start_matches("src/").split('/').next().unwrap_or_default();
    first.trim_end_matches(".rs").to_owned()
}

/// Complains where a part names one that it must not know.
fn directions(path: &str, text: &str) -> Vec<String> {
    let part = part(path);
    if matches!(part.as_str(), "app" | "cli" | "main" | "lib") {
        return Vec::new();
    }
    let allowed = MAY_KNOW.iter().find(|(name, _)| *name == part).map(|(_, allowed)| *allowed);
    // The remaining parts are command-line commands beside `app`: they may use everything but `app` itself.
    let is_allowed = |name: &str| match allowed {
        Some(allowed) => name == part || allowed.contains(&name),
        None => name != "app",
    };
    let shipped = shipped(text);
    let code = code(&shipped);
    let modules = modules();
    named_after("crate::", &code)
        .into_iter()
        .filter(|name| modules.contains(name) && !is_allowed(name))
        .map(|name| format!("`{part}` must not know `{name}`"))
        .collect()
}

/// The modules of the crate: what lies directly under `src`.
fn modules() -> Vec<String> {
    std::fs::read_dir(root().join("src"))
        .expect("src")
        .flatten()
        .map(|entry| part(&entry.file_name().to_string_lossy()))
        .collect()
}

/// The text without its tests, which stand at the end.
fn shipped(text: &str) -> String {
    let is_shipped = |line: &&str| !line.starts_with("#[cfg(test)]") && !line.starts_with("#[cfg(all(test");
    text.lines().take_while(is_shipped).collect::<Vec<_>>().join("\n")
}

/// Complains where the domain names a crate or a part of std that is more than values and decisions.
fn purity(_path: &str, text: &str) -> Vec<String> {
    let code = code(&shipped(text));
    let manifest = read(&root().join("Cargo.toml"));
    let crates = manifest
        .split("\n[")
        .filter(|section| section.starts_with("dependencies]"))
        .flat_map(|section| section.lines().filter_map(|line| line.split_once(" = ")))
        .map(|(name, _)| name.trim().replace('-', "_"))
        .filter(|name| !DOMAIN_CRATES.contains(&name.as_str()));
    let mut complaints: Vec<String> = crates
        .filter(|name| !named_after(&format!("{name}::"), &code).is_empty())
        .map(|name| format!("the domain must not know the crate `{name}`"))
        .collect();
    let impure = named_after("std::", &code).into_iter().filter(|name| IMPURE.contains(&name.as_str()));
    complaints.extend(impure.map(|name| format!("the domain must not know `std::{name}`")));
    complaints
}

/// Complains of names that say nothing, of unfinished work, and of `unwrap` in what is shipped.
fn words(_path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut complain = |what: String| complaints.push(format!("line {}: {what}", number + 1));
        for word in LEFTOVERS.iter().filter(|word| line.contains(**word)) {
            complain(format!("unfinished: {word}"));
        }
        let mut tokens = line.split_whitespace().skip_while(|token| token.starts_with("pub"));
        if let (Some("struct" | "enum" | "trait" | "type"), Some(name)) = (tokens.next(), tokens.next()) {
            for word in VAGUE_NAMES.iter().filter(|word| name.contains(**word)) {
                complain(format!("the name {name} says {word} instead of what it is"));
            }
        }
    }
    let unwraps = code(&shipped(text)).matches(".unwrap()").count();
    if unwraps > 0 {
        complaints.push(format!("{unwraps} unwrap() outside tests"));
    }
    complaints
}

/// Complains of a file without a header, and of one that no eye can take in.
fn shape(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let lines = text.lines().count();
    if lines > MOST_LINES {
        complaints.push(format!("{lines} lines: more than {MOST_LINES}, look for the part that can stand alone"));
    }
    if path.ends_with(".rs") && !text.starts_with("//!") {
        complaints.push("no header: say in 2 to 6 lines what lives here and what must not".to_owned());
    }
    complaints
}

/// The paths that a page names in back quotes: with a slash, in our folders.
fn named_paths(page: &str) -> Vec<String> {
    let quoted = page.split("```").step_by(2).flat_map(|text| text.split('`').skip(1).step_by(2));
    quoted
        .filter(|text| {
            ["src", "ui", "models", "cross", "tests", "benches", "tools"]
                .iter()
                .any(|folder| text.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
        })
        .filter(|text| !text.contains([' ', '*', '<', '{']))
        .map(str::to_owned)
        .collect()
}

#[test]
fn each_part_knows_only_the_parts_within_it() {
    assert_eq!(directions("src/domain/x.rs", "use crate::ports::Frame;"), ["`domain` must not know `ports`"]);
    assert_eq!(directions("src/runtime/x.rs", "use crate::{domain::a, adapters::{b, c}};").len(), 1);
    assert_eq!(directions("src/runtime/x.rs", "// crate::adapters\nuse crate::ports::Frame;"), Vec::<String>::new());
    put(directions, files("src", &[".rs"]));
}

#[test]
fn the_domain_is_pure() {
    assert_eq!(purity("", "use std::fs::File;\nuse image::RgbImage;").len(), 2);
    assert_eq!(purity("", "use std::{fmt, time::Duration};\nuse serde::Serialize;").len(), 1);
    put(purity, files("src/domain", &[".rs"]));
}

#[test]
fn no_vague_name_no_unfinished_work_and_no_unwrap_is_shipped() {
    for bad in ["pub struct BasketManager;", "// TODO: later", "let x = y.unwrap();", "pub(crate) enum PathUtil {"] {
        assert_eq!(words("", bad).len(), 1, "{bad}");
    }
    assert_eq!(words("", "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { c.unwrap(); } }"), Vec::<String>::new());
    put(words, files("src", &[".rs"]));
}

#[test]
fn files_have_a_header_and_a_size_that_can_be_read() {
    assert_eq!(shape("x.rs", "fn main() {}").len(), 1);
    assert_eq!(shape("x.slint", &"\n".repeat(MOST_LINES + 1)).len(), 1);
    put(shape, [files("src", &[".rs"]), files("tests", &[".rs"]), files("ui", &[".slint"])].concat());
}

#[test]
fn the_pages_name_only_files_that_exist() {
    let page = "See `src/nowhere.rs` and `cargo test`.\n```\n`tests/shown.rs`\n```\n`ui/`";
    assert_eq!(named_paths(page), ["src/nowhere.rs", "ui/"]);
    for page in ["README.md", "ARCHITECTURE.md"] {
        // A page that is not written yet names nothing.
        let Ok(text) = std::fs::read_to_string(root().join(page)) else { continue };
        let missing: Vec<String> = named_paths(&text).into_iter().filter(|path| !root().join(path).exists()).collect();
        assert!(missing.is_empty(), "{page} names what is not there: {}", missing.join(", "));
    }
}
