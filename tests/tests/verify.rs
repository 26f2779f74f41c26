//! Owns what an inspector relies on: a journal is exported, edited with the SQLite shell, and the edit is named.
//! Takes journals written by the hub's own store and the real programs; gives their verdicts and exit codes.
//! Must never look inside the verifier: what it prints and how it ends is all that an inspector has.
#![expect(clippy::unwrap_used, reason = "this file is a test: a failed step is the finding")]

use frostguard_edge::store::{Draft, Journal};
use frostguard_shared::axis::Stamp;
use frostguard_shared::event::Fact;
use frostguard_shared::ids::{EpochId, HubId, PointId};
use frostguard_shared::quantity::{CentiCelsius, Dbm};
use frostguard_shared::reading::{Door, Quality, Reading};
use frostguard_shared::signature::SecretKey;
use frostguard_shared::time::{Boot, BoottimeMs, RuleMs, Trust, WallMs};
use frostguard_tests::programs::{Answer, Program, answer_of};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const T0: i64 = 1_900_000_000_000;

fn key() -> SecretKey {
    SecretKey::from_seed(&[5; 32])
}

/// A journal in a folder of its own, and its writer, which may go on while others read.
struct Recorded {
    folder: TempDir,
    journal: Journal,
    at: i64,
}

impl Recorded {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (hub, epoch) = (HubId::from_bytes([0x11; 16]), EpochId::from_bytes([0x22; 16]));
        let (journal, _) = Journal::open(&folder.path().join("journal.db"), hub, epoch).unwrap();
        let mut recorded = Self { folder, journal, at: T0 };
        recorded.event(Fact::EpochStarted {
            key: key().public().to_string(),
            software: "0.1.0".into(),
            old: None,
        });
        recorded
    }

    /// Twelve readings under two seals, an event between, and two readings that no seal covers yet.
    fn usual() -> Self {
        let mut recorded = Self::new();
        recorded.readings(5);
        recorded.seal();
        recorded.event(Fact::HubStopped { reason: "told to".into() });
        recorded.readings(7);
        recorded.seal();
        recorded.readings(2);
        recorded
    }

    fn stamp(&mut self) -> Stamp {
        self.at += 1_000;
        Stamp {
            at: WallMs(self.at),
            boot: Boot(1),
            boottime: BoottimeMs((self.at - T0) as u64),
            rule: RuleMs(self.at),
            trust: Trust::Synced,
        }
    }

    fn event(&mut self, fact: Fact) {
        let stamp = self.stamp();
        self.journal.append_event(stamp, Draft::new(fact)).unwrap();
        self.journal.commit().unwrap();
    }

    fn readings(&mut self, count: u8) {
        for n in 0..count {
            let stamp = self.stamp();
            let reading = Reading {
                seq: 0,
                at: stamp.at,
                boot: stamp.boot,
                boottime: stamp.boottime,
                rule: stamp.rule,
                age_ms: 0,
                trust: stamp.trust,
                point: PointId::from_bytes([n % 2; 16]),
                temperature: CentiCelsius::new(-1_800 - i32::from(n)).unwrap(),
                humidity: None,
                battery_percent: None,
                battery: None,
                signal: Some(Dbm::new(-70).unwrap()),
                door: (n == 3).then_some(Door::Open),
                quality: Quality::Valid,
            };
            self.journal.append_reading(reading).unwrap();
        }
        self.journal.commit().unwrap();
    }

    fn seal(&mut self) {
        let seal = self.journal.take_seal().unwrap();
        self.event(seal);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Exports the journal as it is, while its writer has it open.
    fn exported(&self, name: &str) -> PathBuf {
        let out = self.path(name);
        let answer = export(&self.path("journal.db"), &out);
        assert!(answer.status.success(), "{}", answer.stderr);
        out
    }

    /// Exports a copy that was edited with the SQLite shell.
    fn edited(&self, name: &str, sql: &str) -> PathBuf {
        let copy = self.path(&format!("{name}.db"));
        let mut shell = Command::new("sqlite3");
        shell.arg(self.path("journal.db")).arg(format!("VACUUM INTO '{}'", copy.display()));
        assert!(answer_of(shell, None).unwrap().status.success());
        let mut shell = Command::new("sqlite3");
        shell.arg("-bail").arg(&copy).arg(sql);
        let answer = answer_of(shell, None).unwrap();
        assert!(answer.status.success(), "{sql}: {}", answer.stderr);
        let out = self.path(name);
        let answer = export(&copy, &out);
        assert!(answer.status.success(), "{}", answer.stderr);
        out
    }
}

fn export(journal: &Path, out: &Path) -> Answer {
    let mut command = Command::new(Program::Edge.path().unwrap());
    command.arg("export").arg("--journal").arg(journal).arg("--out").arg(out);
    answer_of(command, None).unwrap()
}

fn verify(arguments: &[&str]) -> Answer {
    let mut command = Command::new(Program::Verify.path().unwrap());
    command.args(arguments);
    answer_of(command, None).unwrap()
}

/// The verdict as JSON, and that its exit code says the same.
fn judged(arguments: &[&str]) -> Value {
    let answer = verify(&[arguments, &["--json"]].concat());
    let verdict: Value = serde_json::from_str(&answer.stdout)
        .unwrap_or_else(|_| panic!("{} {}", answer.stdout, answer.stderr));
    let code = if verdict["verdict"] == "PASS" { 0 } else { 1 };
    assert_eq!(answer.status.code(), Some(code), "{verdict}");
    verdict
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_journal_passes_while_the_hub_has_it_open_and_says_what_stays_open() {
    let mut recorded = Recorded::usual();
    // In the open group: not durable, so no part of any export.
    let stamp = recorded.stamp();
    recorded.journal.append_event(stamp, Draft::new(Fact::ClockUntrusted)).unwrap();
    let bundle = recorded.exported("hub.jsonl");
    let key = key().public().to_string();
    let verdict = judged(&[text(&bundle), "--key", &key]);
    assert_eq!(verdict["verdict"], "PASS", "{verdict}");
    assert_eq!((&verdict["events"], &verdict["bad"]), (&4.into(), &Value::Null));
    assert_eq!((&verdict["readings_sealed"], &verdict["readings_unsealed"]), (&12.into(), &2.into()));
    let cannot = verdict["cannot_prove"].to_string();
    for open in ["the sensors told the truth", "nothing newer", "2 readings that no seal covers"] {
        assert!(cannot.contains(open), "{open}: {cannot}");
    }
    let answer = verify(&[text(&bundle)]);
    assert!(answer.stdout.starts_with("PASS\n"), "{}", answer.stdout);
    assert!(
        answer.stdout.contains("that the key is the hub's"),
        "without --key it says so: {}",
        answer.stdout
    );
}

#[test]
fn an_event_edited_with_the_sqlite_shell_is_named_by_its_number() {
    let recorded = Recorded::usual();
    let honest = recorded.exported("honest.jsonl");
    let reworded =
        "UPDATE events SET bytes = CAST(replace(CAST(bytes AS TEXT), 'told to', 'crashed') AS BLOB)";
    let edited = recorded.edited("edited.jsonl", reworded);
    let verdict = judged(&[text(&edited)]);
    assert_eq!((&verdict["bad"]["kind"], &verdict["bad"]["seq"]), (&"event".into(), &3.into()), "{verdict}");
    let verdict = judged(&[text(&honest), "--against", text(&edited)]);
    assert_eq!((&verdict["bad"]["in"], &verdict["bad"]["seq"]), (&"against".into(), &3.into()), "{verdict}");
    assert_eq!(verdict["differing"], 1);
    assert_eq!(verdict["differences"][0]["fails_in"], serde_json::json!(["against"]));
    let deleted = recorded.edited("deleted.jsonl", "DELETE FROM events WHERE seq = 2");
    assert_eq!(judged(&[text(&deleted)])["bad"]["seq"], 2);
}

#[test]
fn a_reading_edited_with_the_sqlite_shell_is_named_by_its_range_and_by_its_row_when_the_other_side_is_given()
{
    let recorded = Recorded::usual();
    let honest = recorded.exported("honest.jsonl");
    for (change, row, field) in [
        ("UPDATE readings SET temperature = -2100 WHERE seq = 7", 7, "temperature"),
        ("UPDATE readings SET rule_ms = rule_ms - 1 WHERE seq = 6", 6, "rule_ms"),
        ("UPDATE readings SET point = 2 WHERE seq = 8", 8, "point"),
        ("UPDATE readings SET door = NULL WHERE seq = 9", 9, "door"),
        ("UPDATE readings SET point = 99 WHERE seq = 10", 10, "bytes"),
        ("UPDATE readings SET quality = 99 WHERE seq = 12", 12, "bytes"),
    ] {
        let edited = recorded.edited("edited.jsonl", change);
        let bad = judged(&[text(&edited)])["bad"].clone();
        assert_eq!(
            (&bad["kind"], &bad["first"], &bad["last"]),
            (&"readings".into(), &6.into(), &12.into()),
            "{change}: {bad}"
        );
        let verdict = judged(&[text(&edited), "--against", text(&honest)]);
        let bad = &verdict["bad"];
        assert_eq!(
            (&bad["kind"], &bad["seq"], &bad["in"]),
            (&"reading".into(), &row.into(), &"bundle".into()),
            "{change}: {verdict}"
        );
        let difference = &verdict["differences"][0];
        assert_eq!(difference["fields"][0]["field"], field, "{change}: {verdict}");
        assert_eq!(difference["fails_in"], serde_json::json!(["bundle"]));
        fs::remove_file(recorded.path("edited.jsonl.db")).unwrap();
    }
}

#[test]
fn a_deleted_reading_is_missed_wherever_it_stood() {
    let recorded = Recorded::usual();
    let honest = recorded.exported("honest.jsonl");
    for (row, kind) in [(1, "readings"), (9, "readings"), (12, "readings"), (13, "reading")] {
        let name = format!("without-{row}.jsonl");
        let edited = recorded.edited(&name, &format!("DELETE FROM readings WHERE seq = {row}"));
        let verdict = judged(&[text(&edited), "--against", text(&honest)]);
        assert_eq!(verdict["bad"]["kind"], kind, "{row}: {verdict}");
        let lacking = serde_json::json!([{ "in": "bundle", "kind": "reading", "first": row, "last": row }]);
        assert_eq!(verdict["lacking"], lacking, "{row}");
    }
}

#[test]
fn readings_lost_to_a_damaged_disk_before_they_were_sealed_are_a_told_gap() {
    let mut recorded = Recorded::new();
    recorded.readings(3);
    recorded.seal();
    recorded.readings(4);
    let mut shell = Command::new("sqlite3");
    shell.arg(recorded.path("journal.db")).arg("DELETE FROM readings WHERE seq IN (4, 5)");
    assert!(answer_of(shell, None).unwrap().status.success());
    let Recorded { folder, journal, at } = recorded;
    drop(journal);
    let ids = (HubId::from_bytes([0x11; 16]), EpochId::from_bytes([0x22; 16]));
    let (journal, tail) = Journal::open(&folder.path().join("journal.db"), ids.0, ids.1).unwrap();
    assert!(tail.has_hole, "the hub notices at its next start");
    let mut recorded = Recorded { folder, journal, at };
    recorded.seal();
    let verdict = judged(&[text(&recorded.exported("hub.jsonl"))]);
    assert_eq!(verdict["verdict"], "PASS", "{verdict}");
    assert!(verdict["cannot_prove"].to_string().contains("2 readings said that are told to be missing"));
}

#[test]
fn a_cut_bundle_fails_and_what_is_no_bundle_or_another_hubs_is_refused() {
    let recorded = Recorded::usual();
    let bundle = recorded.exported("hub.jsonl");
    let whole = fs::read(&bundle).unwrap();
    let cut = recorded.path("cut.jsonl");
    for keep in [whole.len() - 30, whole.len() / 2, whole.len() / 4] {
        fs::write(&cut, &whole[..keep]).unwrap();
        assert_eq!(judged(&[text(&cut)])["verdict"], "FAIL", "cut at {keep}");
    }
    fs::write(&cut, "something else\n").unwrap();
    let other = recorded.path("other.jsonl");
    let renamed = String::from_utf8(whole).unwrap().replacen("11111111-1111", "33333333-1111", 1);
    fs::write(&other, renamed).unwrap();
    assert_eq!(judged(&[text(&other)])["bad"]["seq"], 1, "it is not that hub's");
    for arguments in [
        &[text(&cut)][..],
        &["/nowhere/at/all"][..],
        &[text(&bundle), "--against", text(&other)][..],
        &[text(&bundle), "--key", "00"][..],
        &[][..],
    ] {
        let answer = verify(arguments);
        assert_eq!(answer.status.code(), Some(2), "{arguments:?}: {}", answer.stdout);
        assert!(!answer.stderr.is_empty(), "{arguments:?}");
    }
    let stranger = SecretKey::from_seed(&[6; 32]).public().to_string();
    assert_eq!(judged(&[text(&bundle), "--key", &stranger])["bad"]["seq"], 1);
}

#[test]
fn a_record_that_was_forked_is_found_though_either_bundle_passes() {
    let fork = |reason: &str| {
        let mut recorded = Recorded::new();
        recorded.event(Fact::HubStopped { reason: reason.into() });
        recorded.readings(2);
        recorded
    };
    let sides = [fork("one"), fork("other")];
    let [one, other] = sides.each_ref().map(|side| side.exported("hub.jsonl"));
    assert_eq!(judged(&[text(&one)])["verdict"], "PASS");
    let verdict = judged(&[text(&one), "--against", text(&other)]);
    assert_eq!(verdict["verdict"], "FAIL");
    assert_eq!((&verdict["bad"]["in"], &verdict["bad"]["seq"]), (&"both".into(), &2.into()), "{verdict}");
}

#[test]
fn an_export_that_fails_leaves_no_file_and_a_verdict_can_be_had_from_a_pipe() {
    let recorded = Recorded::usual();
    let answer = export(&recorded.path("nothing.db"), &recorded.path("never.jsonl"));
    assert!(!answer.status.success());
    assert!(!recorded.path("never.jsonl").exists());
    let mut pipe = Command::new("sh");
    pipe.arg("-c").arg(format!(
        "'{}' export --journal '{}' | '{}' -",
        Program::Edge.path().unwrap().display(),
        recorded.path("journal.db").display(),
        Program::Verify.path().unwrap().display()
    ));
    let answer = answer_of(pipe, None).unwrap();
    assert!(answer.stdout.starts_with("PASS\n"), "{} {}", answer.stdout, answer.stderr);
}
