//! Golden bytes of events, and what is refused.

use super::*;
use crate::chain::Hash;
use crate::rules::{
    AlertType, Condition, Defrost, EpisodeKey, Provenance, Region, Severity, UnitStatus, Why,
};
use proptest::prelude::*;

fn envelope(seq: u64, kind: &str) -> Envelope {
    Envelope {
        v: 1,
        hub: HubId::from_bytes([0x11; 16]),
        epoch: EpochId::from_bytes([0x22; 16]),
        seq,
        kind: kind.into(),
        at_ms: WallMs(1_764_000_000_123),
        boot: Boot(2),
        boottime_ms: BoottimeMs(60_000),
        rule_ms: RuleMs(1_764_000_000_124),
        trust: Trust::HeldOver,
        actor: None,
        subject: Subject::default(),
    }
}

fn episode() -> EpisodeKey {
    EpisodeKey {
        unit: UnitId::from_bytes([0x33; 16]),
        point: PointId::from_bytes([0x44; 16]),
        condition: Condition::TooWarm,
        since: RuleMs(1_764_000_000_000),
    }
}

fn why() -> Why {
    Why::because("air at -14.20 °C is outside its limit")
        .by("temp_max", -1500, Provenance::Unit)
        .with("delay_ms", 60_000)
}

/// One fact of each type that this version writes.
fn facts() -> Vec<Fact> {
    [facts_of_the_hub(), facts_of_the_site(), facts_from_afar(), facts_of_alerts_and_people()].concat()
}

fn facts_of_alerts_and_people() -> Vec<Fact> {
    let until_ms = RuleMs(1_764_000_900_000);
    let since_ms = RuleMs(1_764_000_060_000);
    vec![
        Fact::AlertUpgraded { episode: episode(), severity: Severity::Critical, since_ms, why: why() },
        Fact::AlertEscalated { episode: episode(), level: 2, since_ms },
        Fact::AlertResolved { episode: episode() },
        Fact::ShelveStarted { until_ms, reason: "the compressor is being changed".into() },
        Fact::ShelveEnded { by: ShelveEnd::Time },
        Fact::ShelveEnded { by: ShelveEnd::Person },
        Fact::ManualLogRecorded {
            temperature_centi_c: Some(-1_830),
            taken_ms: since_ms,
            note: Some("probe between the boxes".into()),
        },
        Fact::ManualLogRecorded { temperature_centi_c: None, taken_ms: since_ms, note: None },
        Fact::DefrostChanged { defrost: Defrost::Running },
        Fact::DefrostChanged { defrost: Defrost::Over },
        Fact::UnitTransition {
            region: Region::Manual,
            from: "due".into(),
            to: "overdue".into(),
            status: UnitStatus::ManualRequired,
            since_ms,
            why: Why::because("no log since 08:00"),
        },
    ]
}

fn facts_from_afar() -> Vec<Fact> {
    let hash = Hash([0xAB; 32]);
    let command = crate::ids::CommandId::from_bytes([0x66; 16]);
    vec![
        Fact::DocumentApplied { hash, version: 7 },
        Fact::ConfigRefused {
            version: Some(8),
            code: RefusalCode::HardLimit,
            reason: "Freezer: a highest temperature of 5.00 °C is beyond -5.00 °C".into(),
            waits: true,
        },
        Fact::ConfigRefused {
            version: None,
            code: RefusalCode::Unsigned,
            reason: "it is not signed".into(),
            waits: false,
        },
        Fact::ConfigRolledBack {
            version: 8,
            to: Some(7),
            hash,
            reason: "the journal does not commit".into(),
        },
        Fact::ConfigRolledBack { version: 1, to: None, hash, reason: "building does not answer".into() },
        Fact::CommandReceived { command, kind: "identify".into() },
        Fact::CommandDone { command, outcome: CommandOutcome::Done, text: "done".into() },
        Fact::SelftestDone {
            passed: false,
            checks: vec![Check { name: "journal".into(), passed: true, text: "committed".into() }],
        },
    ]
}

fn facts_of_the_hub() -> Vec<Fact> {
    let hash = Hash([0xAB; 32]);
    let until_ms = RuleMs(1_764_000_900_000);
    let since_ms = RuleMs(1_764_000_060_000);
    vec![
        Fact::EpochStarted { key: "00ff".into(), software: "0.1.0".into(), old: None },
        Fact::EpochStarted {
            key: "00ff".into(),
            software: "0.1.0".into(),
            old: Some(OldEpoch { epoch: EpochId::from_bytes([9; 16]), seq: 7, hash }),
        },
        Fact::HubStarted {
            boot: 1,
            boot_id: "b".into(),
            version: "0.1.0".into(),
            down_from: None,
            down_known: false,
            clean: false,
            anchor_ms: -5,
        },
        Fact::HubStarted {
            boot: 2,
            boot_id: "b".into(),
            version: "0.1.0".into(),
            down_from: Some(since_ms),
            down_known: true,
            clean: true,
            anchor_ms: 5,
        },
        Fact::HubStopped { reason: "SIGTERM".into() },
        Fact::ClockCorrected {
            from_ms: since_ms,
            to_ms: until_ms,
            offset_ms: 0,
            source: "time service".into(),
            error_ms: 0,
        },
        Fact::ClockUntrusted,
        Fact::ReadingsSealed { first: 1, last: 1024, count: 1024, root: hash },
        Fact::Gap { cause: GapCause::HubDown, from_ms: since_ms, to_ms: until_ms, count: None },
    ]
}

fn facts_of_the_site() -> Vec<Fact> {
    let hash = Hash([0xAB; 32]);
    let until_ms = RuleMs(1_764_000_900_000);
    let since_ms = RuleMs(1_764_000_060_000);
    vec![
        Fact::UnitTransition {
            region: Region::Thermal,
            from: "normal".into(),
            to: "pending".into(),
            status: UnitStatus::Excursion,
            since_ms,
            why: why(),
        },
        Fact::AlertRaised {
            episode: episode(),
            alert_type: AlertType::AlarmActive,
            condition: Condition::TooWarm,
            severity: Severity::Critical,
            since_ms,
            retro: false,
            why: why(),
        },
        Fact::AlertQuieted { episode: episode(), until_ms },
        Fact::AlertAcknowledged { episode: episode(), until_ms },
        Fact::AlertAckExpired { episode: episode(), since_ms },
        Fact::AlertCleared { episode: episode(), since_ms, why: why() },
        Fact::AlertRelapsed { episode: episode(), since_ms, why: why() },
        Fact::DoorChanged { door: crate::reading::Door::Open },
        Fact::DeviceAssigned {
            channel: crate::point::Channel::Air,
            role: crate::point::Role::Air,
            model: "bthome".into(),
            address: "A4:C1:38:00:00:01".into(),
        },
        Fact::DeviceFault { fault: Fault::ProbeMissing },
        Fact::DeviceRecovered,
        Fact::AnnunciatorFailed { output: "building".into(), error: "connection refused".into() },
        Fact::AnnunciatorRecovered { output: "building".into() },
        Fact::ConfigApplied { hash, source: "site.toml".into() },
        Fact::StorageDamaged { what: "not a database".into(), kept_as: "journal.db.damaged-1".into() },
        Fact::HubEnrolled {
            cloud: crate::signature::PublicKey([0xCD; 32]),
            site: crate::ids::SiteId::from_bytes([0x55; 16]),
        },
    ]
}

#[test]
fn every_type_that_is_written_has_its_golden_bytes() {
    let golden = include_str!("../../../../tests/golden/events-v1.jsonl");
    let written: Vec<String> = facts()
        .iter()
        .enumerate()
        .map(|(n, fact)| {
            String::from_utf8(to_bytes(&envelope(n as u64 + 1, fact.kind()), fact).unwrap()).unwrap()
        })
        .collect();
    let golden: Vec<&str> = golden.lines().collect();
    assert_eq!(
        written.len(),
        golden.len(),
        "an event without golden bytes: {:?}",
        &written[golden.len().min(written.len())..]
    );
    for (written, golden) in written.iter().zip(golden) {
        assert_eq!(written, golden);
    }
    for kind in KINDS {
        assert!(facts().iter().any(|fact| fact.kind() == *kind), "{kind} has no golden bytes");
    }
}

#[test]
fn every_event_reads_back_to_what_was_written() {
    for (n, fact) in facts().into_iter().enumerate() {
        let mut envelope = envelope(n as u64 + 1, fact.kind());
        envelope.actor = Some(Actor { kind: ActorKind::Person, id: Some(PersonId::from_bytes([5; 16])) });
        envelope.subject.unit = Some(UnitId::from_bytes([0x33; 16]));
        let event = Event::from_bytes(&to_bytes(&envelope, &fact).unwrap()).unwrap();
        assert_eq!(event, Event { envelope, said: Said::Known(fact) });
    }
}

#[test]
fn an_event_of_an_unknown_type_is_kept_with_its_data() {
    let bytes =
        String::from_utf8(to_bytes(&envelope(1, "clock.untrusted/1"), &Fact::ClockUntrusted).unwrap())
            .unwrap();
    let later = bytes
        .replace("clock.untrusted/1", "compressor.tired/3")
        .replace("\"data\":{}", "\"data\":{\"hours\":9}");
    let event = Event::from_bytes(later.as_bytes()).unwrap();
    assert_eq!(event.said, Said::Unknown(serde_json::json!({"hours": 9})));
}

#[test]
fn nulls_fractions_big_numbers_and_other_spellings_are_refused() {
    let bytes =
        String::from_utf8(to_bytes(&envelope(1, "clock.untrusted/1"), &Fact::ClockUntrusted).unwrap())
            .unwrap();
    for (from, to) in [
        ("\"data\":{}", "\"data\":{\"a\":null}"),
        ("\"data\":{}", "\"data\":{\"a\":1.5}"),
        ("\"data\":{}", "\"data\":{\"a\":9007199254740992}"),
        ("\"data\":{}", "\"data\":{\"é\":1}"),
        ("\"data\":{}", "\"data\": {}"),
        ("{\"at_ms\"", "{\"zz\":1,\"at_ms\""),
        ("\"hub\":\"1", "\"hub\":\"x"),
    ] {
        let changed = bytes.replace(from, to);
        assert_ne!(changed, bytes);
        assert!(Event::from_bytes(changed.as_bytes()).is_err(), "{changed} was taken");
    }
    assert!(Event::from_bytes(b"").is_err());
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Event::from_bytes(&bytes);
    }

    #[test]
    fn any_text_in_an_event_survives_its_bytes(text in ".{0,60}") {
        let fact = Fact::HubStopped { reason: text };
        let bytes = to_bytes(&envelope(1, fact.kind()), &fact).unwrap();
        let event = Event::from_bytes(&bytes).unwrap();
        prop_assert_eq!(event.fact(), Some(&fact));
    }
}
