//! Owns months of a hub's life, lived in seconds: a journal as the hub itself would have written it.
//! Takes a prepared hub; gives its state folder so many days of readings, daily alarms, seals and snapshots.
//! Must never write the journal by another way than the hub's own watch.

use std::error::Error;
use std::sync::Arc;

use frostguard_edge::annunciators::Report;
use frostguard_edge::identity::Identity;
use frostguard_edge::site::Site;
use frostguard_edge::sources::{Address, Frame, Heard, Payload, Section};
use frostguard_edge::watch::Watch;
use frostguard_shared::axis::Measured;
use frostguard_shared::time::{BoottimeMs, ClockSample, DurationMs, Trust, WallMs};
use frostguard_tests::clock::wall;
use frostguard_tests::error::SiteError;
use frostguard_tests::hub::Hub;
use frostguard_tests::site::{encode_bthome, encode_lht65};

/// The days of a month.
pub const DAYS: i64 = 30;
const MINUTES_OF_A_DAY: i64 = 24 * 60;
const MINUTE_MS: i64 = 60_000;
/// The daily alarm: from this minute of the day, for so many.
const WARM_FROM: i64 = 600;
const WARM_FOR: i64 = 20;

fn broken<E: Error>(what: &'static str) -> impl FnOnce(E) -> SiteError {
    move |error| {
        let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
        SiteError::Unexpected(format!("{what}: {error}{cause}"))
    }
}

/// Lives the days that ended a minute ago under the demo's site document, and stops in order; gives the readings.
pub fn live_through(hub: &Hub, days: i64) -> Result<u64, SiteError> {
    let begin = wall().as_millisecond() - MINUTE_MS - days * MINUTES_OF_A_DAY * MINUTE_MS;
    let mut now = ClockSample { wall: WallMs(begin), boottime: BoottimeMs(20_000), trust: Trust::Synced };
    let folder = hub.state_dir();
    let mut identity = Identity::open(&folder, now).map_err(broken("open the identity"))?;
    let site = Site::load(&hub.site(), &mut identity, now).map_err(broken("load the site"))?;
    identity.save().map_err(broken("save the identity"))?;
    let outputs: Vec<String> = site.outputs.iter().map(|output| output.key.clone()).collect();
    // Readings wait longer for each other than in a hub; what is in the journal is the same.
    let group = DurationMs::minutes(60);
    let mut watch = Watch::start(&folder, Arc::new(site), identity, "the time before", group, now)
        .map_err(broken("start the watch"))?;
    let on = broken::<frostguard_edge::watch::WatchError>;
    for minute in 1..=days * MINUTES_OF_A_DAY {
        now.wall = WallMs(now.wall.0 + MINUTE_MS);
        now.boottime = BoottimeMs(now.boottime.0 + MINUTE_MS as u64);
        for frame in frames(minute, now.wall)? {
            watch.hear(Heard::Frame(frame), now).map_err(on("hear"))?;
        }
        if minute % MINUTES_OF_A_DAY == 0 {
            let told = watch.desired().news.back().map(|news| news.seq);
            for (output, seq) in outputs.iter().zip(told.into_iter().cycle()) {
                watch.report(Report::Told { output: output.clone(), seq }, now).map_err(on("tell"))?;
            }
        }
    }
    let readings = watch.view().counters.get("readings.recorded").copied().unwrap_or(0);
    watch.stop("that time is over", now).map_err(on("stop"))?;
    Ok(readings)
}

/// What the demo's two sensors send in a minute.
fn frames(minute: i64, at: WallMs) -> Result<[Frame; 2], SiteError> {
    let address = broken::<frostguard_edge::sources::ModelError>;
    let wave = (minute % 20) as i16 * 5;
    let is_warm = (WARM_FROM..WARM_FROM + WARM_FOR).contains(&(minute % MINUTES_OF_A_DAY));
    let tag = encode_bthome::Measurement {
        battery_pct: Some(94),
        temperature_centi_c: Some(if is_warm { -1_000 } else { -1_850 } + wave),
        humidity_centi_pct: Some(6_120),
        ..encode_bthome::Measurement::default()
    };
    let node = encode_lht65::Live {
        battery_grade: 3,
        battery_mv: 3_062,
        builtin_centi_c: 400 + wave,
        humidity_tenth_pct: 552,
        probe: encode_lht65::Probe::Reads(350 + wave),
    };
    Ok([
        Frame {
            address: Address::mac("A4:C1:38:00:00:01").map_err(address("the tag's address"))?,
            signal: None,
            measured: Measured::Now,
            payload: Payload::Advert { section: Section::Service(0xFCD2), bytes: tag.service_data() },
        },
        Frame {
            address: Address::eui("a84041ffff123456").map_err(address("the node's address"))?,
            signal: None,
            measured: Measured::NowBy(at),
            payload: Payload::Uplink { port: encode_lht65::F_PORT, bytes: node.payload() },
        },
    ])
}
