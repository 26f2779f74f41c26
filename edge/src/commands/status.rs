//! Status: how the hub is, asked of the running one; of one that is stopped, what its journal holds.

use super::Failure;
use crate::annunciators::mqtt::rfc3339;
use crate::config::Config;
use crate::desired::kept::Kept;
use crate::enrolment::Enrolment;
use crate::store::{self, inspect};
use frostguard_shared::causes::with_causes;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// A hub that is alive answers at once.
const WITHIN: Duration = Duration::from_secs(3);
/// A status is far smaller.
const ANSWER_MAX: u64 = 16 << 20;

/// Prints the status.
pub(super) fn run(config: &Config, as_json: bool) -> Result<(), Failure> {
    let status = match ask(config.page.listen) {
        Some(status) => status,
        None => stopped(config)?,
    };
    let mut out = std::io::stdout().lock();
    if as_json {
        writeln!(out, "{status}")?;
        return Ok(());
    }
    writeln!(out, "hub {}", text(&status["hub"]))?;
    if status["running"] == json!(false) {
        writeln!(out, "  it is not running, or its page does not answer at {}", config.page.listen)?;
    } else {
        people(&mut out, &status)?;
    }
    cloud(&mut out, &status["cloud"])?;
    configuration(&mut out, &status["configuration"])
}

fn configuration(out: &mut impl Write, configuration: &Value) -> Result<(), Failure> {
    match configuration["applied"].as_u64().unwrap_or(0) {
        0 => writeln!(out, "rules of the site document")?,
        version => writeln!(out, "rules from the cloud, version {version}")?,
    }
    writeln!(out, "  decided on version {}", configuration["decided"])?;
    if !configuration["on_trial"].is_null() {
        writeln!(out, "  on trial since {}", text(&configuration["on_trial"]["since"]))?;
    }
    if let Some(waiting) = configuration["waiting"].as_object() {
        let (version, reason) = (&waiting["version"], text(&waiting["reason"]));
        writeln!(out, "  version {version} waits for somebody at the hub's page: {reason}")?;
    }
    if let Some(fault) = configuration["fault"].as_str() {
        writeln!(out, "  what the cloud had sent was lost: {fault}")?;
    }
    Ok(())
}

fn people(out: &mut impl Write, status: &Value) -> Result<(), Failure> {
    for unit in list(&status["units"]) {
        let values: Vec<String> = list(&unit["points"])
            .filter_map(|point| point["temperature_c"].as_str().map(|value| format!("{value} °C")))
            .collect();
        writeln!(out, "  {:<24} {:<24} {}", text(&unit["name"]), text(&unit["status"]), values.join(", "))?;
    }
    let alarms: Vec<&Value> = list(&status["alarms"]).collect();
    if alarms.is_empty() {
        writeln!(out, "no alarms")?;
    }
    for alarm in alarms {
        let (name, kind, state) = (text(&alarm["unit_name"]), text(&alarm["kind"]), text(&alarm["state"]));
        writeln!(out, "ALARM {name}: {kind}, {state} since {}", text(&alarm["since"]))?;
    }
    for (what, parts) in [("source", &status["sources"]), ("output", &status["outputs"])] {
        for (name, part) in parts.as_object().into_iter().flatten() {
            if let Some(fault) = part["fault"].as_str() {
                writeln!(out, "{what} {name} does not work: {fault}")?;
            }
        }
    }
    Ok(())
}

fn cloud(out: &mut impl Write, cloud: &Value) -> Result<(), Failure> {
    writeln!(out, "cloud {}", text(&cloud["state"]).replace('_', " "))?;
    if let Some(url) = cloud["url"].as_str() {
        writeln!(out, "  {} at {url}", text(&cloud["name"]))?;
    }
    for stream in ["events", "readings"] {
        let (last, held) = (&cloud[stream]["last"], &cloud[stream]["acknowledged"]);
        let waiting = last.as_u64().unwrap_or(0).saturating_sub(held.as_u64().unwrap_or(0));
        writeln!(out, "  {stream:<9} {last} recorded, {held} held by the cloud, {waiting} waiting")?;
    }
    if let Some(progress) = cloud["progress"].as_object() {
        let (percent, rate, left) =
            (&progress["percent"], &progress["per_second"], &progress["seconds_left"]);
        writeln!(out, "  {percent} % of the backlog sent, {rate} records a second, {left} s left")?;
    }
    if let Some(until) = cloud["until"].as_str() {
        writeln!(out, "  trying again at {until}")?;
    }
    if let Some(error) = cloud["error"].as_str() {
        writeln!(out, "  {error}")?;
    }
    Ok(())
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

/// The running hub's own word; `None` if nobody answers at its page's address.
fn ask(listen: SocketAddr) -> Option<Value> {
    let host = match listen.ip() {
        IpAddr::V4(any) if any.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(any) if any.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let address = SocketAddr::new(host, listen.port());
    let mut stream = TcpStream::connect_timeout(&address, WITHIN).ok()?;
    stream.set_read_timeout(Some(WITHIN)).ok()?;
    stream.set_write_timeout(Some(WITHIN)).ok()?;
    // HTTP/1.0: the answer comes in one piece and ends with the connection.
    write!(stream, "GET /status.json HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status: Value =
        head.split(' ').nth(1).filter(|status| *status == "200").and(serde_json::from_str(body).ok())?;
    // Somebody else may listen there while the hub is stopped.
    status.get("rules_live").is_some().then_some(status)
}

/// What the journal of a stopped hub holds.
fn stopped(config: &Config) -> Result<Value, Failure> {
    let ends = inspect::ends(&config.state_dir.join(store::FILE))?;
    let enrolment = Enrolment::load(&config.state_dir, ends.hub)?;
    let stream = |(last, acknowledged): (u64, u64)| json!({ "last": last, "acknowledged": acknowledged });
    let (kept, fault) = match Kept::load(&config.state_dir, ends.hub) {
        Ok(kept) => (kept, None),
        Err(fault) => (Kept::nothing(ends.hub), Some(with_causes(&fault))),
    };
    Ok(json!({
        "hub": ends.hub,
        "running": false,
        "configuration": {
            "applied": kept.applied(),
            "decided": kept.decided,
            "on_trial": kept.on_trial.map(|trial| json!({ "since": rfc3339(trial.since) })),
            "waiting": kept.waiting.map(|waiting| json!({
                "version": waiting.document.version,
                "code": waiting.code,
                "reason": waiting.reason,
                "since": rfc3339(waiting.since),
            })),
            "fault": fault,
        },
        "cloud": {
            "state": if enrolment.is_some() { "waiting" } else { "not_enrolled" },
            "url": enrolment.as_ref().map(|enrolment| &enrolment.url),
            "name": enrolment.as_ref().map(|of| format!("{}, {}", of.organization_name, of.site_name)),
            "events": stream(ends.events),
            "readings": stream(ends.readings),
            "waiting": ends.events.0.saturating_sub(ends.events.1) + ends.readings.0.saturating_sub(ends.readings.1),
            "error": "the hub does not run",
        },
    }))
}
