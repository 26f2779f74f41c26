//! Owns the figures of a hub with a long backlog: how soon an alarm is in the cloud's database meanwhile, and how fast
//! the backlog goes.
//! Takes a release hub, a release service and a folder on a real disk; gives figures of two hubs, one after the other.
//! Must never count an alarm that the backlog did not stand in the way of, nor look at anything but the database.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use frostguard_tests::clock::{now, wait_closely};
use frostguard_tests::cloud::database::Database;
use frostguard_tests::cloud::postgres::Cluster;
use frostguard_tests::cloud::service::Cloud;
use frostguard_tests::error::SiteError;
use frostguard_tests::workbench::{SOON, Workbench, counter};
use frostguard_tests::world::DEMO_SITE;
use sqlx::{Connection as _, PgConnection, Row as _};
use tokio::runtime::{Builder, Runtime};

use crate::account::memory_mb;
use crate::cloud_group::{cluster, unexpected};
use crate::figure::{Figure, percentile};
use crate::{latency, month};

const GROUP: &str = "sync";
/// Each unit can be alarmed once; a live word has room for these alarms and those of the months before.
const ALARMS: usize = 240;
/// How many must have come during the drain, so that its 99th percentile is not merely the worst of them.
const ALARMS_WANTED: f64 = 200.0;
const ALARM_P99_MS: f64 = 2_000.0;
/// The hub that is left in peace has a month to tell.
const DAYS_IN_PEACE: i64 = month::DAYS;
/// The one with alarms has so much that it is not done before the last of them.
const DAYS_WITH_ALARMS: i64 = 12 * month::DAYS;
/// How often the database is looked at: a small part of what is measured.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// For an alarm; one that takes longer is not a figure but a fault.
const ALARM_WITHIN: Duration = Duration::from_secs(60);
/// For a backlog.
const DRAINED_WITHIN: Duration = Duration::from_secs(600);

/// Measures everything, with all state below `folder`; `say` is told what is going on.
pub fn measure(folder: &Path, say: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, SiteError> {
    let folder = folder.join("sync");
    let mut postgres = cluster(&folder.join("postgres"))?;
    say(&format!("a hub with {DAYS_IN_PEACE} days to tell, in peace"));
    let mut figures = in_peace(Backlogged::begin(&postgres, &folder.join("peace"), DAYS_IN_PEACE)?)?;
    say(&format!("a hub with {DAYS_WITH_ALARMS} days to tell, and alarms meanwhile"));
    figures.extend(with_alarms(Backlogged::begin(&postgres, &folder.join("alarms"), DAYS_WITH_ALARMS)?)?);
    postgres.stop()?;
    Ok(figures)
}

fn in_peace(mut world: Backlogged) -> Result<Vec<Figure>, SiteError> {
    let name = format!("drain of one hub, {} readings", world.backlog);
    world.enrol()?;
    let rate = world.drained()?;
    let memory = world.most_memory()?;
    world.clear_away()?;
    Ok(vec![
        Figure::new(GROUP, name, rate, "readings/s"),
        Figure::new(GROUP, "most memory of that hub (VmHWM)", memory, "MB"),
    ])
}

fn with_alarms(mut world: Backlogged) -> Result<Vec<Figure>, SiteError> {
    world.enrol()?;
    let mut seen = Vec::new();
    for unit in 0..ALARMS {
        let alarm = world.alarm(unit)?;
        if !alarm.is_during_drain {
            break;
        }
        seen.push(alarm);
    }
    let rate = world.drained()?;
    let memory = world.most_memory()?;
    let readings = world.backlog;
    world.clear_away()?;
    let times: Vec<f64> = seen.iter().map(|alarm| alarm.took.as_secs_f64() * 1e3).collect();
    let count = times.len();
    let by_live_word = seen.iter().filter(|alarm| alarm.way == Way::LiveWord).count();
    let figure = |percent| {
        let name = format!("over the limit to the cloud's database while a backlog drains, p{percent}");
        Figure::new(GROUP, name, percentile(&times, percent), "ms")
    };
    Ok(vec![
        figure(50),
        figure(99).at_most(ALARM_P99_MS),
        Figure::new(GROUP, "alarms that came and were there within that drain", count as f64, "alarms")
            .at_least(ALARMS_WANTED),
        Figure::new(GROUP, "of them, first seen in the live word", by_live_word as f64, "alarms"),
        Figure::new(GROUP, format!("that drain, {readings} readings"), rate, "readings/s"),
        Figure::new(GROUP, "most memory of that hub (VmHWM)", memory, "MB"),
    ])
}

/// What told of an alarm when it was first seen; the live word, if both did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    Record,
    LiveWord,
}

struct Seen {
    took: Duration,
    way: Way,
    is_during_drain: bool,
}

/// A hub with a past that no cloud knows of, and a cloud that waits for it.
struct Backlogged {
    // Fields are dropped in this order: the hub first, what it depends on last.
    bench: Workbench,
    cloud: Cloud,
    link: String,
    eyes: Eyes,
    database: Database,
    /// The number of the last reading of the past.
    backlog: u64,
    /// When the cloud first held some of it, and how much.
    began: Option<(Instant, u64)>,
}

impl Backlogged {
    fn begin(cluster: &Cluster, folder: &Path, days: i64) -> Result<Backlogged, SiteError> {
        let bench = Workbench::lay_out(&folder.join("near"), DEMO_SITE)?;
        month::live_through(&bench.hub, days)?;
        let site = bench.hub.site();
        let lived_under = fs::read_to_string(&site).map_err(SiteError::io("read the site document"))?;
        // Those who are to alarm join after the past, so that nobody has missed them in it.
        fs::write(&site, lived_under + &latency::units(ALARMS))
            .map_err(SiteError::io("write the site document"))?;
        let database = cluster.database()?;
        database.psql(&format!(
            "SELECT make_readings_partition((now() - make_interval(days => day))::date)
             FROM generate_series(0, {days} + 28, 28) AS day"
        ))?;
        let mut cloud = Cloud::prepare(&folder.join("far"), &database)?;
        cloud.start(None)?;
        let link = cloud.let_in("Bench", "Bench")?.link;
        let eyes = Eyes::open(&database)?;
        let mut world = Backlogged { bench, cloud, link, eyes, database, backlog: 0, began: None };
        world.wake()?;
        Ok(world)
    }

    /// Starts the hub, and has each sensor speak once: the Bluetooth daemon is asked for a device that is new to it.
    fn wake(&mut self) -> Result<(), SiteError> {
        self.bench.start()?;
        for unit in 0..ALARMS {
            self.bench.temperature(&latency::mac(unit), -1_800)?;
        }
        let status = self.bench.wait_status("all sensors are heard", SOON, |status| {
            counter(status, "frames.heard") >= ALARMS as u64
        })?;
        let last = status["cloud"]["readings"]["last"].as_u64();
        self.backlog =
            last.ok_or_else(|| SiteError::Unexpected(format!("the hub tells of no readings: {status}")))?;
        Ok(())
    }

    /// Lets the hub into the cloud, and waits until the cloud holds some of its past.
    fn enrol(&mut self) -> Result<(), SiteError> {
        self.bench.hub.enrol(&self.link)?;
        let some = || self.eyes.held().map(|held| (held > 0).then_some(held)).transpose();
        let held = wait_closely("the backlog begins to drain", DRAINED_WITHIN, LOOK_EVERY, some)??;
        self.began = Some((now(), held));
        Ok(())
    }

    /// Waits until the cloud holds all of the past; gives the readings a second.
    fn drained(&mut self) -> Result<f64, SiteError> {
        let Some((began, at_first)) = self.began else {
            return Err(SiteError::Unexpected("no backlog drains".to_owned()));
        };
        let all = || self.eyes.held().map(|held| (held >= self.backlog).then_some(held)).transpose();
        let held = wait_closely("the backlog is drained", DRAINED_WITHIN, LOOK_EVERY, all)??;
        let rate = (held - at_first) as f64 / began.elapsed().as_secs_f64();
        self.expect_all()?;
        Ok(rate)
    }

    /// The cloud's word on what it holds is checked against the rows.
    fn expect_all(&self) -> Result<(), SiteError> {
        let rows = self.database.psql(
            "SELECT (SELECT count(*) FROM sensor_readings), (SELECT count(*) FROM readings_quarantine)",
        )?;
        match rows.trim().split_once('|').map(|(rows, quarantined)| (rows.parse::<u64>(), quarantined)) {
            Some((Ok(rows), "0")) if rows >= self.backlog => Ok(()),
            _ => Err(SiteError::Unexpected(format!(
                "of {} readings there are (rows|quarantined) {rows}",
                self.backlog
            ))),
        }
    }

    /// Raises the alarm of a unit, and waits until the database knows of it.
    fn alarm(&mut self, unit: usize) -> Result<Seen, SiteError> {
        let (name, backlog) = (format!("Unit {unit}"), self.backlog);
        let id = self.eyes.unit(&name)?;
        if let (Some(way), _) = self.eyes.look(&id)? {
            return Err(SiteError::Unexpected(format!("{name} had an alarm before: {way:?}")));
        }
        let sent = now();
        self.bench.temperature(&latency::mac(unit), -500)?;
        let what = format!("the alarm of {name} is in the cloud's database");
        wait_closely(&what, ALARM_WITHIN, LOOK_EVERY, || match self.eyes.look(&id) {
            Ok((Some(way), held)) => {
                Some(Ok(Seen { took: sent.elapsed(), way, is_during_drain: held < backlog }))
            }
            Ok((None, _)) => None,
            Err(error) => Some(Err(error)),
        })?
    }

    fn most_memory(&self) -> Result<f64, SiteError> {
        let hub = self.bench.hub.id();
        memory_mb(hub.ok_or_else(|| SiteError::Unexpected("the hub does not run".to_owned()))?, "VmHWM")
    }

    fn clear_away(self) -> Result<(), SiteError> {
        let Backlogged { bench, mut cloud, eyes, database, .. } = self;
        bench.clear_away()?;
        drop(eyes);
        cloud.stop()?;
        drop(database);
        Ok(())
    }
}

/// One connection that looks into the cloud's database past every wall.
struct Eyes {
    connection: PgConnection,
    runtime: Runtime,
}

impl Eyes {
    fn open(database: &Database) -> Result<Eyes, SiteError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(SiteError::io("start a runtime"))?;
        let url = database.admin_url();
        let connection = runtime.block_on(PgConnection::connect(&url)).map_err(unexpected)?;
        Ok(Eyes { connection, runtime })
    }

    /// The last reading that the cloud holds.
    fn held(&mut self) -> Result<u64, SiteError> {
        let asked = sqlx::query("SELECT coalesce(max(last_seq), 0) FROM hub_streams WHERE stream = 1");
        let row = self.runtime.block_on(asked.fetch_one(&mut self.connection)).map_err(unexpected)?;
        row.try_get::<i64, _>(0).map(i64::unsigned_abs).map_err(unexpected)
    }

    /// The id of a unit.
    fn unit(&mut self, name: &str) -> Result<String, SiteError> {
        let asked = sqlx::query("SELECT id::text FROM units WHERE name = $1").bind(name);
        let row = self.runtime.block_on(asked.fetch_one(&mut self.connection)).map_err(unexpected)?;
        row.try_get(0).map_err(unexpected)
    }

    /// How the cloud knows of a unit's alarm, if it does, and the last reading that it holds.
    fn look(&mut self, unit: &str) -> Result<(Option<Way>, u64), SiteError> {
        let asked = sqlx::query(
            "SELECT EXISTS (SELECT FROM alerts WHERE unit_id = $1::uuid),
                    EXISTS (SELECT FROM hub_live WHERE alarms @> jsonb_build_array(jsonb_build_object('unit', $1))),
                    (SELECT coalesce(max(last_seq), 0) FROM hub_streams WHERE stream = 1)",
        );
        let asked = asked.bind(unit).fetch_one(&mut self.connection);
        let row = self.runtime.block_on(asked).map_err(unexpected)?;
        let known = |column| row.try_get::<bool, _>(column).map_err(unexpected);
        let way = match (known(0)?, known(1)?) {
            (_, true) => Some(Way::LiveWord),
            (true, false) => Some(Way::Record),
            (false, false) => None,
        };
        Ok((way, row.try_get::<i64, _>(2).map(i64::unsigned_abs).map_err(unexpected)?))
    }
}
