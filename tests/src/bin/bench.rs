//! Owns the bench program: figures of a release build, measured in the simulated site.
//! Takes groups and `--json`; gives a table or JSON lines, and 0 if everything was measured, met or not.
//! Must never measure a build that is not the one people run, or leave a process or a file behind.

#[path = "../bench/account.rs"]
mod account;
#[path = "../bench/figure.rs"]
mod figure;
#[path = "../bench/hub_group.rs"]
mod hub_group;
#[path = "../bench/latency.rs"]
mod latency;
#[path = "../bench/month.rs"]
mod month;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use figure::Figure;
use frostguard_tests::error::SiteError;
use frostguard_tests::programs::workspace;

const GROUPS: [&str; 1] = ["hub"];
/// Stands in a hub that has fault points, and in no other.
const MARK_OF_FAULTS: &[u8] = b"FROSTGUARD_FAULT";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (options, groups): (Vec<_>, Vec<_>) = arguments.iter().partition(|word| word.starts_with('-'));
    let known = groups.iter().all(|group| GROUPS.contains(&group.as_str()));
    if !known || options.iter().any(|option| *option != "--json") {
        complain(&format!("usage: bench [GROUP…] [--json]; groups: {}", GROUPS.join(", ")));
        return ExitCode::from(2);
    }
    match measured() {
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

fn measured() -> Result<Vec<Figure>, SiteError> {
    let hub = hub()?;
    // A temporary folder may be in memory, where nothing costs what it costs on a disk.
    let on_disk = workspace().join("target/bench");
    fs::create_dir_all(&on_disk).map_err(SiteError::io("make a folder for the bench"))?;
    let folder = tempfile::tempdir_in(&on_disk).map_err(SiteError::io("make a folder for the bench"))?;
    hub_group::measure(&hub, folder.path(), &mut |what| complain(&format!("    measuring: {what}")))
}

/// The hub to measure.
fn hub() -> Result<PathBuf, SiteError> {
    let wrong =
        |what: String| SiteError::Unexpected(format!("{what}; ./dev bench builds and names the right one"));
    let Some(named) = std::env::var_os("FROSTGUARD_EDGE_BIN") else {
        return Err(wrong("FROSTGUARD_EDGE_BIN must name a release build of the hub".to_owned()));
    };
    let hub = Path::new(&named);
    let program =
        fs::read(hub).map_err(|error| wrong(format!("FROSTGUARD_EDGE_BIN is {}: {error}", hub.display())))?;
    if program.windows(MARK_OF_FAULTS.len()).any(|window| window == MARK_OF_FAULTS) {
        return Err(wrong(format!("{} has fault points", hub.display())));
    }
    Ok(hub.to_owned())
}

fn shown(figures: &[Figure], json: bool) -> String {
    if !json {
        return figure::table(figures);
    }
    let lines = figures.iter().filter_map(|figure| serde_json::to_string(figure).ok());
    lines.map(|line| line + "\n").collect()
}
