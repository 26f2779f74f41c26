//! The arrows between crates, read from what cargo itself says of the workspace.

use serde_json::Value;

/// Each of our crates, and which of ours it may use.
const MAY_USE: [(&str, &[&str]); 4] = [
    ("frostguard-shared", &[]),
    ("frostguard-edge", &["frostguard-shared"]),
    ("frostguard-cloud", &["frostguard-shared"]),
    ("frostguard-tests", &["frostguard-shared", "frostguard-edge", "frostguard-cloud"]),
];

/// What acts, waits, asks the time, throws dice or writes logs has no place in a pure crate.
pub const IMPURE: [&str; 18] = [
    "async-std",
    "axum",
    "chrono",
    "fastrand",
    "futures",
    "getrandom",
    "hyper",
    "log",
    "mio",
    "rand",
    "reqwest",
    "rusqlite",
    "rustix",
    "socket2",
    "sqlx",
    "time",
    "tokio",
    "tracing",
];

/// Dependencies between our crates, of any kind, that no arrow allows; and crates that nobody knows.
pub fn reverse_arrows(metadata: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    for package in list(metadata, "packages") {
        let name = text(package, "name");
        let Some((_, allowed)) = MAY_USE.iter().find(|(known, _)| *known == name) else {
            broken.push(format!("{name} is a crate without a place in the house"));
            continue;
        };
        for dependency in list(package, "dependencies").iter().map(|dependency| text(dependency, "name")) {
            let ours = dependency.starts_with("frostguard-");
            // A crate may name itself, to switch on a feature for its own tests.
            if ours && dependency != name && !allowed.contains(&dependency) {
                broken.push(format!("{name} uses {dependency}"));
            }
        }
    }
    broken
}

/// Impure crates that a package itself names, in any kind of dependency.
pub fn impure_dependencies(metadata: &Value, of: &str) -> Vec<String> {
    let packages = list(metadata, "packages").iter().filter(|package| text(package, "name") == of);
    let named =
        packages.flat_map(|package| list(package, "dependencies")).map(|dependency| text(dependency, "name"));
    named.filter(|name| IMPURE.contains(name)).map(|name| format!("{of} uses {name}")).collect()
}

/// Impure crates in the output of `cargo tree --prefix none`: what a crate brings in, however deep.
pub fn impure_in_tree(tree: &str) -> Vec<String> {
    let crates = tree.lines().filter_map(|line| line.split_whitespace().next());
    crates.filter(|name| IMPURE.contains(name)).map(str::to_owned).collect()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

#[cfg(test)]
fn workspace(edges: &[(&str, &str)]) -> Value {
    let packages: Vec<Value> = edges
        .iter()
        .map(
            |(from, to)| serde_json::json!({ "name": from, "dependencies": [{ "name": to, "kind": "dev" }] }),
        )
        .collect();
    serde_json::json!({ "packages": packages })
}

#[test]
fn arrows_that_point_down_pass() {
    let edges = [
        ("frostguard-shared", "serde"),
        ("frostguard-edge", "frostguard-shared"),
        ("frostguard-edge", "frostguard-edge"),
        ("frostguard-tests", "frostguard-edge"),
    ];
    assert!(reverse_arrows(&workspace(&edges)).is_empty());
    assert!(impure_dependencies(&workspace(&edges), "frostguard-shared").is_empty());
}

#[test]
fn arrows_that_point_up_or_across_are_found() {
    let edges = [
        ("frostguard-shared", "frostguard-edge"),
        ("frostguard-edge", "frostguard-cloud"),
        ("frostguard-cloud", "frostguard-edge"),
        ("frostguard-edge", "frostguard-tests"),
    ];
    assert_eq!(reverse_arrows(&workspace(&edges)).len(), edges.len());
    assert_eq!(reverse_arrows(&workspace(&[("frostguard-utils", "serde")])).len(), 1);
}

#[test]
fn an_impure_dependency_is_found_near_and_deep() {
    let edges = [("frostguard-shared", "tokio"), ("frostguard-edge", "tokio")];
    assert_eq!(
        impure_dependencies(&workspace(&edges), "frostguard-shared"),
        ["frostguard-shared uses tokio"]
    );
    assert_eq!(
        impure_in_tree("frostguard-shared v0.1.0 (/x)\nuuid v1.2.3\ngetrandom v0.4.1\n"),
        ["getrandom"]
    );
    assert!(impure_in_tree("frostguard-shared v0.1.0\ntime-is-a-value v1\n").is_empty());
}
