//! The house rules, each a function from sources to what breaks it: an empty list is a pass.
//!
//! Nothing here touches the disk, so every rule is tried below on a text that breaks it and on one that keeps it.

use crate::paths::{named, reaches};
use crate::source::Source;

/// Longest file and longest function, in lines.
const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

const NAMES_THAT_OWN_NOTHING: [&str; 7] = ["utils", "util", "helpers", "helper", "common", "misc", "manager"];

const CLOCK_READS: [&str; 11] = [
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "Utc::now",
    "Local::now",
    "OffsetDateTime::now",
    "Uuid::now",
    "clock_gettime",
    "gettimeofday",
    "UNIX_EPOCH.elapsed",
];

const SQL_OPENINGS: [&str; 9] = [
    "SELECT ",
    "INSERT INTO ",
    "INSERT OR ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "CREATE INDEX ",
    "ALTER TABLE ",
    "PRAGMA ",
    "BEGIN IMMEDIATE",
];

/// Code of the product: what is under a crate's `src`. Integration tests are not.
pub fn is_shipped(source: &Source) -> bool {
    ["shared/src/", "edge/src/", "cloud/src/", "tests/src/"].iter().any(|root| source.path.starts_with(root))
}

/// Lines of shipped code that hold one of `words`.
fn lines_with(source: &Source, words: &[&str], what: &str) -> Vec<String> {
    let lines = source.shipped.lines().enumerate();
    let hits =
        lines.filter_map(|(at, line)| words.iter().find(|word| line.contains(**word)).map(|word| (at, word)));
    hits.map(|(at, word)| format!("{}:{} {what} ({word})", source.path, at + 1)).collect()
}

/// Paths of shipped code that reach one of `targets`.
fn imports_of(source: &Source, targets: &[&str]) -> Vec<String> {
    let hits =
        named(source).into_iter().filter(|named| targets.iter().any(|target| reaches(&named.path, target)));
    hits.map(|hit| format!("{}:{} names {}", source.path, hit.line, hit.path)).collect()
}

/// Files under `folder` (or the file of that name) that reach one of `targets`.
pub fn forbidden_imports(sources: &[Source], folder: &str, targets: &[&str]) -> Vec<String> {
    let file = format!("{}.rs", folder.trim_end_matches('/'));
    let inside = sources.iter().filter(|source| source.path.starts_with(folder) || source.path == file);
    inside.flat_map(|source| imports_of(source, targets)).collect()
}

/// Files of the hub, outside its composition root, that know both the sources and the annunciators.
pub fn knows_both_ends(sources: &[Source]) -> Vec<String> {
    let root = |path: &str| {
        ["edge/src/hub.rs", "edge/src/main.rs", "edge/src/lib.rs"].contains(&path)
            || path.starts_with("edge/src/commands")
    };
    let others = sources.iter().filter(|source| source.path.starts_with("edge/src/") && !root(&source.path));
    let both = others.filter(|source| {
        ["crate::sources", "crate::annunciators"].iter().all(|end| {
            let own = end.trim_start_matches("crate::");
            source.module().first() == Some(&own) || !imports_of(source, &[end]).is_empty()
        })
    });
    both.map(|source| format!("{} knows sources and annunciators", source.path)).collect()
}

/// SQL, or a database library, outside the two store folders.
pub fn sql_outside_the_store(sources: &[Source]) -> Vec<String> {
    let store = |path: &str| {
        ["edge/src/store", "cloud/src/store"]
            .iter()
            .any(|store| path.strip_prefix(store).is_some_and(|rest| rest.starts_with('/') || rest == ".rs"))
    };
    let daemons = sources.iter().filter(|source| {
        ["shared/src/", "edge/src/", "cloud/src/"].iter().any(|root| source.path.starts_with(root))
    });
    let mut broken = Vec::new();
    for source in daemons.filter(|source| !store(&source.path)) {
        broken.extend(imports_of(source, &["rusqlite", "sqlx"]));
        let sql = source.strings.iter().filter(|(_, literal)| is_sql(literal));
        broken.extend(sql.map(|(line, literal)| format!("{}:{line} holds SQL: {literal:.40}", source.path)));
    }
    broken
}

fn is_sql(literal: &str) -> bool {
    let text = literal.split_whitespace().collect::<Vec<_>>().join(" ") + " ";
    let lower = text.to_lowercase();
    let shaped = [("select ", " from "), ("update ", " set "), ("insert into ", "("), ("delete from ", "")];
    SQL_OPENINGS.iter().any(|opening| text.contains(opening))
        || shaped.iter().any(|(opens, goes_on)| lower.starts_with(opens) && lower.contains(goes_on))
}

/// Reads of a clock outside the one file of a crate that may.
pub fn clock_reads(sources: &[Source]) -> Vec<String> {
    let clocks = ["edge/src/clock.rs", "cloud/src/clock.rs", "tests/src/clock.rs"];
    let others =
        sources.iter().filter(|source| is_shipped(source) && !clocks.contains(&source.path.as_str()));
    others.flat_map(|source| lines_with(source, &CLOCK_READS, "reads the clock")).collect()
}

/// Files, folders and inline modules whose name says nothing.
pub fn names_that_own_nothing(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        let mut parts = source.path.trim_end_matches(".rs").split('/');
        broken.extend(
            parts
                .find(|part| NAMES_THAT_OWN_NOTHING.contains(part))
                .map(|part| format!("{}: {part}", source.path)),
        );
        for (at, line) in source.code.lines().enumerate() {
            let mut words = line.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let module = words.by_ref().find(|word| *word == "mod").and_then(|_| words.next());
            broken.extend(
                module
                    .filter(|name| NAMES_THAT_OWN_NOTHING.contains(name))
                    .map(|name| format!("{}:{} mod {name}", source.path, at + 1)),
            );
        }
    }
    broken
}

/// Files that do not open with what they are for.
pub fn without_opening(sources: &[Source]) -> Vec<String> {
    let says_nothing = |source: &&Source| {
        let first = source.text.lines().next().unwrap_or_default();
        first.strip_prefix("//!").is_none_or(|words| words.trim().len() < 3)
    };
    sources
        .iter()
        .filter(says_nothing)
        .map(|source| format!("{}:1 does not open with //!", source.path))
        .collect()
}

/// Files over the limit, tests included.
pub fn long_files(sources: &[Source]) -> Vec<String> {
    let lines = sources.iter().map(|source| (source, source.text.lines().count()));
    let long = lines.filter(|(_, count)| *count > FILE_LINES_MAX);
    long.map(|(source, count)| format!("{} has {count} lines", source.path)).collect()
}

/// Functions over the limit, tests left out.
pub fn long_functions(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources.iter().filter(|source| is_shipped(source)) {
        for (name, line, length) in functions(&source.shipped) {
            if length > FUNCTION_LINES_MAX {
                broken.push(format!("{}:{line} fn {name} has {length} lines", source.path));
            }
        }
    }
    broken
}

/// Name, first line and length of each function with a body.
fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let (mut depth, mut opened) = (0_i32, false);
        for (at, line) in lines.iter().enumerate().skip(start) {
            depth += i32::try_from(line.matches('{').count()).unwrap_or(i32::MAX);
            depth -= i32::try_from(line.matches('}').count()).unwrap_or(i32::MAX);
            opened |= line.contains('{');
            if opened && depth <= 0 {
                found.push((name.to_owned(), start + 1, at - start + 1));
            }
            if (opened && depth <= 0) || (!opened && line.trim_end().ends_with(';')) {
                break;
            }
        }
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let modifiers = ["pub", "const", "async", "unsafe", "default", "extern", "\"\"", "in"];
    let opens = before
        .split(|letter: char| letter.is_whitespace() || "():".contains(letter))
        .filter(|word| !word.is_empty())
        .all(|word| modifiers.contains(&word) || ["crate", "super", "self"].contains(&word));
    let name =
        after.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap_or_default();
    (opens && !name.is_empty()).then_some(name)
}

/// A panic waiting outside tests.
pub fn unwraps(sources: &[Source]) -> Vec<String> {
    let shipped = sources.iter().filter(|source| is_shipped(source));
    shipped.flat_map(|source| lines_with(source, &[".unwrap()", ".unwrap_err()"], "unwraps")).collect()
}

/// A lint silenced without a reason, an unfinished place, a test that does not run.
pub fn unfinished(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        for (at, line) in source.code.lines().enumerate() {
            let tight: String = line.split_whitespace().collect();
            let left =
                ["todo!", "unimplemented!", "dbg!", "#[ignore"].into_iter().find(|word| tight.contains(word));
            broken.extend(left.map(|word| format!("{}:{} {word}", source.path, at + 1)));
        }
        for (at, _) in source.code.match_indices("allow(") {
            let before = source.code[..at].trim_end();
            let attribute =
                &source.code[at..source.code[at..].find(']').map_or(source.code.len(), |end| at + end)];
            if (before.ends_with("#[") || before.ends_with("#![")) && !attribute.contains("reason") {
                let line = before.matches('\n').count() + 1;
                broken.push(format!("{}:{line} allow without a reason", source.path));
            }
        }
    }
    broken
}

/// Migrations that do not open with a comment of at least a few words.
pub fn unexplained_migrations(files: &[(String, String)]) -> Vec<String> {
    let migrations =
        files.iter().filter(|(path, _)| path.starts_with("migrations/") && path.ends_with(".sql"));
    let silent = migrations.filter(|(_, text)| {
        let first = text.lines().next().unwrap_or_default();
        first.strip_prefix("--").is_none_or(|words| words.split_whitespace().count() < 3)
    });
    silent.map(|(path, _)| format!("{path}:1 does not say why")).collect()
}

/// Files that hold one of `words`.
pub fn mentions(files: &[(String, String)], words: &[String]) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, text) in files {
        for (at, line) in text.lines().enumerate() {
            let word = words.iter().find(|word| line.contains(word.as_str()));
            broken.extend(word.map(|word| format!("{path}:{} mentions {word}", at + 1)));
        }
    }
    broken
}

/// What stands at the top of the repository and has no business there.
pub fn strangers_at_the_top<'a>(paths: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let residents = [
        "Cargo.toml",
        "Cargo.lock",
        "edge",
        "cloud",
        "shared",
        "systemd",
        "packaging",
        "migrations",
        "tests",
        "README.md",
        "LICENSE",
        "dev",
    ];
    let mut strangers: Vec<String> = paths
        .into_iter()
        .filter_map(|path| path.split('/').next())
        .filter(|top| !top.starts_with('.') && !residents.contains(top))
        .map(str::to_owned)
        .collect();
    strangers.dedup();
    strangers
}
