//! The paths a file names: every `use`, spelled out, and every path written in the midst of code.
//!
//! `use crate::{store, clock::Clock as C}` is `crate::store` and `crate::clock::Clock`; `super` and `self` are
//! resolved by where the file stands. A glob or an alias over a module counts as reaching all of it.

use crate::source::Source;

/// A path as named on a line: segments from `crate` or from another crate's name; the last may be `*`.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    pub line: usize,
    pub path: String,
}

/// All paths that the shipped part of a file names.
pub fn named(source: &Source) -> Vec<Named> {
    let code = &source.shipped;
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some((start, end)) = next_path(code, at) {
        let text: String = code[start..end].split_whitespace().collect::<Vec<_>>().join(" ");
        let line = code[..start].matches('\n').count() + 1;
        let tree = text.strip_prefix("use ").unwrap_or(&text);
        let mut spelled = Vec::new();
        spell_out("", tree, &mut spelled);
        found.extend(spelled.iter().map(|path| Named { line, path: resolve(source, path) }));
        at = end;
    }
    found
}

/// Whether naming `path` gives access to `target` or to something in it.
pub fn reaches(path: &str, target: &str) -> bool {
    let over = path.strip_suffix("::*").or_else(|| path.strip_suffix(" as"));
    if over.is_some_and(|over| target == over || target.starts_with(&format!("{over}::"))) {
        return true;
    }
    path == target || path.starts_with(&format!("{target}::")) || path.starts_with(&format!("{target} "))
}

/// The next `use …;` or `a::b` in `code` from `at` on.
fn next_path(code: &str, at: usize) -> Option<(usize, usize)> {
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut start = at;
    while let Some(offset) = code[start..].find(is_name) {
        start += offset;
        let word_end = code[start..].find(|letter| !is_name(letter)).map_or(code.len(), |end| start + end);
        if &code[start..word_end] == "use" && code[word_end..].starts_with(char::is_whitespace) {
            let end = code[word_end..].find(';').map_or(code.len(), |end| word_end + end);
            return Some((start, end));
        }
        let mut end = word_end;
        while code[end..].starts_with("::") && code[end + 2..].starts_with(is_name) {
            end = code[end + 2..].find(|letter| !is_name(letter)).map_or(code.len(), |more| end + 2 + more);
        }
        if end > word_end {
            return Some((start, end));
        }
        start = word_end;
    }
    None
}

/// Spells a use tree out: `a::{b, c::{d, self}}` is `a::b`, `a::c::d`, `a::c`.
fn spell_out(prefix: &str, tree: &str, out: &mut Vec<String>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        out.push(match tree.split_once(" as ") {
            Some((path, _)) => format!("{prefix}{} as", path.trim_end_matches("::self")),
            None => format!("{prefix}{tree}").trim_end_matches("::self").to_owned(),
        });
        return;
    };
    let close = tree.rfind('}').unwrap_or(tree.len());
    let prefix = format!("{prefix}{}", &tree[..open].replace(' ', ""));
    let (mut depth, mut from) = (0_i32, open + 1);
    for (at, letter) in tree[..close].char_indices().skip_while(|(at, _)| *at <= open) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                spell_out(&prefix, &tree[from..at], out);
                from = at + 1;
            }
            _ => {}
        }
    }
    if !tree[from..close].trim().is_empty() {
        spell_out(&prefix, &tree[from..close], out);
    }
}

/// Makes a path start at `crate` or at the name of another crate.
fn resolve(source: &Source, path: &str) -> String {
    let path = path.trim_start_matches("::");
    let mut rest: Vec<&str> = path.split("::").collect();
    let mut module = source.module();
    if !matches!(rest[0], "self" | "super") {
        let own = source.path.split('/').next().map(|folder| format!("frostguard_{folder}"));
        if own.as_deref() == Some(rest[0]) {
            rest[0] = "crate";
        }
        return rest.join("::");
    }
    while let Some(first) = rest.first().copied().filter(|first| matches!(*first, "self" | "super")) {
        rest.remove(0);
        if first == "super" {
            module.pop();
        }
    }
    ["crate"].into_iter().chain(module).chain(rest).collect::<Vec<_>>().join("::")
}

#[cfg(test)]
fn paths_in(path: &str, text: &str) -> Vec<String> {
    named(&Source::new(path, text)).into_iter().map(|named| named.path).collect()
}

#[test]
fn a_use_tree_is_spelled_out() {
    let found = paths_in(
        "edge/src/hub.rs",
        "pub use crate::{store, clock::{self, Clock as C}, rules::*};\nuse std::fmt;",
    );
    assert_eq!(
        found,
        ["crate::store", "crate::clock", "crate::clock::Clock as", "crate::rules::*", "std::fmt"]
    );
}

#[test]
fn super_and_self_are_resolved_and_inline_paths_are_found() {
    let text = "use super::super::store::Journal;\nfn a() { self::b(); super::c::d(); crate::e::f() }";
    assert_eq!(
        paths_in("edge/src/sources/ble/scan.rs", text),
        [
            "crate::sources::store::Journal",
            "crate::sources::ble::scan::b",
            "crate::sources::ble::c::d",
            "crate::e::f"
        ]
    );
    assert_eq!(paths_in("edge/src/main.rs", "frostguard_edge::hub::run()"), ["crate::hub::run"]);
}

#[test]
fn a_path_carries_its_line() {
    let found = named(&Source::new("edge/src/hub.rs", "\n\nuse crate::{\n  store,\n};"));
    assert_eq!(found, [Named { line: 3, path: "crate::store".to_owned() }]);
}

#[test]
fn a_module_is_reached_by_its_parts_by_a_glob_and_by_an_alias_but_not_by_a_namesake() {
    let target = "frostguard_shared::rules";
    for path in ["", "::step", " as", "::step as", "::*"] {
        assert!(reaches(&format!("{target}{path}"), target), "{path}");
    }
    assert!(reaches("frostguard_shared::*", target));
    assert!(reaches("frostguard_shared as", target));
    assert!(!reaches("frostguard_shared::rules_of_thumb", target));
    assert!(!reaches("frostguard_shared::ids::*", target));
    assert!(!reaches("frostguard_shared", target), "the crate alone names nothing of it");
}
