//! MQTT as an annunciator: alarm state for building systems and screens.
//!
//! Under its topic: `event` (each thing that happened, once; after a restart alarms that were told before come again
//! with `"reassert":true`), `alarm` (the present state, retained), `status` (`online`, or `offline` as last will,
//! retained), `test` (an answer to a call, marked as a test). While somebody looks for this hub, `alarm` says `identify`
//! with its name. One thing is on its way at a time; it counts as told when the broker has acknowledged it, and what is not
//! told yet waits in the desired state, not in a queue of the client that a lost connection would empty.

use super::{Alarm, Call, Desired, News, Report};
use crate::entropy::backoff;
use frostguard_shared::time::WallMs;
use rumqttc::{AsyncClient, ConnectionError, Event, EventLoop, Incoming, LastWill, MqttOptions, QoS};
use serde_json::json;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;

/// A broker acknowledges within this; shorter than the keep-alive, whose answers would hide that it does not.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Messages handed to the client at one time: all alarms that are asserted again.
const CLIENT_QUEUE: usize = 1_024;
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// The state of some thousand alarms; the client's own bound would cut the connection at fifty, again and again.
const LARGEST_PACKET: usize = 1 << 20;

/// Where and as whom to publish.
#[derive(Clone, Debug)]
pub struct Target {
    /// The output's key.
    pub output: String,
    /// The broker.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The topic under which everything is published.
    pub topic: String,
    /// User name at the broker.
    pub username: Option<String>,
    /// File that holds the password.
    pub password_file: Option<PathBuf>,
}

/// What was told, and what is on its way.
struct Telling {
    told: u64,
    state: Option<String>,
    asserted: bool,
    answered: u64,
    /// In the order in which the broker acknowledges.
    on_its_way: VecDeque<Message>,
}

enum Message {
    Status,
    State(String),
    News(u64),
    Reasserted,
    Answer(u64),
}

/// Publishes until the hub ends.
pub async fn run(target: Target, mut desired: watch::Receiver<Desired>, report: impl Fn(Report)) {
    let told = desired.borrow().told.get(&target.output).copied().unwrap_or(0);
    let reassert: Vec<Alarm> =
        desired.borrow().alarms.iter().filter(|alarm| alarm.raised_seq <= told).cloned().collect();
    let mut telling =
        Telling { told, state: None, asserted: false, answered: 0, on_its_way: VecDeque::new() };
    let mut failures = 0;
    loop {
        let fault = match connect(&target) {
            Ok((client, mut connection)) => {
                let publish = Publish { target: &target, client: &client, reassert: &reassert };
                let end =
                    publish.serve(&mut connection, &mut telling, &mut desired, &report, &mut failures).await;
                let Some(fault) = end else { return };
                fault.to_string()
            }
            Err(fault) => format!("its password file cannot be read: {fault}"),
        };
        report(Report::State { output: target.output.clone(), fault: Some(fault) });
        telling.on_its_way.clear();
        telling.state = None;
        failures += 1;
        tokio::time::sleep(backoff(failures, LONGEST_WAIT)).await;
    }
}

fn connect(target: &Target) -> std::io::Result<(AsyncClient, EventLoop)> {
    let client = format!("frostguard-{}-{:08x}", target.output, stable_number(&target.topic));
    let mut options = MqttOptions::new(client, &target.host, target.port);
    let status = format!("{}/status", target.topic);
    options
        .set_keep_alive(Duration::from_secs(10))
        .set_max_packet_size(LARGEST_PACKET, LARGEST_PACKET)
        .set_clean_session(true)
        .set_last_will(LastWill::new(status, "offline", QoS::AtLeastOnce, true));
    if let Some(username) = &target.username {
        let password = target.password_file.as_ref().map(std::fs::read_to_string).transpose()?;
        options.set_credentials(username, password.unwrap_or_default().trim_end());
    }
    Ok(AsyncClient::new(options, CLIENT_QUEUE))
}

/// A number that differs between topics, so that two hubs on one broker do not push each other out.
fn stable_number(text: &str) -> u32 {
    text.bytes().fold(0x811C_9DC5, |number, byte| (number ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

struct Publish<'a> {
    target: &'a Target,
    client: &'a AsyncClient,
    reassert: &'a [Alarm],
}

impl Publish<'_> {
    /// One connection, until it fails; `None` when the hub ends.
    async fn serve(
        &self,
        connection: &mut EventLoop,
        telling: &mut Telling,
        desired: &mut watch::Receiver<Desired>,
        report: &impl Fn(Report),
        failures: &mut u32,
    ) -> Option<ConnectionError> {
        let mut connected = false;
        loop {
            tokio::select! {
                changed = desired.changed(), if connected => {
                    if changed.is_err() {
                        return None;
                    }
                }
                // Nothing at all from a broker that owes an answer: it is taken for gone, and connected to anew.
                () = tokio::time::sleep(ANSWER_WITHIN), if !telling.on_its_way.is_empty() => {
                    return Some(ConnectionError::NetworkTimeout);
                }
                event = connection.poll() => match event {
                    Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                        (connected, *failures) = (true, 0);
                        report(Report::State { output: self.target.output.clone(), fault: None });
                        self.send(telling, Message::Status, "status", "online".into(), true);
                    }
                    Ok(Event::Incoming(Incoming::PubAck(_))) => self.acknowledged(telling, report),
                    Ok(_) => {}
                    Err(fault) => return Some(fault),
                },
            }
            if connected && telling.on_its_way.is_empty() {
                self.next(telling, &desired.borrow_and_update().clone());
            }
        }
    }

    /// Sends whatever is to be told next, if anything: first what happened, then what was told before, then the state.
    fn next(&self, telling: &mut Telling, desired: &Desired) {
        if let Some(news) = desired.news.iter().find(|news| news.seq > telling.told) {
            self.send(telling, Message::News(news.seq), "event", told(news), false);
        } else if !telling.asserted {
            let text: Vec<String> = self.reassert.iter().map(asserted_again).collect();
            telling.asserted = true;
            for text in text {
                self.send(telling, Message::Reasserted, "event", text, false);
            }
        }
        if let Some(call) = desired.call.filter(|call| call.number > telling.answered)
            && telling.on_its_way.is_empty()
        {
            self.send(telling, Message::Answer(call.number), "test", answer(desired, call), false);
        }
        let state = state(desired);
        if telling.on_its_way.is_empty() && telling.state.as_ref() != Some(&state) {
            self.send(telling, Message::State(state.clone()), "alarm", state, true);
        }
    }

    fn send(&self, telling: &mut Telling, message: Message, topic: &str, text: String, retain: bool) {
        let topic = format!("{}/{topic}", self.target.topic);
        match self.client.try_publish(topic, QoS::AtLeastOnce, retain, text) {
            Ok(()) => telling.on_its_way.push_back(message),
            Err(fault) => {
                tracing::warn!(%fault, output = %self.target.output, "could not publish; trying again")
            }
        }
    }

    fn acknowledged(&self, telling: &mut Telling, report: &impl Fn(Report)) {
        match telling.on_its_way.pop_front() {
            Some(Message::News(seq)) => {
                telling.told = seq;
                report(Report::Told { output: self.target.output.clone(), seq });
            }
            Some(Message::State(state)) => telling.state = Some(state),
            Some(Message::Answer(call)) => {
                telling.answered = call;
                report(Report::Answered { output: self.target.output.clone(), call });
            }
            Some(Message::Status | Message::Reasserted) | None => {}
        }
    }
}

fn told(news: &News) -> String {
    json!({
        "type": news.happened.word(),
        "alert": news.alert,
        "unit": news.unit,
        "unit_name": news.unit_name,
        "kind": news.condition.word(),
        "severity": news.severity.word(),
        "seq": news.seq,
        "at": rfc3339(news.at),
        "reassert": false,
        "retro": news.retro,
        "text": news.text,
    })
    .to_string()
}

fn asserted_again(alarm: &Alarm) -> String {
    json!({
        "type": "alert.raised",
        "alert": alarm.alert,
        "unit": alarm.unit,
        "unit_name": alarm.unit_name,
        "kind": alarm.condition.word(),
        "severity": alarm.severity.word(),
        "seq": alarm.raised_seq,
        "at": rfc3339(alarm.since),
        "reassert": true,
        "state": alarm.sounding.word(),
    })
    .to_string()
}

fn answer(desired: &Desired, call: Call) -> String {
    let text = "a test of the hub's outputs, no alarm";
    json!({ "test": true, "hub": desired.hub, "why": call.why.word(), "text": text }).to_string()
}

fn state(desired: &Desired) -> String {
    let alarms: Vec<_> = desired
        .alarms
        .iter()
        .map(|alarm| {
            json!({
                "alert": alarm.alert,
                "unit": alarm.unit,
                "unit_name": alarm.unit_name,
                "kind": alarm.condition.word(),
                "severity": alarm.severity.word(),
                "state": alarm.sounding.word(),
                "since": rfc3339(alarm.since),
            })
        })
        .collect();
    let mut state = json!({ "state": desired.loudest().word(), "alarms": alarms });
    if let Some(fault) = &desired.storage_fault {
        state["storage_fault"] = json!(fault);
    }
    if let Some(name) = &desired.identify {
        state["identify"] = json!({ "hub": desired.hub, "name": name });
    }
    state.to_string()
}

/// A wall time for people and machines; out of range it shows as 1970.
pub fn rfc3339(at: WallMs) -> String {
    jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().to_string()
}
