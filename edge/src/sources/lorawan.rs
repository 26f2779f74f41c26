//! LoRaWAN by way of a network server on the premises: ChirpStack's uplinks from an MQTT broker.
//!
//! Owns the connection: it subscribes anew on every connect, waits with growing random delays when the broker is away,
//! and keeps its session so that the broker holds uplinks while the hub restarts. Messages that may be from such a
//! time are marked, for they are not news. A message too large for the client would be delivered for ever: the session
//! is then dropped once, and that is reported.

use super::chirpstack::{self, Delivery};
use super::{Heard, Refusal};
use crate::clock::Clock;
use crate::config::LorawanConfig;
use crate::entropy::backoff;
use rumqttc::mqttbytes::Error as PacketError;
use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, Incoming, MqttOptions, Publish, QoS, StateError,
    SubscribeReasonCode,
};
use std::time::Duration;

const SOURCE: &str = "lorawan";
/// Packets above this end the connection; smaller ones above the uplink's bound are refused one by one.
const LARGEST_PACKET: usize = 1 << 20;
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A broker that kept messages delivers them first; after so long a message is news.
const BACKLOG_MS: u64 = 30_000;

/// The source.
pub struct Lorawan {
    config: LorawanConfig,
    client: String,
    clock: Clock,
}

impl Lorawan {
    /// A source that will connect as the given client.
    pub fn new(config: LorawanConfig, client: &str, clock: Clock) -> Self {
        Self { config, client: format!("{client}-lorawan"), clock }
    }

    /// Listens until dropped, giving everything heard to `hear`.
    pub async fn run(self, hear: impl Fn(Heard)) {
        let (mut failures, mut clean) = (0, false);
        loop {
            let fault = match self.options(clean) {
                Ok(options) => {
                    let (client, mut connection) = AsyncClient::new(options, 16);
                    let fault = self.listen(&client, &mut connection, &mut failures, &hear).await;
                    clean = is_oversize(&fault);
                    fault.to_string()
                }
                Err(fault) => format!("its password file cannot be read: {fault}"),
            };
            if clean {
                let refusal = Refusal::Oversize(LARGEST_PACKET + 1, LARGEST_PACKET);
                hear(Heard::Refused { source: SOURCE, refusal });
            }
            hear(Heard::Source { source: SOURCE, fault: Some(fault) });
            failures += 1;
            tokio::time::sleep(backoff(failures, LONGEST_WAIT)).await;
        }
    }

    fn options(&self, clean: bool) -> std::io::Result<MqttOptions> {
        let mut options = MqttOptions::new(&self.client, &self.config.host, self.config.port);
        options
            .set_keep_alive(Duration::from_secs(20))
            .set_max_packet_size(LARGEST_PACKET, LARGEST_PACKET)
            .set_clean_session(clean);
        if let Some(username) = &self.config.username {
            let password = self.config.password_file.as_ref().map(std::fs::read_to_string).transpose()?;
            options.set_credentials(username, password.unwrap_or_default().trim_end());
        }
        Ok(options)
    }

    /// One connection, until it fails.
    async fn listen(
        &self,
        client: &AsyncClient,
        connection: &mut EventLoop,
        failures: &mut u32,
        hear: &impl Fn(Heard),
    ) -> ConnectionError {
        let topic = format!("application/{}/device/+/event/up", self.config.application);
        let now_ms = || self.clock.sample().boottime.0;
        let mut news_from_ms = now_ms();
        loop {
            match connection.poll().await {
                Ok(Event::Incoming(Incoming::ConnAck(accepted))) => {
                    *failures = 0;
                    news_from_ms = now_ms() + if accepted.session_present { BACKLOG_MS } else { 0 };
                    if let Err(full) = client.try_subscribe(&topic, QoS::AtLeastOnce) {
                        tracing::warn!(%full, "could not subscribe for uplinks; trying again at the next connect");
                    }
                }
                Ok(Event::Incoming(Incoming::SubAck(answer))) => {
                    let refused = answer.return_codes.contains(&SubscribeReasonCode::Failure);
                    let fault = refused.then(|| format!("the broker refuses the topic {topic}"));
                    hear(Heard::Source { source: SOURCE, fault });
                }
                Ok(Event::Incoming(Incoming::Publish(message))) => {
                    let old = message.retain || now_ms() < news_from_ms;
                    hear(heard(&message, if old { Delivery::MayBeOld } else { Delivery::Live }));
                }
                Ok(_) => {}
                Err(fault) => return fault,
            }
        }
    }
}

fn heard(message: &Publish, delivery: Delivery) -> Heard {
    match chirpstack::uplink(&message.payload, delivery) {
        Ok(frame) => Heard::Frame(frame),
        Err(refusal) => Heard::Refused { source: SOURCE, refusal },
    }
}

fn is_oversize(fault: &ConnectionError) -> bool {
    matches!(
        fault,
        ConnectionError::MqttState(StateError::Deserialization(PacketError::PayloadSizeLimitExceeded(_)))
    )
}
