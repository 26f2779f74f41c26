//! Owns a hub's record made by hand: events, readings, seals and checkpoints as a hub would write them, in memory.
//! Takes what should have happened; gives batches on the wire, whole or deliberately wrong.
//! Must never share code with the hub but the frozen forms.

use frostguard_shared::alarm::{AlertType, Condition, Severity};
use frostguard_shared::chain::{Hash, SEAL_MAX, genesis, leaf, link, root};
use frostguard_shared::checkpoint::Checkpoint;
use frostguard_shared::event::{Actor, ActorKind, Envelope, Fact, Subject, to_bytes};
use frostguard_shared::ids::{AlertId, DeviceId, EpochId, HubId, PersonId, PointId, UnitId};
use frostguard_shared::point::{Channel, Role};
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::reading::{Quality, READING_BYTES, Reading};
use frostguard_shared::rules::{EpisodeKey, Why};
use frostguard_shared::signature::SecretKey;
use frostguard_shared::time::{Boot, BoottimeMs, RuleMs, Trust, WallMs};
use frostguard_shared::tree::Frontier;
use frostguard_shared::wire::Head;
use frostguard_shared::wire::record::{EventItem, Events, Readings};

/// A point of the recorder's world.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// The unit it measures.
    pub unit: UnitId,
    /// Its device.
    pub device: DeviceId,
    /// The point.
    pub point: PointId,
}

/// A hub's record in memory.
pub struct Recorder {
    /// The hub.
    pub hub: HubId,
    /// The epoch.
    pub epoch: EpochId,
    key: SecretKey,
    /// The next record's time, wall and rule alike; it may be set.
    pub now_ms: i64,
    events: Vec<Vec<u8>>,
    hashes: Vec<Hash>,
    readings: Vec<[u8; READING_BYTES]>,
    sealed_to: usize,
    trust: Trust,
}

impl Recorder {
    /// A record that begins at a time: `epoch.started` and `hub.started` by a trusted clock.
    pub fn begin(hub: HubId, epoch: EpochId, key: SecretKey, now_ms: i64) -> Self {
        Self::begin_as(hub, epoch, key, now_ms, Trust::Synced)
    }

    /// The same by a clock that nobody vouches for.
    pub fn begin_untrusted(hub: HubId, epoch: EpochId, key: SecretKey, now_ms: i64) -> Self {
        Self::begin_as(hub, epoch, key, now_ms, Trust::Untrusted)
    }

    fn begin_as(hub: HubId, epoch: EpochId, key: SecretKey, now_ms: i64, trust: Trust) -> Self {
        let (events, hashes, readings) = (Vec::new(), Vec::new(), Vec::new());
        let mut recorder = Self { hub, epoch, key, now_ms, events, hashes, readings, sealed_to: 0, trust };
        let key = recorder.key.public().to_string();
        recorder.event(Fact::EpochStarted { key, software: "test".into(), old: None }, Subject::default());
        recorder.event(
            Fact::HubStarted {
                boot: 1,
                boot_id: "boot".into(),
                version: "test".into(),
                down_from: None,
                down_known: true,
                clean: true,
                anchor_ms: 0,
            },
            Subject::default(),
        );
        recorder
    }

    /// Appends an event; gives its number.
    pub fn event(&mut self, fact: Fact, subject: Subject) -> u64 {
        self.event_by(fact, subject, None)
    }

    /// Appends an event of somebody's; gives its number.
    pub fn event_by(&mut self, fact: Fact, subject: Subject, actor: Option<Actor>) -> u64 {
        self.now_ms += 1;
        let seq = self.events.len() as u64 + 1;
        let envelope = Envelope {
            v: 1,
            hub: self.hub,
            epoch: self.epoch,
            seq,
            kind: fact.kind().into(),
            at_ms: WallMs(self.now_ms),
            boot: Boot(1),
            boottime_ms: BoottimeMs(self.now_ms as u64),
            rule_ms: RuleMs(self.now_ms),
            trust: self.trust,
            actor,
            subject,
        };
        // The recorder writes only facts that have a canonical form.
        let bytes = to_bytes(&envelope, &fact).unwrap_or_default();
        self.raw_event(bytes)
    }

    /// Appends bytes as they are, whatever they say; gives their number.
    pub fn raw_event(&mut self, bytes: Vec<u8>) -> u64 {
        self.hashes.push(link(self.hash_at(self.events.len() as u64), &bytes));
        self.events.push(bytes);
        self.events.len() as u64
    }

    /// Assigns a probe as air.
    pub fn assign(&mut self, probe: &Probe) -> u64 {
        let subject = Subject {
            unit: Some(probe.unit),
            device: Some(probe.device),
            point: Some(probe.point),
            alert: None,
        };
        let address = probe.device.to_string().replace('-', "");
        let fact =
            Fact::DeviceAssigned { channel: Channel::Air, role: Role::Air, model: "test".into(), address };
        self.event(fact, subject)
    }

    /// Appends a believable reading.
    pub fn read(&mut self, probe: &Probe, hundredths: i32) -> u64 {
        self.now_ms += 1;
        self.read_at(probe, hundredths, self.now_ms)
    }

    /// Appends a reading of a rule time.
    pub fn read_at(&mut self, probe: &Probe, hundredths: i32, rule_ms: i64) -> u64 {
        let seq = self.readings.len() as u64 + 1;
        let reading = Reading {
            seq,
            at: WallMs(self.now_ms),
            boot: Boot(1),
            boottime: BoottimeMs(self.now_ms as u64),
            rule: RuleMs(rule_ms),
            age_ms: 0,
            trust: self.trust,
            point: probe.point,
            temperature: CentiCelsius::literal(hundredths),
            humidity: None,
            battery_percent: None,
            battery: None,
            signal: None,
            door: None,
            quality: Quality::Valid,
        };
        self.raw_reading(reading.to_bytes())
    }

    /// Appends 80 bytes as they are; gives their number.
    pub fn raw_reading(&mut self, bytes: [u8; READING_BYTES]) -> u64 {
        self.readings.push(bytes);
        self.readings.len() as u64
    }

    /// Seals what is not sealed, in ranges as long as they may be.
    pub fn seal(&mut self) {
        while self.sealed_to < self.readings.len() {
            let end = self.readings.len().min(self.sealed_to + SEAL_MAX);
            let leaves: Vec<Hash> = self.readings[self.sealed_to..end].iter().map(|row| leaf(row)).collect();
            let (first, last) = (self.sealed_to as u64 + 1, end as u64);
            self.sealed_to = end;
            let fact = Fact::ReadingsSealed { first, last, count: leaves.len() as u64, root: root(&leaves) };
            self.event(fact, Subject::default());
        }
    }

    /// Raises an alert on a probe's unit.
    pub fn raise(&mut self, probe: &Probe, alert: AlertId) -> (u64, EpisodeKey) {
        let since = RuleMs(self.now_ms);
        let episode =
            EpisodeKey { unit: probe.unit, point: probe.point, condition: Condition::TooWarm, since };
        let fact = Fact::AlertRaised {
            episode,
            alert_type: AlertType::AlarmActive,
            condition: Condition::TooWarm,
            severity: Severity::Critical,
            since_ms: since,
            retro: false,
            why: Why::because("too warm for too long"),
        };
        (self.event(fact, subject_of(probe, alert)), episode)
    }

    /// The clock is corrected: the axis moves from one place to another, where it is the wall's.
    pub fn correct(&mut self, from_ms: i64, to_ms: i64) -> u64 {
        self.now_ms = from_ms - 1;
        self.trust = Trust::Synced;
        let fact = Fact::ClockCorrected {
            from_ms: RuleMs(from_ms),
            to_ms: RuleMs(to_ms),
            offset_ms: 0,
            source: "test".into(),
            error_ms: 0,
        };
        let seq = self.event(fact, Subject::default());
        self.now_ms = to_ms;
        seq
    }

    /// A person acknowledges it.
    pub fn acknowledge(&mut self, probe: &Probe, alert: AlertId, episode: EpisodeKey, by: PersonId) -> u64 {
        let fact = Fact::AlertAcknowledged { episode, until_ms: RuleMs(self.now_ms + 900_000) };
        let actor = Actor { kind: ActorKind::Person, id: Some(by) };
        self.event_by(fact, subject_of(probe, alert), Some(actor))
    }

    /// Its condition ends.
    pub fn clear(&mut self, probe: &Probe, alert: AlertId, episode: EpisodeKey) -> u64 {
        let fact =
            Fact::AlertCleared { episode, since_ms: RuleMs(self.now_ms), why: Why::because("in range") };
        self.event(fact, subject_of(probe, alert))
    }

    /// How many events there are.
    pub fn events(&self) -> u64 {
        self.events.len() as u64
    }
    /// How many readings there are.
    pub fn readings(&self) -> u64 {
        self.readings.len() as u64
    }
    /// The bytes of a reading.
    pub fn reading(&self, seq: u64) -> &[u8; READING_BYTES] {
        &self.readings[seq as usize - 1]
    }
    /// The bytes of an event.
    pub fn event_bytes(&self, seq: u64) -> &[u8] {
        &self.events[seq as usize - 1]
    }

    /// The hash at a number; at 0 the genesis hash.
    pub fn hash_at(&self, seq: u64) -> Hash {
        match seq.checked_sub(1) {
            None => genesis(self.hub, self.epoch),
            Some(at) => self.hashes[at as usize],
        }
    }

    /// The head of the events.
    pub fn head(&self) -> Head {
        Head { seq: self.events(), hash: Some(self.hash_at(self.events())) }
    }

    /// The signed checkpoint at a size.
    pub fn checkpoint(&self, size: u64) -> String {
        let mut tree = Frontier::default();
        self.hashes[..size as usize].iter().for_each(|hash| tree.push_event(*hash));
        Checkpoint { size, root: tree.root() }.sign(self.hub, self.epoch, &self.key)
    }

    /// The events from one number to another.
    pub fn events_batch(&self, first: u64, last: u64) -> Events {
        let items = (first..=last).map(|seq| EventItem::of(self.event_bytes(seq).to_vec())).collect();
        let previous = self.hash_at(first - 1);
        Events { epoch: self.epoch, first, previous, items, checkpoint: self.checkpoint(last) }
    }

    /// The readings from one number to another, made under all events so far.
    pub fn readings_batch(&self, first: u64, last: u64) -> Readings {
        let rows = self.readings[first as usize - 1..last as usize].concat();
        Readings { epoch: self.epoch, first, rows: rows.into(), gaps: Vec::new(), under: self.head() }
    }

    /// A copy of the record up to some events and readings, as a restored backup would be.
    pub fn restored(&self, events: u64, readings: u64) -> Self {
        Self {
            hub: self.hub,
            epoch: self.epoch,
            key: self.key.clone(),
            now_ms: self.now_ms,
            events: self.events[..events as usize].to_vec(),
            hashes: self.hashes[..events as usize].to_vec(),
            readings: self.readings[..readings as usize].to_vec(),
            sealed_to: self.sealed_to.min(readings as usize),
            trust: self.trust,
        }
    }
}

fn subject_of(probe: &Probe, alert: AlertId) -> Subject {
    Subject {
        unit: Some(probe.unit),
        device: Some(probe.device),
        point: Some(probe.point),
        alert: Some(alert),
    }
}
