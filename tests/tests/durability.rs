//! Owns the count of what the hub makes durable: one fdatasync for each commit, seen by the kernel's own account.
//! Takes a hub under strace and known things to record; gives the syncs that they cost.
//! Must never count on time having passed: every mark is set by what the hub has said or strace has written.
//!
//! What is true of it: an event is committed before anyone hears of it, one event at a time is one commit, and one
//! commit is one fdatasync of the journal's write-ahead log and nothing else. Readings wait for each other up to five
//! seconds and share one. Three things cost more, and are kept out of the way here: an output's place in what it has
//! told is a commit of its own (so these sites have no outputs); every fifteen minutes a snapshot also writes the
//! identity file; and after a thousand pages of log SQLite writes them back to the database.
#![expect(clippy::unwrap_used, reason = "this file is a test: a failed step is the finding")]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use frostguard_tests::clock::{now, wait_for};
use frostguard_tests::workbench::{SOON, Workbench, counter};
use frostguard_tests::world::{PERSON, PIN};
use tempfile::TempDir;

const TAG: &str = "A4:C1:38:00:00:01";
const GROUP: Duration = Duration::from_secs(5);

/// A unit whose alarm comes at once, and that is not missed when it is silent; no outputs.
const SITE: &str = r#"[site]
name = "Durable"
zone = "Europe/Berlin"
[people.maria]
name = "Maria"
pin_hash = "{pin_hash}"
[units.freezer]
name = "Freezer"
type = "freezer"
[units.freezer.rules.alarm_active]
temp_max_c = -15.0
delay_minutes = 0
off_delay_minutes = 0
[units.freezer.rules.monitoring_interrupted]
offline_warning_missed_checkins = 999
offline_critical_missed_checkins = 1000
"#;

/// A hub whose syncs are counted, in a folder of its own.
struct Traced {
    bench: Workbench,
    trace: PathBuf,
    _folder: TempDir,
}

/// Syncs so far: of the journal's log, and of anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Syncs {
    log: usize,
    other: usize,
}

impl Traced {
    fn start(devices: &str) -> Traced {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("syncs");
        let mut bench = Workbench::lay_out(folder.path(), &format!("{SITE}{devices}")).unwrap();
        // The tracer is a grandchild (-D): what was started is the hub itself, and the tracer ends with it.
        let calls = "trace=fdatasync,fsync,sync_file_range,rename,renameat,renameat2";
        let strace = ["strace", "-D", "-f", "-y", "-qq", "-e", calls, "-o", trace.to_str().unwrap()];
        bench.hub.observed_by(strace.map(Into::into).to_vec());
        bench.start().unwrap();
        assert!(Traced::read(&trace).log > 0, "a start is durable, so strace must have seen it");
        Traced { bench, trace, _folder: folder }
    }

    /// What strace has written. It writes a call's end before the hub goes on, so whatever the hub has said since
    /// is accounted for. A call that another thread interrupted takes two lines, of which the first names the file.
    fn read(trace: &PathBuf) -> Syncs {
        let text = fs::read_to_string(trace).unwrap();
        let begun = text.lines().filter(|line| line.contains('(') && !line.contains(" resumed>"));
        let (log, other): (Vec<_>, Vec<_>) = begun
            .filter(|line| !line.contains("+++") && !line.contains("---"))
            .partition(|line| line.contains("fdatasync(") && line.contains("journal.db-wal"));
        Syncs { log: log.len(), other: other.len() }
    }

    fn syncs(&self) -> Syncs {
        Traced::read(&self.trace)
    }

    fn counted(&self, name: &str, count: u64) {
        let what = format!("{count} {name}");
        self.bench.wait_status(&what, SOON, |status| counter(status, name) >= count).unwrap();
    }

    fn events(&mut self, kind: &str) -> usize {
        self.bench.hub.stop().unwrap();
        let events = self.bench.hub.events().unwrap();
        events.iter().filter(|event| event["type"] == kind).count()
    }
}

#[test]
fn each_door_change_is_one_commit_and_one_sync_of_the_log() {
    const CHANGES: usize = 40;
    let door = format!(
        "[devices.tag]\nmodel = \"bthome\"\naddress = \"{TAG}\"\npoints = {{ door = \"freezer:door\" }}\n"
    );
    let mut traced = Traced::start(&door);
    // A device's first advertisement takes another way through the bus; the ones counted come after it.
    traced.bench.door(TAG, false).unwrap();
    traced.counted("frames.heard", 1);
    let before = traced.syncs();
    for change in 0..CHANGES {
        traced.bench.door(TAG, change % 2 == 0).unwrap();
    }
    // The count is shown after the commit of the frame that it counts.
    traced.counted("frames.heard", 1 + CHANGES as u64);
    let after = traced.syncs();
    assert_eq!(after, Syncs { log: before.log + CHANGES, ..before });
    assert_eq!(traced.events("door.changed/1"), 1 + CHANGES);
    traced.bench.clear_away().unwrap();
}

#[test]
fn an_alarm_is_two_syncs_and_each_answer_to_it_one_that_comes_before_anyone_hears() {
    const QUIETS: usize = 4;
    let air = format!(
        "[devices.tag]\nmodel = \"bthome\"\naddress = \"{TAG}\"\npoints = {{ air = \"freezer:air\" }}\n"
    );
    let traced = Traced::start(&air);
    let before = traced.syncs();
    traced.bench.temperature(TAG, -500).unwrap();
    let raised = |status: &serde_json::Value| status["alarms"][0]["alert"].is_string();
    let status = traced.bench.wait_status("the alarm", SOON, raised).unwrap();
    let alarmed = traced.syncs();
    // The reading that goes beyond the limit is one commit with what follows from it; the end of the delay, here at
    // once, is another one with the alarm.
    assert_eq!(alarmed, Syncs { log: before.log + 2, ..before });

    let alarm = format!("/alarms/{}", status["alarms"][0]["alert"].as_str().unwrap());
    let browser = traced.bench.hub.browser();
    for quiet in 1..=QUIETS {
        let answer = browser.post(&format!("{alarm}/quiet"), &[]).unwrap();
        assert_eq!(answer.status, 303, "{}", answer.body);
        assert_eq!(traced.syncs(), Syncs { log: alarmed.log + quiet, ..alarmed });
    }
    let fields = [("person", PERSON), ("pin", PIN)];
    let answer = browser.post(&format!("{alarm}/acknowledge"), &fields).unwrap();
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(traced.syncs(), Syncs { log: alarmed.log + QUIETS + 1, ..alarmed });
    traced.bench.clear_away().unwrap();
}

#[test]
fn many_readings_within_five_seconds_are_one_sync() {
    const TAGS: usize = 12;
    const ROUNDS: usize = 8;
    let mac = |tag: usize| format!("A4:C1:38:00:01:{tag:02X}");
    let tags = (0..TAGS).map(|tag| {
        let address = mac(tag);
        format!("[devices.tag{tag}]\nmodel = \"bthome\"\naddress = \"{address}\"\npoints = {{ air = \"freezer:air\" }}\n")
    });
    let mut traced = Traced::start(&tags.collect::<String>());
    let before = traced.syncs();
    let begun = now();
    for round in 0..ROUNDS {
        for tag in 0..TAGS {
            // Half a degree apart, so that every one is recorded, and all of them cold enough.
            traced.bench.temperature(&mac(tag), -1_800 - 50 * round as i16).unwrap();
        }
        // A device's first advertisement is asked for, so the next must not come before the answer.
        traced.counted("frames.heard", ((round + 1) * TAGS) as u64);
    }
    let readings = (TAGS * ROUNDS) as u64;
    traced.counted("readings.recorded", readings);
    // On a machine too slow for one group there are as many more as groups have begun since.
    let groups = 1 + (begun.elapsed().as_secs() / GROUP.as_secs()) as usize;
    let durable = || traced.bench.hub.verified().ok()?["readings_unsealed"].as_u64();
    wait_for("all readings are durable", SOON, || (durable() == Some(readings)).then_some(())).unwrap();
    let after = traced.syncs();
    let cost = after.log - before.log;
    assert!((1..=groups).contains(&cost), "{readings} readings cost {cost} syncs, at most {groups} allowed");
    assert_eq!(after.other, before.other);
    assert_eq!(traced.events("hub.stopped/1"), 1);
    traced.bench.clear_away().unwrap();
}
