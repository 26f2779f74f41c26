//! Puts into the program what it carries inside: migrations, and the dashboard as `./dev dashboard` has built it.
//!
//! Gives a list of the dashboard's files, each with its kind and its compressed copies. Builds again when one of them
//! comes or changes. Must never build the dashboard itself: a build of Rust asks neither npm nor the network.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Where the dashboard's build puts it.
const BUILT: &str = "dashboard/dist";

fn main() {
    println!("cargo::rerun-if-changed=../migrations/cloud");
    println!("cargo::rerun-if-changed={BUILT}");
    if let Err(fault) = embed() {
        println!("cargo::error={fault}");
    }
}

/// Writes the list of files.
fn embed() -> Result<(), String> {
    let folder = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join(BUILT);
    let mut files = Vec::new();
    collect(&folder, &folder, &mut files)?;
    if !files.iter().any(|path| path == "/index.html") {
        return Err("the dashboard is not built: run ./dev dashboard, then build again".to_owned());
    }
    files.sort();
    let mut list = String::from("static FILES: &[File] = &[\n");
    for path in files.iter().filter(|path| !is_copy(path)) {
        let kind = kind(path).ok_or_else(|| format!("nobody knows how to serve {path} of the dashboard"))?;
        let copy = |ending: &str| {
            let copy = format!("{path}.{ending}");
            let there = files.contains(&copy);
            if there { format!("Some({})", bytes(&folder, &copy)) } else { "None".to_owned() }
        };
        let _ = writeln!(
            list,
            "    File {{ path: {path:?}, kind: {kind:?}, plain: {}, brotli: {}, gzip: {} }},",
            bytes(&folder, path),
            copy("br"),
            copy("gz"),
        );
    }
    list.push_str("];\n");
    let out = PathBuf::from(variable("OUT_DIR")?).join("dashboard_files.rs");
    std::fs::write(&out, list).map_err(|fault| format!("{} cannot be written: {fault}", out.display()))
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("cargo did not set {name}"))
}

/// Paths of all files beneath `folder`, from `root`, with a slash before.
fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) -> Result<(), String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry.map_err(|fault| fault.to_string())?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if let Ok(inside) = path.strip_prefix(root) {
            files.push(format!("/{}", inside.display()));
        }
    }
    Ok(())
}

fn is_copy(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|ending| ending == "br" || ending == "gz")
}

fn kind(path: &str) -> Option<&'static str> {
    let kind = match Path::new(path).extension()?.to_str()? {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => return None,
    };
    Some(kind)
}

/// The expression for the bytes of a file.
fn bytes(folder: &Path, path: &str) -> String {
    format!("include_bytes!({:?})", folder.join(path.trim_start_matches('/')))
}
