//! Owns the way of an alarm: from a sensor's advertisement over the limit to the message in the building.
//! Takes a release hub; gives the times of many alarms, and of the same way without a hub, taken in turn with them.
//! Must never let one alarm's work run into the next one's time.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use frostguard_tests::clock::now;
use frostguard_tests::error::SiteError;
use frostguard_tests::site::subscriber::Subscriber;
use frostguard_tests::workbench::{SOON, Workbench, counter};

/// Each unit can be alarmed once, so there are as many units as alarms.
const ALARMS: usize = 120;
const TOPIC: &str = "frostguard/bench";
const NODE: &str = "a84041ffff123456";
const PAGE_OF_DISK: [u8; 4_096] = [0x5A; 4_096];

/// Times in ms, one for each alarm.
pub struct Times {
    /// From the advertisement to the message in the building.
    pub alarm: Vec<f64>,
    /// A bare message through the same broker, and 4 KiB made durable on the same disk.
    pub bare: Vec<f64>,
}

/// Measures both in turn.
pub fn measure(state: &Path) -> Result<Times, SiteError> {
    let mut bench = Workbench::lay_out(state, &site())?;
    let building = Subscriber::connect(bench.broker.port(), "building", &["frostguard/bench/#"])?;
    let bare = Subscriber::connect(bench.broker.port(), "bare", &["application/#"])?;
    let mut disk = File::create(state.join("disk")).map_err(SiteError::io("make a file to append to"))?;
    bench.start()?;
    // A device that is new to the Bluetooth daemon is asked for once; the alarm comes from one that is known.
    for unit in 0..ALARMS {
        bench.temperature(&mac(unit), -1_800)?;
    }
    bench.wait_status("all sensors are heard", SOON, |status| {
        counter(status, "frames.heard") >= ALARMS as u64
    })?;
    let mut times = Times { alarm: Vec::new(), bare: Vec::new() };
    for unit in 0..ALARMS {
        times.bare.push(bare_way(&bench, &bare, &mut disk, unit)?);
        times.alarm.push(alarm_way(&bench, &building, unit)?);
    }
    drop((building, bare));
    bench.clear_away()?;
    Ok(times)
}

fn alarm_way(bench: &Workbench, building: &Subscriber, unit: usize) -> Result<f64, SiteError> {
    let name = format!("\"Unit {unit}\"").into_bytes();
    let speaks_of_it = |payload: &[u8]| payload.windows(name.len()).any(|window| window == name);
    let sent = now();
    bench.temperature(&mac(unit), -500)?;
    let event = format!("{TOPIC}/event");
    let heard = building.wait_for("an alarm", SOON, |m| m.topic == event && speaks_of_it(&m.payload))?;
    // The state follows the event; when it is there the hub has done with this alarm.
    let state = format!("{TOPIC}/alarm");
    building.wait_for("its state", SOON, |m| m.topic == state && speaks_of_it(&m.payload))?;
    Ok((heard.arrived - sent).as_secs_f64() * 1e3)
}

fn bare_way(bench: &Workbench, bare: &Subscriber, disk: &mut File, unit: usize) -> Result<f64, SiteError> {
    let sent = now();
    disk.write_all(&PAGE_OF_DISK).and_then(|()| disk.sync_data()).map_err(SiteError::io("append a page"))?;
    let durable = sent.elapsed();
    let sent = now();
    bench.uplink(NODE, unit as u32, 400)?;
    let mark = format!("\"fCnt\":{unit},").into_bytes();
    let heard = bare
        .wait_for("a bare message", SOON, |m| m.payload.windows(mark.len()).any(|window| window == mark))?;
    Ok((durable + (heard.arrived - sent)).as_secs_f64() * 1e3)
}

/// The address of a unit's sensor; there are at most 256.
pub fn mac(unit: usize) -> String {
    format!("A4:C1:38:00:01:{unit:02X}")
}

fn site() -> String {
    format!(
        "[site]\nname = \"Bench\"\nzone = \"Europe/Berlin\"\n[outputs.building]\nkind = \"mqtt\"\n\
         host = \"127.0.0.1\"\nport = {{broker_port}}\ntopic = \"{TOPIC}\"\n{}",
        units(ALARMS)
    )
}

/// So many units for a site document: alarms come at once, and nobody is missed.
pub fn units(count: usize) -> String {
    let unit = |unit| {
        format!(
            "[units.u{unit}]\nname = \"Unit {unit}\"\ntype = \"freezer\"\n\
             [units.u{unit}.rules.alarm_active]\ntemp_max_c = -15.0\ndelay_minutes = 0\n\
             off_delay_minutes = 0\nseverity = \"critical\"\n\
             [units.u{unit}.rules.monitoring_interrupted]\noffline_warning_missed_checkins = 999\n\
             offline_critical_missed_checkins = 1000\n\
             [devices.d{unit}]\nmodel = \"bthome\"\naddress = \"{}\"\npoints = {{ air = \"u{unit}:air\" }}\n",
            mac(unit)
        )
    };
    (0..count).map(unit).collect()
}
