//! A hub's watch in a world of the test's own: a folder, a site, clocks that the test sets, and frames as bytes.
//!
//! The journal is a real file; a "power cut" drops the watch without a word. Nothing here reads a clock.

use frostguard_edge::annunciators::Desired;
use frostguard_edge::identity::Identity;
use frostguard_edge::site::Site;
use frostguard_edge::sources::{Address, Frame, Heard, Payload, Section};
use frostguard_edge::store;
use frostguard_edge::watch::{View, Watch};
use frostguard_shared::axis::Measured;
use frostguard_shared::event::{Event, Fact};
use frostguard_shared::ids::PersonId;
use frostguard_shared::rules::UnitStatus;
use frostguard_shared::time::{BoottimeMs, ClockSample, DurationMs, Trust, WallMs};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// Some moment after any build of this program.
pub const T0: i64 = 1_900_000_000_000;
pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60_000;
pub const DAY: i64 = 86_400_000;

const SITE: &str = r#"[site]
name = "Test"
zone = "Europe/Berlin"
[people.maria]
name = "Maria"
pin_hash = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$Zm9vYmFyYmF6cXV4MTIzNA"
[units.freezer]
name = "Freezer"
type = "freezer"
[units.freezer.rules.alarm_active]
temp_max_c = -15.0
temp_min_c = -30.0
delay_minutes = 5
off_delay_minutes = 0
severity = "critical"
[units.fridge]
name = "Fridge"
type = "fridge"
[units.fridge.rules.alarm_active]
temp_max_c = 8.0
delay_minutes = 5
off_delay_minutes = 0
[units.fridge.rules.monitoring_interrupted]
offline_warning_missed_checkins = 999
offline_critical_missed_checkins = 1000
[devices.tag]
model = "bthome"
address = "A4:C1:38:00:00:01"
points = { air = "freezer:air", door = "freezer:door" }
[devices.lht]
model = "dragino-lht65"
address = "a84041ffff123456"
points = { air = "fridge:air" }
[outputs.log]
kind = "log"
"#;

pub struct World {
    pub folder: TempDir,
    pub watch: Option<Watch>,
    pub clock: ClockSample,
    pub boot_id: String,
}

impl World {
    /// A hub that starts for the first time, at `T0`, with a trusted clock.
    pub fn new() -> Self {
        Self::at(ClockSample { wall: WallMs(T0), boottime: BoottimeMs(20_000), trust: Trust::Synced })
    }

    /// A hub that starts for the first time when its clocks say this.
    pub fn at(clock: ClockSample) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("site.toml"), SITE).unwrap();
        let mut world = Self { folder, watch: None, clock, boot_id: "boot-1".into() };
        world.start();
        world
    }

    pub fn start(&mut self) {
        let mut identity = Identity::open(self.folder.path(), self.clock).unwrap();
        let site = Site::load(&self.folder.path().join("site.toml"), &mut identity, self.clock).unwrap();
        identity.save().unwrap();
        let group = DurationMs::seconds(5);
        let watch =
            Watch::start(self.folder.path(), Arc::new(site), identity, &self.boot_id, group, self.clock)
                .unwrap();
        self.watch = Some(watch);
    }

    pub fn change_site(&mut self, from: &str, to: &str) {
        let path = self.folder.path().join("site.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        std::fs::write(&path, text.replace(from, to)).unwrap();
    }

    pub fn watch(&mut self) -> &mut Watch {
        self.watch.as_mut().unwrap()
    }

    /// The process dies without a word.
    pub fn killed(&mut self) {
        self.watch = None;
    }

    pub fn stopped(&mut self) {
        let now = self.clock;
        self.watch().stop("test", now).unwrap();
        self.watch = None;
    }

    /// Both clocks go on.
    pub fn pass(&mut self, ms: i64) {
        self.clock.wall = WallMs(self.clock.wall.0 + ms);
        self.clock.boottime = BoottimeMs(self.clock.boottime.0 + ms as u64);
    }

    /// The machine starts again, with this wall clock and trust.
    pub fn reboot(&mut self, boot_id: &str, wall: i64, trust: Trust) {
        self.watch = None;
        self.boot_id = boot_id.into();
        self.clock = ClockSample { wall: WallMs(wall), boottime: BoottimeMs(4_000), trust };
        self.start();
    }

    pub fn tick(&mut self) {
        let now = self.clock;
        self.watch().tick(now).unwrap();
    }

    /// Ticks once a second for so long.
    pub fn run(&mut self, ms: i64) {
        let mut left = ms;
        while left > 0 {
            let part = left.min(SECOND);
            self.pass(part);
            self.tick();
            left -= part;
        }
    }

    pub fn hear(&mut self, heard: Heard) {
        let now = self.clock;
        self.watch().hear(heard, now).unwrap();
    }

    pub fn advert(&mut self, hex: &str) {
        let (section, bytes) = (Section::Service(0xFCD2), hex::decode(hex).unwrap());
        self.frame("A4:C1:38:00:00:01", Measured::Now, Payload::Advert { section, bytes });
    }

    pub fn frame(&mut self, address: &str, measured: Measured, payload: Payload) {
        let address = Address::mac(address).or_else(|_| Address::eui(address)).unwrap();
        self.hear(Heard::Frame(Frame { address, signal: None, measured, payload }));
    }

    /// The freezer's tag says so many hundredths of a degree.
    pub fn freezer(&mut self, hundredths: i16) {
        let [low, high] = hundredths.to_le_bytes();
        self.advert(&format!("4002{low:02x}{high:02x}"));
    }

    /// One value a minute of the freezer's tag.
    pub fn freezer_for(&mut self, minutes: i64, hundredths: i16) {
        for _ in 0..minutes {
            self.run(MINUTE);
            self.freezer(hundredths);
        }
    }

    pub fn uplink(&mut self, measured: Measured, bytes: Vec<u8>) {
        self.frame("a84041ffff123456", measured, Payload::Uplink { port: 2, bytes });
    }

    pub fn fridge(&mut self, measured: Measured, hundredths: i16) {
        let [high, low] = hundredths.to_be_bytes();
        self.uplink(measured, vec![0xCB, 0xF6, high, low, 0x02, 0x00, 0x00, 0x7F, 0xFF, 0x7F, 0xFF]);
    }

    /// A log reply of the fridge's sensor: wall times in seconds and values.
    pub fn fridge_log(&mut self, entries: &[(i64, i16)]) {
        let mut bytes = Vec::new();
        for (at_ms, hundredths) in entries {
            bytes.extend([0x7F, 0xFF]);
            bytes.extend(hundredths.to_be_bytes());
            bytes.extend([0x02, 0x00, 0x40]);
            bytes.extend(u32::try_from(at_ms / SECOND).unwrap().to_be_bytes());
        }
        self.uplink(Measured::Now, bytes);
    }

    pub fn view(&self) -> View {
        self.watch.as_ref().unwrap().view()
    }

    pub fn desired(&self) -> Desired {
        self.watch.as_ref().unwrap().desired()
    }

    /// What outputs would be shown after a start, without what that start records staying in memory.
    pub fn desired_after_start(&mut self) -> Desired {
        self.start();
        let desired = self.desired();
        self.stopped();
        desired
    }

    /// A person of the site document.
    pub fn person(&self, key: &str) -> PersonId {
        let mut identity = Identity::open(self.folder.path(), self.clock).unwrap();
        identity.person(key, self.clock).unwrap()
    }

    pub fn status(&self, unit: &str) -> UnitStatus {
        self.view().units.iter().find(|view| view.key == unit).unwrap().status
    }

    pub fn counter(&self, name: &str) -> u64 {
        self.view().counters.get(name).copied().unwrap_or(0)
    }

    pub fn journal(&self) -> PathBuf {
        self.folder.path().join(store::FILE)
    }

    pub fn sql(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.journal()).unwrap()
    }

    /// Every durable event.
    pub fn events(&self) -> Vec<Event> {
        let sql = self.sql();
        let mut select = sql.prepare("SELECT bytes FROM events ORDER BY seq").unwrap();
        let rows = select.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        rows.map(|bytes| Event::from_bytes(&bytes.unwrap()).unwrap()).collect()
    }

    pub fn facts(&self) -> Vec<Fact> {
        self.events().iter().filter_map(|event| event.fact().cloned()).collect()
    }

    pub fn count_of(&self, kind: &str) -> usize {
        self.events().iter().filter(|event| event.envelope.kind == kind).count()
    }

    /// Every durable reading: rule time, age, hundredths.
    pub fn readings(&self) -> Vec<(i64, i64, i64)> {
        let sql = self.sql();
        let mut select =
            sql.prepare("SELECT rule_ms, age_ms, temperature FROM readings ORDER BY seq").unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    pub fn verifies(&self) -> Result<frostguard_shared::verify::Verdict, store::inspect::VerifyError> {
        store::inspect::verify(&self.journal())
    }
}

/// The age of a late reading of the journal, for telling live from late.
pub fn is_late(reading: &(i64, i64, i64)) -> bool {
    reading.1 > 0
}
