//! Owns where FrostGuard's own programs are: named by the environment, or built here once per process.
//! Takes nothing; gives paths of programs with fault points built in, and runs a command to its end.
//! Must never test a program other than the one that the sources at hand make, unless the environment names it.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::{env, fs};

use crate::error::SiteError;

/// One of FrostGuard's programs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Program {
    /// The hub.
    Edge,
    /// The cloud's service.
    Cloud,
    /// What checks an exported record.
    Verify,
}

const ALL: [Program; 3] = [Program::Edge, Program::Cloud, Program::Verify];

/// What a command answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it complained.
    pub stderr: String,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Program::Edge => "frostguard-edge",
            Program::Cloud => "frostguard-cloud",
            Program::Verify => "frostguard-verify",
        }
    }

    fn variable(self) -> &'static str {
        match self {
            Program::Edge => "FROSTGUARD_EDGE_BIN",
            Program::Cloud => "FROSTGUARD_CLOUD_BIN",
            Program::Verify => "FROSTGUARD_VERIFY_BIN",
        }
    }

    /// Where it is: where the environment says, or built once per process.
    ///
    /// # Errors
    /// When it does not build.
    pub fn path(self) -> Result<PathBuf, SiteError> {
        static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        if let Some(named) = env::var_os(self.variable()) {
            return Ok(PathBuf::from(named));
        }
        let folder = BUILT.get_or_init(|| build().map_err(|error| error.to_string())).clone();
        folder.map(|folder| folder.join(self.name())).map_err(SiteError::Unexpected)
    }
}

/// Builds all programs beside everything else, and puts them aside: `cargo test` builds some without fault points.
fn build() -> Result<PathBuf, SiteError> {
    let workspace = workspace();
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(&workspace).args([
        "build",
        "--quiet",
        "-p",
        "frostguard-edge",
        "-p",
        "frostguard-cloud",
    ]);
    cargo.args(["--bins", "--features", "frostguard-edge/faults,frostguard-cloud/faults"]);
    let status = cargo.status().map_err(SiteError::io("run cargo"))?;
    if !status.success() {
        return Err(SiteError::Unexpected("the programs do not build".to_owned()));
    }
    let aside = target.join("faults/debug");
    fs::create_dir_all(&aside).map_err(SiteError::io(format!("create {}", aside.display())))?;
    for program in ALL {
        put_aside(&target.join("debug").join(program.name()), &aside.join(program.name()))?;
    }
    Ok(aside)
}

/// Whoever runs the old one goes on running it: the new one takes its name, not its bytes.
fn put_aside(from: &Path, to: &Path) -> Result<(), SiteError> {
    if !from.exists() {
        return Ok(());
    }
    let fresh = to.with_extension(std::process::id().to_string());
    fs::copy(from, &fresh).map_err(SiteError::io(format!("copy {}", from.display())))?;
    fs::rename(&fresh, to).map_err(SiteError::io(format!("name {}", to.display())))
}

/// Runs a command to its end, with one line of input or none.
///
/// # Errors
/// When it cannot be run; a command that fails has answered.
pub fn answer_of(mut command: Command, input: Option<&str>) -> Result<Answer, SiteError> {
    let what = format!("run {command:?}");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(SiteError::io(&what))?;
    if let Some(mut stdin) = child.stdin.take()
        && let Some(line) = input
    {
        // A command that ends without reading says more by its status than by the broken pipe.
        match writeln!(stdin, "{line}") {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(SiteError::io(&what)(error)),
            Ok(()) | Err(_) => {}
        }
    }
    let output = child.wait_with_output().map_err(SiteError::io(&what))?;
    Ok(Answer {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// The folder of the whole project.
pub fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}
