//! Owns an MQTT client that listens and forgets nothing.
//! Takes topic filters; gives every message with its retain flag and time of arrival, and waiting for one.
//! Must never publish, and never drop or reorder what it heard.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rumqttc::{Client, Connection, Event, MqttOptions, Packet, QoS};

use crate::clock::now;
use crate::error::SiteError;

const SUBSCRIBED_WITHIN: Duration = Duration::from_secs(10);
const RECONNECT_AFTER: Duration = Duration::from_millis(200);
/// A subscriber must not be the one that a large message fails on.
const LARGEST_PACKET: usize = 16 << 20;

/// One message as it arrived.
#[derive(Clone, Debug)]
pub struct Message {
    /// The topic it was published under.
    pub topic: String,
    /// Its bytes.
    pub payload: Vec<u8>,
    /// True when the broker had kept it from before the subscription.
    pub retained: bool,
    /// When it arrived here.
    pub arrived: Instant,
}

impl Message {
    /// The payload as JSON; null when it is not.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.payload).unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct Heard {
    messages: Vec<Message>,
    subscribed: bool,
    ending: bool,
}

#[derive(Debug, Default)]
struct Inbox {
    heard: Mutex<Heard>,
    changed: Condvar,
}

impl Inbox {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connected subscriber; it disconnects when dropped.
pub struct Subscriber {
    inbox: Arc<Inbox>,
    client: Client,
    thread: Option<JoinHandle<()>>,
}

impl Subscriber {
    /// Connects to the broker on 127.0.0.1 and returns once it has confirmed the subscriptions.
    ///
    /// # Errors
    /// When the broker does not confirm in time.
    pub fn connect(port: u16, client_id: &str, filters: &[&str]) -> Result<Subscriber, SiteError> {
        Subscriber::connected(MqttOptions::new(client_id, "127.0.0.1", port), filters)
    }

    /// As [`Subscriber::connect`], with a session that the broker keeps for times when either is away.
    ///
    /// # Errors
    /// When the broker does not confirm in time.
    pub fn connect_lasting(port: u16, client_id: &str, filters: &[&str]) -> Result<Subscriber, SiteError> {
        let mut options = MqttOptions::new(client_id, "127.0.0.1", port);
        options.set_clean_session(false);
        Subscriber::connected(options, filters)
    }

    fn connected(mut options: MqttOptions, filters: &[&str]) -> Result<Subscriber, SiteError> {
        options.set_keep_alive(Duration::from_secs(20)).set_max_packet_size(LARGEST_PACKET, LARGEST_PACKET);
        let (client, connection) = Client::new(options, 64);
        let inbox = Arc::new(Inbox::default());
        let filters: Vec<String> = filters.iter().map(|&filter| filter.to_owned()).collect();
        let (for_thread, again) = (Arc::clone(&inbox), client.clone());
        let thread = thread::spawn(move || listen(connection, &again, &filters, &for_thread));
        let subscriber = Subscriber { inbox, client, thread: Some(thread) };
        subscriber.wait("the broker confirms the subscription", SUBSCRIBED_WITHIN, |heard| {
            heard.subscribed.then_some(())
        })?;
        Ok(subscriber)
    }

    /// Everything heard so far, in order of arrival.
    pub fn messages(&self) -> Vec<Message> {
        self.inbox.heard().messages.clone()
    }

    /// The first message, past or future, that `wanted` accepts.
    ///
    /// # Errors
    /// [`SiteError::NotInTime`] when none came within `limit`.
    pub fn wait_for(
        &self,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&Message) -> bool,
    ) -> Result<Message, SiteError> {
        self.wait(what, limit, |heard| heard.messages.iter().find(|m| wanted(m)).cloned())
    }

    fn wait<T>(
        &self,
        what: &str,
        limit: Duration,
        look: impl Fn(&Heard) -> Option<T>,
    ) -> Result<T, SiteError> {
        let start = now();
        let mut heard = self.inbox.heard();
        loop {
            if let Some(found) = look(&heard) {
                return Ok(found);
            }
            let Some(left) = limit.checked_sub(start.elapsed()) else {
                return Err(SiteError::NotInTime { what: what.to_owned(), limit });
            };
            heard = self.inbox.changed.wait_timeout(heard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.inbox.heard().ending = true;
        self.inbox.changed.notify_all();
        let _ = self.client.disconnect();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn listen(mut connection: Connection, client: &Client, filters: &[String], inbox: &Inbox) {
    for event in connection.iter() {
        match event {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                for filter in filters {
                    // A full queue is impossible here: it holds more requests than there are filters.
                    let _ = client.try_subscribe(filter, QoS::AtLeastOnce);
                }
            }
            Ok(Event::Incoming(Packet::SubAck(_))) => inbox.heard().subscribed = true,
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                // Before the lock: one who looks through the messages must not make this one late.
                let arrived = now();
                let (topic, payload, retained) = (publish.topic, publish.payload.to_vec(), publish.retain);
                inbox.heard().messages.push(Message { topic, payload, retained, arrived });
            }
            Ok(_) => {}
            Err(_) => {
                let heard = inbox.heard();
                let (heard, _) = inbox
                    .changed
                    .wait_timeout_while(heard, RECONNECT_AFTER, |heard| !heard.ending)
                    .unwrap_or_else(PoisonError::into_inner);
                if heard.ending {
                    return;
                }
            }
        }
        inbox.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::broker::Broker;
    use crate::site::chirpstack::{NetworkServer, Uplink};

    #[test]
    fn a_subscriber_hears_uplinks_in_order_and_as_chirpstack_sends_them() {
        let state = tempfile::tempdir().unwrap();
        let mut broker = Broker::start(state.path()).unwrap();
        let subscriber = Subscriber::connect(broker.port(), "listener", &["application/#"]).unwrap();
        let server = NetworkServer::connect(broker.port());
        for frame_count in 0..3 {
            server
                .publish(&Uplink {
                    dev_eui: "a84041ffff123456",
                    device_name: "fridge",
                    frame_count,
                    port: 2,
                    payload: &[0xCB, 0xF6, 0x0B],
                    rssi: -71,
                    at: "2026-03-02T10:11:12Z".parse().unwrap(),
                })
                .unwrap();
        }
        let last = subscriber
            .wait_for("the third uplink", Duration::from_secs(5), |m| m.json()["fCnt"] == 2)
            .unwrap();
        assert_eq!(
            last.topic,
            format!("application/{}/device/a84041ffff123456/event/up", NetworkServer::APPLICATION)
        );
        let json = last.json();
        assert_eq!(json["data"], "y/YL");
        assert_eq!(json["fPort"], 2);
        assert_eq!(json["deviceInfo"]["devEui"], "a84041ffff123456");
        assert_eq!(json["rxInfo"][0]["rssi"], -71);
        assert!(!last.retained);
        let counts: Vec<_> = subscriber.messages().iter().map(|m| m.json()["fCnt"].clone()).collect();
        assert_eq!(counts, [0, 1, 2]);
        drop(subscriber);
        broker.stop().unwrap();
    }

    #[test]
    fn a_message_that_never_comes_ends_the_wait_at_its_limit() {
        let state = tempfile::tempdir().unwrap();
        let broker = Broker::start(state.path()).unwrap();
        let subscriber = Subscriber::connect(broker.port(), "listener", &["#"]).unwrap();
        let missed = subscriber.wait_for("nothing", Duration::from_millis(100), |_| true);
        assert!(matches!(missed, Err(SiteError::NotInTime { .. })));
    }
}
