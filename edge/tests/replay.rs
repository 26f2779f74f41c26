//! `frostguard-edge replay` as a person runs it: the example of the README, help, wrong lines, exit codes.
#![expect(clippy::unwrap_used, reason = "this file is a test: a failed step is the finding")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const HUB: &str = env!("CARGO_BIN_EXE_frostguard-edge");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn golden(name: &str) -> PathBuf {
    root().join("tests/golden/replay").join(name)
}

fn replay(arguments: &[&str], history: &str) -> Output {
    let mut child = Command::new(HUB)
        .arg("replay")
        .arg("--site")
        .arg(golden("site.toml"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A replay that ends early no longer reads.
    let _ = child.stdin.take().unwrap().write_all(history.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The commands of the README that replay, in order.
fn commands() -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let commands = readme.lines().filter(|line| line.starts_with("frostguard-edge replay "));
    commands.map(str::to_owned).collect()
}

#[test]
fn the_commands_of_the_readme_give_what_the_repository_shows() {
    let commands = commands();
    assert_eq!(commands.len(), 2, "{commands:?}");
    for (command, expected) in commands.iter().zip(["transitions.jsonl", "differences.jsonl"]) {
        let command = command.replacen("frostguard-edge", HUB, 1);
        let output = Command::new("sh").arg("-c").arg(&command).current_dir(root()).output().unwrap();
        assert!(output.status.success(), "{command}: {}", text(&output.stderr));
        if std::env::var_os("FROSTGUARD_WRITE_GOLDEN").is_some() {
            std::fs::write(golden(expected), &output.stdout).unwrap();
        }
        let expected = std::fs::read_to_string(golden(expected)).unwrap();
        for (line, (is, should)) in text(&output.stdout).lines().zip(expected.lines()).enumerate() {
            assert_eq!(is, should, "{command}: line {}", line + 1);
        }
        assert_eq!(text(&output.stdout), expected, "{command}");
    }
}

#[test]
fn the_help_tells_every_form_and_every_example_of_it_is_one() {
    let output = Command::new(HUB).args(["replay", "--help"]).output().unwrap();
    let help = text(&output.stdout);
    for part in [
        "temperature_c",
        "\"door\"",
        "manual_log",
        "\"ack\"",
        "shelve",
        "battery_pct",
        "\"tick\"",
        "\"fault\"",
        "defrost",
        "replaced",
        "unshelve",
        "quiet",
        "resolve",
        "started",
        "\"clock\"",
        "untrusted",
        "\"rules\"",
        "\"late\"",
        "\"point\"",
        "humidity_pct",
        "--keep-going",
        "--rules",
        "--regions",
        "Exit codes",
        "retro",
    ] {
        assert!(help.contains(part), "{part} is not in the help");
    }
    let forms =
        help.lines().flat_map(|line| line.trim_start().split("   ")).filter(|it| it.starts_with("{\"at\":…"));
    let history: Vec<String> = forms
        .map(|form| form.split("  ").next().unwrap().trim().to_owned())
        .filter(|form| !form.contains("status"))
        .map(|form| form.replacen("\"rules\":\"…\"", &rules(), 1).replace('…', "1772434800000"))
        .collect();
    assert!(history.len() >= 16, "{history:#?}");
    let output = replay(&[], &history.join("\n"));
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// The site document itself, as a line has it.
fn rules() -> String {
    let site = std::fs::read_to_string(golden("site.toml")).unwrap();
    format!("\"rules\":{}", serde_json::to_string(&site).unwrap())
}

const WRONG: &str = "{\"at\":1,\"unit\":\"freezer\",\"temperature_c\":-18}\n\n{\"at\":2,\"unit\":\"frezer\",\"door\":\"open\"}\n{\"at\":3,\"tick\":true}\n";

#[test]
fn a_wrong_line_fails_with_its_number() {
    let output = replay(&[], WRONG);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("line 3: there is no unit \"frezer\""), "{told}");
}

#[test]
fn with_keep_going_it_is_named_and_counted_and_the_rest_is_done() {
    let output = replay(&["--keep-going"], WRONG);
    assert_eq!(output.status.code(), Some(0));
    let told = text(&output.stderr);
    assert!(told.contains("line 3: there is no unit \"frezer\" in the site document; left out"), "{told}");
    assert!(told.contains("replayed 2 lines") && told.contains("1 lines were wrong"), "{told}");
}

#[test]
fn a_file_can_be_named_and_a_missing_one_is_told_by_name() {
    let events = golden("events.jsonl");
    let from_file = replay(&["--from", events.to_str().unwrap()], "");
    let from_input = replay(&[], &std::fs::read_to_string(&events).unwrap());
    assert!(from_file.status.success() && from_file.stdout == from_input.stdout);
    let output = replay(&["--from", "/nowhere/events.jsonl"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("/nowhere/events.jsonl cannot be read"));
}

#[test]
fn a_wrong_site_document_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site.toml");
    std::fs::write(&site, "[site]\nname = \"x\"\nzone = \"Europe/Nowhere\"\n").unwrap();
    let output = Command::new(HUB).args(["replay", "--site"]).arg(&site).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("site.toml:3:"), "{}", text(&output.stderr));
}

#[test]
fn whoever_has_read_enough_may_stop_reading() {
    let events = golden("events.jsonl");
    let site = golden("site.toml");
    let mut child = Command::new(HUB)
        .args(["replay", "--regions", "--site"])
        .arg(site)
        .arg("--from")
        .arg(events)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}
