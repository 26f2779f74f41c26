//! Owns the bench program: figures of a release build, measured in the simulated site.
//! Takes groups and `--json`; gives a table or JSON lines, and 0 if everything was measured, met or not.
//! Must never measure a build that is not the one people run, or leave a process or a file behind.

#[path = "../bench/account.rs"]
mod account;
#[path = "../bench/backlog.rs"]
mod backlog;
#[path = "../bench/cloud_group.rs"]
mod cloud_group;
#[path = "../bench/figure.rs"]
mod figure;
#[path = "../bench/hub_group.rs"]
mod hub_group;
#[path = "../bench/latency.rs"]
mod latency;
#[path = "../bench/month.rs"]
mod month;
#[path = "../bench/page.rs"]
mod page;
#[path = "../bench/rules_group.rs"]
mod rules_group;
#[path = "../bench/sync_group.rs"]
mod sync_group;

use std::alloc::System;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use figure::Figure;
use frostguard_tests::error::SiteError;
use frostguard_tests::programs::workspace;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

const GROUPS: [&str; 4] = ["rules", "hub", "cloud", "sync"];

/// The system's allocator, and how often it is asked.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Stands in a program that has fault points, and in no other.
const MARK_OF_FAULTS: &[u8] = b"FROSTGUARD_FAULT";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (options, groups): (Vec<_>, Vec<_>) = arguments.iter().partition(|word| word.starts_with('-'));
    let known = groups.iter().all(|group| GROUPS.contains(&group.as_str()));
    if !known || options.iter().any(|option| *option != "--json") {
        complain(&format!("usage: bench [GROUP…] [--json]; groups: {}", GROUPS.join(", ")));
        return ExitCode::from(2);
    }
    let wanted = |group: &str| groups.is_empty() || groups.iter().any(|word| *word == group);
    match measured(&wanted) {
        Ok(figures) => {
            // A reader that has gone away does not make what was measured wrong.
            let _ = io::stdout().write_all(shown(&figures, !options.is_empty()).as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&format!("bench: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn measured(wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Figure>, SiteError> {
    // A temporary folder may be in memory, where nothing costs what it costs on a disk.
    let on_disk = workspace().join("target/bench");
    fs::create_dir_all(&on_disk).map_err(SiteError::io("make a folder for the bench"))?;
    let folder = tempfile::tempdir_in(&on_disk).map_err(SiteError::io("make a folder for the bench"))?;
    let mut say = |what: &str| complain(&format!("    measuring: {what}"));
    let mut figures = Vec::new();
    // First, while this process has not needed memory for anything else.
    if wanted("rules") {
        let edge = release("FROSTGUARD_EDGE_BIN")?;
        figures.extend(rules_group::measure(&edge, folder.path(), ALLOCATOR, &mut say)?);
    }
    if wanted("hub") {
        figures.extend(hub_group::measure(&release("FROSTGUARD_EDGE_BIN")?, folder.path(), &mut say)?);
    }
    if wanted("cloud") {
        release("FROSTGUARD_CLOUD_BIN")?;
        figures.extend(cloud_group::measure(folder.path(), &mut say)?);
    }
    if wanted("sync") {
        release("FROSTGUARD_EDGE_BIN")?;
        release("FROSTGUARD_CLOUD_BIN")?;
        figures.extend(sync_group::measure(folder.path(), &mut say)?);
    }
    Ok(figures)
}

/// A program to measure: the one that the variable names.
fn release(variable: &str) -> Result<PathBuf, SiteError> {
    let wrong =
        |what: String| SiteError::Unexpected(format!("{what}; ./dev bench builds and names the right one"));
    let Some(named) = std::env::var_os(variable) else {
        return Err(wrong(format!("{variable} must name a release build")));
    };
    let program = Path::new(&named);
    let bytes =
        fs::read(program).map_err(|error| wrong(format!("{variable} is {}: {error}", program.display())))?;
    if bytes.windows(MARK_OF_FAULTS.len()).any(|window| window == MARK_OF_FAULTS) {
        return Err(wrong(format!("{} has fault points", program.display())));
    }
    Ok(program.to_owned())
}

fn shown(figures: &[Figure], json: bool) -> String {
    if !json {
        return figure::table(figures);
    }
    let lines = figures.iter().filter_map(|figure| serde_json::to_string(figure).ok());
    lines.map(|line| line + "\n").collect()
}
