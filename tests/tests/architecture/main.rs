//! The architecture, checked: which crate and folder may know which, and the house rules no compiler holds.
//!
//! Each test below is one sentence about the repository as tracked by git. The rules themselves are pure functions
//! in `checks` and `crates`, each tried there on a text that breaks it, so that no sentence passes by being blind.

mod checks;
mod crates;
mod paths;
mod samples;
mod source;

use std::path::{Path, PathBuf};
use std::process::Command;

use source::Source;

/// The top of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What a command prints, run at the top of the repository.
fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    let output = output.unwrap_or_else(|error| panic!("{program} does not start: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?} failed: {complaint}");
    String::from_utf8(output.stdout).expect("a command that prints UTF-8")
}

/// What cargo prints without asking the network.
fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    output_of(&cargo, arguments)
}

/// Paths of all tracked files that exist.
fn tracked() -> Vec<String> {
    let listed = output_of("git", &["ls-files", "-z"]);
    let paths: Vec<String> = listed
        .split('\0')
        .filter(|path| !path.is_empty() && root().join(path).exists())
        .map(str::to_owned)
        .collect();
    for known in ["Cargo.toml", "shared/src/lib.rs", "edge/src/lib.rs"] {
        assert!(paths.iter().any(|path| path == known), "git does not list {known}: is this a checkout?");
    }
    paths
}

/// All tracked files that are text.
fn texts() -> Vec<(String, String)> {
    let read = |path: String| std::fs::read_to_string(root().join(&path)).ok().map(|text| (path, text));
    tracked().into_iter().filter_map(read).collect()
}

/// All tracked Rust files.
fn sources() -> Vec<Source> {
    let rust = texts().into_iter().filter(|(path, _)| path.ends_with(".rs"));
    let mut sources = rust.map(|(path, text)| Source::new(&path, &text)).collect::<Vec<_>>();
    source::set_test_files_apart(&mut sources);
    sources
}

fn metadata() -> serde_json::Value {
    let printed = cargo(&["metadata", "--format-version", "1", "--no-deps", "--locked", "--offline"]);
    serde_json::from_str(&printed).expect("cargo metadata prints JSON")
}

/// Passes if nothing breaks the rule; else says the rule and each place.
#[track_caller]
fn holds(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}\n  {}", broken.join("\n  "));
}

#[test]
fn crates_point_down_and_edge_and_cloud_never_meet() {
    holds("shared uses none of ours, edge and cloud only shared", &crates::reverse_arrows(&metadata()));
}

#[test]
fn shared_names_no_crate_that_acts_waits_or_asks_the_time() {
    holds("shared is pure", &crates::impure_dependencies(&metadata(), "frostguard-shared"));
}

#[test]
fn shared_brings_in_no_such_crate_by_way_of_another() {
    let printed = cargo(&[
        "tree",
        "--locked",
        "--offline",
        "--package",
        "frostguard-shared",
        "--edges",
        "normal",
        "--prefix",
        "none",
    ]);
    assert!(printed.starts_with("frostguard-shared "), "cargo tree printed: {printed}");
    holds("shared is pure, however deep one looks", &crates::impure_in_tree(&printed));
}

#[test]
fn sql_stands_below_the_store_alone() {
    holds("SQL and its libraries belong in store/", &checks::sql_outside_the_store(&sources()));
}

#[test]
fn sources_know_neither_the_store_nor_the_rules() {
    let targets = ["crate::store", "frostguard_shared::rules"];
    holds(
        "a source emits frames and sees nothing else",
        &checks::forbidden_imports(&sources(), "edge/src/sources/", &targets),
    );
}

#[test]
fn annunciators_know_no_rules() {
    let targets = ["frostguard_shared::rules"];
    let broken = checks::forbidden_imports(&sources(), "edge/src/annunciators/", &targets);
    holds("an annunciator takes a desired state", &broken);
}

#[test]
fn only_the_composition_root_knows_both_what_hears_and_what_sounds() {
    holds("edge/src/hub.rs wires the hub, nobody else", &checks::knows_both_ends(&sources()));
}

#[test]
fn the_verifier_rests_on_nothing_that_acts_and_on_nothing_of_the_cloud() {
    let cloud =
        ["api", "clock", "commands", "config", "dashboard", "entropy", "hub", "ingest", "key", "service", "store"];
    let cloud = cloud.map(|module| format!("crate::{module}"));
    let acts = ["axum", "getrandom", "minicbor", "rustix", "sqlx", "tempfile", "tokio", "tracing", "zstd"];
    let targets: Vec<&str> = cloud.iter().map(String::as_str).chain(acts).collect();
    holds(
        "frostguard-verify uses the shared crate, clap, serde_json and the standard library",
        &checks::forbidden_imports(&sources(), "cloud/src/bin/frostguard-verify/", &targets),
    );
}

#[test]
fn the_clock_is_read_in_one_file_of_each_daemon() {
    holds("time is a value everywhere but in clock.rs", &checks::clock_reads(&sources()));
}

#[test]
fn no_module_has_a_name_that_owns_nothing() {
    holds("a module is named after what it does", &checks::names_that_own_nothing(&sources()));
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    holds("a file's first line is //! and a sentence", &checks::without_opening(&sources()));
}

#[test]
fn no_file_is_too_long_to_hold_in_the_head() {
    holds("a file has at most 600 lines", &checks::long_files(&sources()));
}

#[test]
fn no_function_is_longer_than_a_screen() {
    holds("a function has at most 70 lines", &checks::long_functions(&sources()));
}

#[test]
fn nothing_unwraps_outside_tests() {
    holds("a poisoned input never panics the hub", &checks::unwraps(&sources()));
}

#[test]
fn no_lint_is_silenced_without_a_reason_and_nothing_is_left_unfinished() {
    holds("no bare allow, no ignored test, no placeholder", &checks::unfinished(&sources()));
}

#[test]
fn the_top_of_the_repository_holds_only_what_belongs_there() {
    let tracked = tracked();
    holds("the top level is fixed", &checks::strangers_at_the_top(tracked.iter().map(String::as_str)));
}

#[test]
fn each_migration_opens_with_its_why() {
    holds("a migration's first line is a comment", &checks::unexplained_migrations(&texts()));
}

#[test]
fn no_file_points_to_a_page_that_is_not_in_the_repository() {
    // Put together here, for this file is tracked too.
    let pages = ["DESIGN", "FORMS"].map(|page| format!("{page}.md"));
    holds("the repository explains itself", &checks::mentions(&texts(), &pages));
}
