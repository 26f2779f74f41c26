//! Each check tried on a text that breaks its rule and on one that keeps it.

use crate::checks;
use crate::source::Source;

fn file(path: &str, text: &str) -> Vec<Source> {
    vec![Source::new(path, text)]
}

fn file_of_lines(path: &str, opening: &str, lines: usize, closing: &str) -> Vec<Source> {
    file(path, &format!("{opening}\n{}{closing}\n", "    step();\n".repeat(lines)))
}

#[test]
fn sql_is_found_outside_the_store_and_let_be_inside() {
    for text in [
        "fn a() { run(\"SELECT 1\") }",
        "fn a() { run(\"select seq\\n from events\") }",
        "const A: &str = r#\"\n  INSERT INTO events (seq) VALUES (?1)\"#;",
        "fn a() { run(\"update units set name = ?\") }",
        "fn a() { run(\"PRAGMA user_version\") }",
        "use rusqlite::Connection;",
        "fn a(pool: &sqlx::PgPool) {}",
    ] {
        for path in
            ["edge/src/intake.rs", "cloud/src/api.rs", "shared/src/wire.rs", "edge/src/store_front.rs"]
        {
            assert_eq!(checks::sql_outside_the_store(&file(path, text)).len(), 1, "{path}: {text}");
        }
        for path in ["edge/src/store/journal.rs", "edge/src/store.rs", "cloud/src/store/mod.rs"] {
            assert!(checks::sql_outside_the_store(&file(path, text)).is_empty(), "{path}: {text}");
        }
    }
    let prose = "// SELECT 1\nfn a() { say(\"select a unit, then touch it\"); say(\"update the limits\") }";
    assert!(checks::sql_outside_the_store(&file("edge/src/page.rs", prose)).is_empty());
}

#[test]
fn a_forbidden_import_is_found_however_it_is_written() {
    let targets = ["crate::store", "frostguard_shared::rules"];
    for text in [
        "use crate::store::Journal;",
        "use crate::{clock::Clock, store};",
        "use super::super::store;",
        "use frostguard_shared::{ids::UnitId, rules::{self, State}};",
        "use frostguard_shared::*;",
        "fn a() { frostguard_shared::rules::step() }",
    ] {
        let found = checks::forbidden_imports(
            &file("edge/src/sources/ble/mod.rs", text),
            "edge/src/sources/",
            &targets,
        );
        assert!(!found.is_empty(), "{text}");
        let elsewhere =
            checks::forbidden_imports(&file("edge/src/watch.rs", text), "edge/src/sources/", &targets);
        assert!(elsewhere.is_empty(), "{text}");
    }
    let innocent = "use crate::frame::Frame;\n#[cfg(test)]\nmod tests { use crate::store; }";
    assert!(
        checks::forbidden_imports(&file("edge/src/sources/lora.rs", innocent), "edge/src/sources/", &targets)
            .is_empty()
    );
}

#[test]
fn knowing_both_ends_is_for_the_composition_root() {
    let both = "use crate::sources::Source;\nuse crate::annunciators::Relay;";
    assert_eq!(checks::knows_both_ends(&file("edge/src/watch.rs", both)).len(), 1);
    assert_eq!(
        checks::knows_both_ends(&file("edge/src/sources/ble.rs", "use crate::annunciators;")).len(),
        1
    );
    for root in ["edge/src/hub.rs", "edge/src/main.rs", "edge/src/commands/run.rs"] {
        assert!(checks::knows_both_ends(&file(root, both)).is_empty(), "{root}");
    }
    assert!(checks::knows_both_ends(&file("edge/src/intake.rs", "use crate::sources::Source;")).is_empty());
}

#[test]
fn a_look_at_the_clock_is_found_outside_its_file() {
    for text in [
        "fn a() { Instant::now() }",
        "fn a() { std::time::SystemTime::now() }",
        "fn a() { clock_gettime(x) }",
    ] {
        assert_eq!(checks::clock_reads(&file("shared/src/rules.rs", text)).len(), 1, "{text}");
        assert_eq!(checks::clock_reads(&file("edge/src/store/clock.rs", text)).len(), 1, "{text}");
        assert!(checks::clock_reads(&file("edge/src/clock.rs", text)).is_empty(), "{text}");
    }
    let spoken = "// Instant::now\nfn a() { say(\"Instant::now\") }\n#[cfg(test)]\nmod t { fn b() { Instant::now(); } }";
    assert!(checks::clock_reads(&file("edge/src/hub.rs", spoken)).is_empty());
}

#[test]
fn names_that_own_nothing_are_found_in_paths_and_in_code() {
    assert_eq!(checks::names_that_own_nothing(&file("edge/src/utils.rs", "")).len(), 1);
    assert_eq!(checks::names_that_own_nothing(&file("edge/src/common/ble.rs", "")).len(), 1);
    assert_eq!(
        checks::names_that_own_nothing(&file("edge/src/lib.rs", "pub(crate) mod helpers {\n}")).len(),
        1
    );
    assert!(
        checks::names_that_own_nothing(&file("edge/src/lib.rs", "mod utility_power; // mod utils"))
            .is_empty()
    );
}

#[test]
fn a_file_without_an_opening_is_found() {
    for text in ["", "use a;\n//! Late.", "//!", "// Plain."] {
        assert_eq!(checks::without_opening(&file("a.rs", text)).len(), 1, "{text}");
    }
    assert!(checks::without_opening(&file("a.rs", "//! What it is for.")).is_empty());
}

#[test]
fn long_files_and_functions_are_found_at_the_limit() {
    assert!(checks::long_files(&file_of_lines("a.rs", "//! A.", 599, "")).len() == 1);
    assert!(checks::long_files(&file_of_lines("a.rs", "//! A.", 598, "")).is_empty());
    let opening = "    pub(crate) async fn a<T>(\n        b: T,\n    ) -> C {";
    assert!(checks::long_functions(&file_of_lines("edge/src/a.rs", opening, 66, "}")).is_empty());
    let found = checks::long_functions(&file_of_lines("edge/src/a.rs", opening, 67, "}"));
    assert_eq!(found, ["edge/src/a.rs:1 fn a has 71 lines"]);
    assert!(checks::long_functions(&file_of_lines("tests/tests/story.rs", "fn a() {", 90, "}")).is_empty());
    assert!(
        checks::long_functions(&file_of_lines("edge/src/a.rs", "#[cfg(test)]\nmod t {\nfn a() {", 90, "}}"))
            .is_empty()
    );
    let braces_in_text = "fn a() { say(\"{{{\") }\nfn b() { }";
    assert!(checks::long_functions(&file_of_lines("edge/src/a.rs", braces_in_text, 90, "")).is_empty());
}

#[test]
fn an_unwrap_is_found_outside_tests_alone() {
    assert_eq!(checks::unwraps(&file("edge/src/a.rs", "fn a() { b().unwrap() }")).len(), 1);
    let fine = "fn a() { b().unwrap_or(1) } // .unwrap()\n#[cfg(test)]\nmod t { fn c() { d().unwrap() } }";
    assert!(checks::unwraps(&file("edge/src/a.rs", fine)).is_empty());
}

#[test]
fn what_is_silenced_or_unfinished_is_found() {
    for text in [
        "#[allow(dead_code)]\nfn a() {}",
        "#![allow(\n    dead_code\n)]",
        "#[ignore]\n#[test]\nfn a() {}",
        "#[ignore = \"slow\"]\nfn a() {}",
        "fn a() { todo!() }",
        "fn a() { unimplemented!(\"b\") }",
        "fn a() { dbg!(b) }",
    ] {
        assert_eq!(checks::unfinished(&file("tests/tests/a.rs", text)).len(), 1, "{text}");
    }
    let fine = "#[allow(dead_code, reason = \"b\")]\n#[expect(c, reason = \"d\")]\nfn allow(e: F) { self.allow(e) } // todo!()";
    assert!(checks::unfinished(&file("edge/src/a.rs", fine)).is_empty());
}

#[test]
fn a_migration_without_a_why_is_found() {
    let migration = |text: &str| vec![("migrations/edge/0001_a.sql".to_owned(), text.to_owned())];
    for text in ["CREATE TABLE a (b);", "-- a\nCREATE TABLE a (b);", ""] {
        assert_eq!(checks::unexplained_migrations(&migration(text)).len(), 1, "{text}");
    }
    assert!(
        checks::unexplained_migrations(&migration("-- The journal: two streams.\nCREATE TABLE a (b);"))
            .is_empty()
    );
}

#[test]
fn a_mention_and_a_stranger_are_found() {
    let files = [("README.md".to_owned(), "one\nsee ELSEWHERE.md".to_owned())];
    assert_eq!(checks::mentions(&files, &["ELSEWHERE.md".to_owned()]), ["README.md:2 mentions ELSEWHERE.md"]);
    assert!(checks::mentions(&files, &["NOWHERE.md".to_owned()]).is_empty());
    let paths = [".ci/run", "Cargo.toml", "docs/a.md", "docs/b.md", "edge/src/lib.rs", "notes.txt"];
    assert_eq!(checks::strangers_at_the_top(paths), ["docs", "notes.txt"]);
}
