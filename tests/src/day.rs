//! Owns a day of a hub in this process: its own watch over its own journal, with clocks and frames that the test makes.
//! Takes a first moment; gives the journal of a day in which most of what can happen happens.
//! Must never fold or judge anything by itself: what the day means is for whoever reads the journal.

use std::path::PathBuf;
use std::sync::Arc;

use frostguard_edge::identity::Identity;
use frostguard_edge::site::Site;
use frostguard_edge::sources::{Address, Frame, Heard, Payload, Section};
use frostguard_edge::store;
use frostguard_edge::watch::{Deed, Watch};
use frostguard_shared::axis::Measured;
use frostguard_shared::ids::{AlertId, PersonId, UnitId};
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::time::{BoottimeMs, ClockSample, DurationMs, Trust, WallMs};
use tempfile::TempDir;

use crate::error::SiteError;

/// A minute.
const MINUTE: i64 = 60_000;
/// How long the day is, in minutes.
const LENGTH: i64 = 24 * 60;
/// Log entries in one uplink.
const ENTRIES: usize = 8;

const SITE: &str = r#"[site]
name = "One day"
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
excursion_confirm_minutes_door_open = 15
[units.fridge]
name = "Fridge"
type = "fridge"
[units.fridge.rules.alarm_active]
temp_max_c = 8.0
delay_minutes = 5
[devices.tag]
model = "bthome"
address = "A4:C1:38:00:00:01"
points = { air = "freezer:air", door = "freezer:door" }
[devices.lht]
model = "dragino-lht65"
address = "a84041ffff123456"
points = { air = "fridge:air" }
"#;

/// A hub's day.
pub struct Day {
    folder: TempDir,
    site: Arc<Site>,
    watch: Option<Watch>,
    clock: ClockSample,
    boot: &'static str,
    began: i64,
}

fn unexpected(what: &'static str) -> impl Fn(&dyn std::fmt::Display) -> SiteError {
    move |fault| SiteError::Unexpected(format!("{what}: {fault}"))
}

impl Day {
    /// Lives a whole day that begins then; the hub is stopped at its end.
    ///
    /// # Errors
    /// When the hub does not start, or does not go on.
    pub fn lived(began: WallMs) -> Result<Self, SiteError> {
        let folder = tempfile::tempdir().map_err(SiteError::io("make a folder"))?;
        std::fs::write(folder.path().join("site.toml"), SITE).map_err(SiteError::io("write a site"))?;
        let clock = ClockSample { wall: began, boottime: BoottimeMs(20_000), trust: Trust::Synced };
        let site = Arc::new(loaded(folder.path().to_path_buf(), clock)?);
        let mut day = Self { folder, site, watch: None, clock, boot: "boot-1", began: began.0 };
        day.start()?;
        for minute in 0..LENGTH {
            day.clock.wall = WallMs(day.clock.wall.0 + MINUTE);
            day.clock.boottime = BoottimeMs(day.clock.boottime.0 + MINUTE as u64);
            day.minute(minute)?;
        }
        let now = day.clock;
        day.watch()?.stop("the day is over", now).map_err(|fault| unexpected("stop")(&fault))?;
        day.watch = None;
        Ok(day)
    }

    /// The journal's file.
    pub fn journal(&self) -> PathBuf {
        self.folder.path().join(store::FILE)
    }

    /// The site as the hub has resolved it.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Who the hub is.
    ///
    /// # Errors
    /// When its identity cannot be read.
    pub fn identity(&self) -> Result<Identity, SiteError> {
        Identity::open(self.folder.path(), self.clock).map_err(|fault| unexpected("identity")(&fault))
    }

    fn watch(&mut self) -> Result<&mut Watch, SiteError> {
        self.watch.as_mut().ok_or_else(|| SiteError::Unexpected("the hub does not run".into()))
    }

    fn start(&mut self) -> Result<(), SiteError> {
        let (folder, group) = (self.folder.path(), DurationMs::seconds(5));
        let watch =
            Watch::start(folder, Arc::clone(&self.site), self.identity()?, self.boot, group, self.clock);
        self.watch = Some(watch.map_err(|fault| unexpected("start")(&fault))?);
        Ok(())
    }

    /// What happens in a minute of the day.
    fn minute(&mut self, minute: i64) -> Result<(), SiteError> {
        match minute {
            // The process dies and is back in a moment; later the machine is off for a quarter of an hour, and comes back
            // without knowing the time.
            800 => {
                self.watch = None;
                self.start()?;
            }
            1_000 => {
                self.watch = None;
                return Ok(());
            }
            1_001..1_015 => return Ok(()),
            1_015 => {
                self.boot = "boot-2";
                self.clock.boottime = BoottimeMs(9_000);
                self.clock.trust = Trust::Untrusted;
                self.start()?;
            }
            1_018 => self.clock.trust = Trust::Synced,
            _ => {}
        }
        self.freezer(minute)?;
        self.fridge(minute)?;
        self.people(minute)?;
        let now = self.clock;
        self.watch()?.tick(now).map_err(|fault| unexpected("tick")(&fault))
    }

    /// The freezer: warm for a while, loaded with its door open, warm for more than an hour.
    fn freezer(&mut self, minute: i64) -> Result<(), SiteError> {
        let warm = matches!(minute, 100..112 | 300..308 | 405..440 | 1_100..1_175);
        let hundredths = if warm { -1_400 - (minute % 7) as i16 } else { -1_800 + (minute % 11) as i16 };
        let [low, high] = hundredths.to_le_bytes();
        let door = match minute {
            300 => "2d01",
            306 => "2d00",
            _ => "",
        };
        let bytes = hex::decode(format!("4002{low:02x}{high:02x}{door}"));
        let bytes = bytes.map_err(|fault| unexpected("advert")(&fault))?;
        let section = Section::Service(0xFCD2);
        self.hear("A4:C1:38:00:00:01", Payload::Advert { section, bytes })
    }

    /// The fridge: silent for a while, of which it tells later that it had been warm in it.
    fn fridge(&mut self, minute: i64) -> Result<(), SiteError> {
        if (600..720).contains(&minute) {
            return Ok(());
        }
        let [high, low] = (400 + (minute % 5) as i16 * 10).to_be_bytes();
        let bytes = vec![0xCB, 0xF6, high, low, 0x02, 0x00, 0x00, 0x7F, 0xFF, 0x7F, 0xFF];
        self.hear("a84041ffff123456", Payload::Uplink { port: 2, bytes })?;
        if minute != 725 {
            return Ok(());
        }
        let entries: Vec<i64> = (605..720).collect();
        for part in entries.chunks(ENTRIES) {
            let mut bytes = Vec::new();
            for minute in part {
                let value: i16 = if (630..660).contains(minute) { 1_000 } else { 420 };
                let at = (self.began + (minute + 1) * MINUTE) / 1_000;
                let at = u32::try_from(at).map_err(|fault| unexpected("time")(&fault))?;
                bytes.extend([0x7F, 0xFF]);
                bytes.extend(value.to_be_bytes());
                bytes.extend([0x02, 0x00, 0x40]);
                bytes.extend(at.to_be_bytes());
            }
            self.hear("a84041ffff123456", Payload::Uplink { port: 2, bytes })?;
        }
        Ok(())
    }

    /// Maria: acknowledges, quiets, silences, logs by hand, is done with what is over.
    fn people(&mut self, minute: i64) -> Result<(), SiteError> {
        let unit = |key: &str| {
            let unit = self.site.units.iter().find(|unit| unit.key == key).map(|unit| unit.id);
            unit.unwrap_or(UnitId::from_bytes([0; 16]))
        };
        let (freezer, fridge) = (unit("freezer"), unit("fridge"));
        let first = self.watch()?.view().alarms.first().map(|view| view.alarm.alert);
        let note = String::new();
        match (minute, first) {
            (108, Some(alert)) => self.quiet(alert),
            (110, Some(alert)) => self.act(Deed::Acknowledge(alert)),
            (400, _) => {
                let (length, reason) = (DurationMs::minutes(30), "loading".to_owned());
                self.act(Deed::Shelve { unit: freezer, length, reason })
            }
            (455, Some(alert)) => self.act(Deed::Resolve(alert)),
            (650, _) => {
                let temperature = CentiCelsius::literal(520);
                self.act(Deed::Log { unit: fridge, temperature, note })
            }
            (900, _) => {
                let temperature = CentiCelsius::literal(1_150);
                self.act(Deed::Log { unit: fridge, temperature, note })
            }
            (910, _) => {
                let temperature = CentiCelsius::literal(450);
                self.act(Deed::Log { unit: fridge, temperature, note })
            }
            _ => Ok(()),
        }
    }

    fn quiet(&mut self, alert: AlertId) -> Result<(), SiteError> {
        let now = self.clock;
        let done = self.watch()?.quiet(alert, now).map_err(|fault| unexpected("quiet")(&fault))?;
        done.map_err(|refused| unexpected("quiet")(&refused))
    }

    fn act(&mut self, deed: Deed) -> Result<(), SiteError> {
        let maria = self.site.people.first().map_or(PersonId::from_bytes([0; 16]), |person| person.id);
        let now = self.clock;
        let done = self.watch()?.act(&deed, maria, now).map_err(|fault| unexpected("a deed")(&fault))?;
        done.map_err(|refused| unexpected("a deed")(&refused))
    }

    fn hear(&mut self, address: &str, payload: Payload) -> Result<(), SiteError> {
        let address = Address::mac(address).or_else(|_| Address::eui(address));
        let address = address.map_err(|fault| unexpected("address")(&fault))?;
        let frame = Frame { address, signal: None, measured: Measured::Now, payload };
        let now = self.clock;
        self.watch()?.hear(Heard::Frame(frame), now).map_err(|fault| unexpected("hear")(&fault))
    }
}

fn loaded(folder: PathBuf, clock: ClockSample) -> Result<Site, SiteError> {
    let mut identity = Identity::open(&folder, clock).map_err(|fault| unexpected("identity")(&fault))?;
    let site = Site::load(&folder.join("site.toml"), &mut identity, clock)
        .map_err(|fault| unexpected("site")(&fault))?;
    identity.save().map_err(|fault| unexpected("identity")(&fault))?;
    Ok(site)
}
