//! Owns the backlogs that the cloud's figures are measured with: the same readings as rows for COPY, as rows for the
//! store, and as bodies for HTTP.
//! Takes how many; gives all three, made before anything is measured.
//! Must never be the thing measured.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use frostguard_cloud::ingest::place::Placed;
use frostguard_cloud::store::doors::SecretHash;
use frostguard_shared::ids::{DeviceId, EpochId, HubId, OrganizationId, PointId, UnitId};
use frostguard_shared::point::Role;
use frostguard_shared::reading::Reading;
use frostguard_shared::signature::SecretKey;
use frostguard_shared::time::WallMs;
use frostguard_shared::wire::{RECORDS_MAX, to_bytes};
use frostguard_tests::cloud::database::Database;
use frostguard_tests::cloud::recorder::{Probe, Recorder};
use frostguard_tests::error::SiteError;

/// 2026-11-01T00:00:00Z; the backlog stays within that month.
const BEGAN_MS: i64 = 1_793_491_200_000;
/// Units of a hub, each with one probe.
const UNITS: usize = 20;
/// How far apart the readings of one probe are.
const SLOT_MS: i64 = 60_000;

/// One hub's backlog.
pub struct Backlog {
    number: u8,
    /// Its token.
    pub token: [u8; 32],
    /// Its record.
    pub recorder: Recorder,
    probes: Vec<Probe>,
}

fn id(number: u8, kind: u8, n: usize) -> [u8; 16] {
    [number, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 1, kind, n as u8]
}

impl Backlog {
    /// So many readings of hub `number`, with an air temperature each minute from each of its probes, all sealed.
    pub fn of(number: u8, readings: usize) -> Self {
        let probe = |n| Probe {
            unit: UnitId::from_bytes(id(number, 3, n)),
            device: DeviceId::from_bytes(id(number, 4, n)),
            point: PointId::from_bytes(id(number, 5, n)),
        };
        let probes: Vec<Probe> = (1..=UNITS).map(probe).collect();
        let (hub, epoch) = (HubId::from_bytes(id(number, 2, 1)), EpochId::from_bytes(id(number, 6, 1)));
        let mut recorder = Recorder::begin(hub, epoch, SecretKey::from_seed(&[number; 32]), BEGAN_MS);
        probes.iter().for_each(|probe| {
            recorder.assign(probe);
        });
        for n in 0..readings {
            let minute = (n / UNITS) as i64 * SLOT_MS;
            recorder.read_at(&probes[n % UNITS], -1_900 + (n % 97) as i32, BEGAN_MS + SLOT_MS + minute);
        }
        recorder.seal();
        Self { number, token: [number; 32], recorder, probes }
    }

    /// Whose it is.
    pub fn organization_id(&self) -> OrganizationId {
        OrganizationId::from_bytes(id(self.number, 1, 1))
    }

    fn organization(&self) -> String {
        self.organization_id().to_string()
    }

    /// Makes its organization, site, units, hub and session.
    pub fn move_in(&self, database: &Database) -> Result<(), SiteError> {
        let text = |n| PointId::from_bytes(id(self.number, 1, n)).to_string();
        let (org, site, area) = (self.organization(), text(2), text(3));
        let mut units = String::new();
        for probe in &self.probes {
            let _ = write!(units, "('{}', '{org}', '{area}', 'Unit', 'freezer'),", probe.unit);
        }
        let key = SecretKey::from_seed(&[self.number; 32]).public();
        let token = hex::encode(SecretHash::of(&self.token).0);
        database.psql(&format!(
            "INSERT INTO organizations (id, name, slug) VALUES ('{org}', 'Org', 'org-{n}');
             INSERT INTO sites (id, organization_id, name) VALUES ('{site}', '{org}', 'Site');
             INSERT INTO areas (id, organization_id, site_id, name) VALUES ('{area}', '{org}', '{site}', 'Main');
             INSERT INTO units (id, organization_id, area_id, name, unit_type) VALUES {units};
             INSERT INTO alert_rules (id, organization_id, unit_id, name, temp_max)
                 SELECT gen_random_uuid(), organization_id, id, 'Limits', -1500 FROM units WHERE organization_id = '{org}';
             INSERT INTO hubs (id, organization_id, site_id, name, public_key) VALUES ('{hub}', '{org}', '{site}', 'Hub', '\\x{key}');
             INSERT INTO hub_sessions (token_hash, organization_id, hub_id, epoch, expires_at)
                 VALUES ('\\x{token}', '{org}', '{hub}', '{epoch}', now() + interval '1 day')",
            n = self.number,
            units = units.trim_end_matches(','),
            hub = self.recorder.hub,
            epoch = self.recorder.epoch,
        ))?;
        Ok(())
    }

    /// Its readings as the store takes them.
    pub fn placed(&self) -> Vec<Placed> {
        let each = (1..=self.recorder.readings()).filter_map(|seq| {
            let reading = Reading::from_bytes(self.recorder.reading(seq)).ok()?;
            let at = self.probes.iter().position(|probe| probe.point == reading.point)?;
            Some(Placed {
                reading,
                point: at as i32 + 1,
                device: self.probes[at].device,
                unit: self.probes[at].unit,
                role: Role::Air,
                recorded: WallMs(reading.rule.0),
                is_estimated: false,
            })
        });
        each.collect()
    }

    /// Writes its readings as a file for COPY into the same columns.
    pub fn copy_file(&self, folder: &Path) -> Result<PathBuf, SiteError> {
        let org = self.organization();
        let mut text = String::new();
        for placed in self.placed() {
            let reading = placed.reading;
            let ms = placed.recorded.0 - BEGAN_MS;
            let (day, hour, minute) = (1 + ms / 86_400_000, ms / 3_600_000 % 24, ms / 60_000 % 60);
            let _ = writeln!(
                text,
                "{org}\t{}\t{}\t2026-11-{day:02} {hour:02}:{minute:02}:00+00\t2026-11-23 00:00:00+00\t{}\t{}\t{}\t{}\t{}\t0\t{}\t1\t\\N\t\\N\t\\N\t2\t0\t\\N\tf\t{}\t\\N\thub\t\\N",
                placed.unit,
                placed.device,
                self.number,
                reading.seq,
                reading.at.0,
                reading.boottime.0,
                reading.rule.0,
                placed.point,
                reading.temperature.hundredths() as f32 / 100.0,
            );
        }
        let file = folder.join(format!("backlog-{}.copy", self.number));
        fs::write(&file, text).map_err(SiteError::io(format!("write {}", file.display())))?;
        Ok(file)
    }

    /// The bodies that bring its events, packed.
    pub fn event_bodies(&self) -> Result<Vec<Vec<u8>>, SiteError> {
        let batch = |first, last| to_bytes(&self.recorder.events_batch(first, last));
        pieces(self.recorder.events()).into_iter().map(|(first, last)| packed(&batch(first, last))).collect()
    }

    /// The bodies that bring its readings, packed.
    pub fn reading_bodies(&self) -> Result<Vec<Vec<u8>>, SiteError> {
        let batch = |first, last| to_bytes(&self.recorder.readings_batch(first, last));
        pieces(self.recorder.readings())
            .into_iter()
            .map(|(first, last)| packed(&batch(first, last)))
            .collect()
    }
}

fn pieces(count: u64) -> Vec<(u64, u64)> {
    let each = RECORDS_MAX as u64;
    (1..=count).step_by(RECORDS_MAX).map(|first| (first, count.min(first + each - 1))).collect()
}

fn packed(bytes: &[u8]) -> Result<Vec<u8>, SiteError> {
    zstd::encode_all(bytes, 1).map_err(SiteError::io("pack a body"))
}
