//! Owns the network server's side of LoRaWAN: ChirpStack v4's JSON events on the MQTT broker.
//! Takes a device's uplink bytes; gives them to the broker as `event/up`, base64 inside JSON.
//! Must never decode a payload or know what is in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rumqttc::{Client, Connection, MqttOptions, QoS};
use serde_json::{Value, json};

use crate::error::SiteError;

/// What is too large to be an uplink must be able to leave.
const LARGEST_PACKET: usize = 16 << 20;

/// One uplink as a gateway heard it.
#[derive(Clone, Copy, Debug)]
pub struct Uplink<'a> {
    /// The device's EUI, 16 lower-case hex digits.
    pub dev_eui: &'a str,
    /// The name that the network server's user gave it.
    pub device_name: &'a str,
    /// Counts the device's uplinks since it joined.
    pub frame_count: u32,
    /// The LoRaWAN port.
    pub port: u8,
    /// The decrypted payload.
    pub payload: &'a [u8],
    /// Signal strength at the gateway in dBm.
    pub rssi: i16,
    /// When the network server had it.
    pub at: Timestamp,
}

impl Uplink<'_> {
    /// The event as ChirpStack writes it for a device of this application.
    fn event(&self, application: &str) -> Value {
        json!({
            "deduplicationId": format!("7c9d1f60-3b52-4e0a-9d8e-{:012x}", self.frame_count),
            "time": self.at.to_string(),
            "deviceInfo": {
                "tenantId": "52f14cd4-c6f1-4fbd-8f87-4025e1d49242",
                "tenantName": "ChirpStack",
                "applicationId": application,
                "applicationName": "cold-chain",
                "deviceProfileId": "14855bf7-d10d-4aee-b618-ebfcb64dc7ad",
                "deviceProfileName": "cold-chain sensor",
                "deviceName": self.device_name,
                "devEui": self.dev_eui,
                "deviceClassEnabled": "CLASS_A",
                "tags": {}
            },
            "devAddr": "00189440",
            "adr": true,
            "dr": 5,
            "fCnt": self.frame_count,
            "fPort": self.port,
            "confirmed": false,
            "data": STANDARD.encode(self.payload),
            "rxInfo": [{
                "gatewayId": "0016c001f153a14c",
                "uplinkId": 4_217_106_255_u32,
                "nsTime": self.at.to_string(),
                "rssi": self.rssi,
                "snr": 8.2,
                "channel": 2,
                "rfChain": 1,
                "location": {},
                "context": "EFwMtA==",
                "metadata": { "region_common_name": "EU868", "region_config_id": "eu868" },
                "crcStatus": "CRC_OK"
            }],
            "txInfo": {
                "frequency": 867_100_000,
                "modulation": { "lora": { "bandwidth": 125_000, "spreadingFactor": 7, "codeRate": "CR_4_5" } }
            },
            "regionConfigId": "eu868"
        })
    }
}

/// A connection to the broker that publishes events; it disconnects when dropped.
pub struct NetworkServer {
    application: String,
    client: Client,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NetworkServer {
    /// The application that devices belong to if nobody says otherwise.
    pub const APPLICATION: &'static str = "17c82e96-be03-4f38-aef3-f83d48582d97";

    /// Connects to the broker on 127.0.0.1; events published before it is connected wait.
    pub fn connect(port: u16) -> NetworkServer {
        NetworkServer::connect_for(port, NetworkServer::APPLICATION)
    }

    /// The same for the devices of another application.
    pub fn connect_for(port: u16, application: &str) -> NetworkServer {
        let mut options = MqttOptions::new(format!("network-server-{application}"), "127.0.0.1", port);
        options.set_keep_alive(Duration::from_secs(20)).set_max_packet_size(LARGEST_PACKET, LARGEST_PACKET);
        let (client, connection) = Client::new(options, 64);
        let ending = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ending);
        let thread = Some(thread::spawn(move || keep_sending(connection, &told)));
        NetworkServer { application: application.to_owned(), client, ending, thread }
    }

    /// Publishes an uplink.
    ///
    /// # Errors
    /// When so many events wait for the broker that no more fit.
    pub fn publish(&self, uplink: &Uplink<'_>) -> Result<(), SiteError> {
        let event = uplink.event(&self.application).to_string();
        Ok(self.client.try_publish(self.topic(uplink.dev_eui), QoS::AtMostOnce, false, event)?)
    }

    /// Publishes anything at all where a device's uplinks come, as a broken or hostile client of the broker can; the
    /// broker is to deliver it until the hub has taken it.
    ///
    /// # Errors
    /// When so many events wait for the broker that no more fit.
    pub fn publish_anything(&self, dev_eui: &str, message: Vec<u8>) -> Result<(), SiteError> {
        Ok(self.client.try_publish(self.topic(dev_eui), QoS::AtLeastOnce, false, message)?)
    }

    fn topic(&self, dev_eui: &str) -> String {
        format!("application/{}/device/{dev_eui}/event/up", self.application)
    }
}

impl Drop for NetworkServer {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Release);
        let _ = self.client.try_disconnect();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn keep_sending(mut connection: Connection, ending: &AtomicBool) {
    for event in connection.iter() {
        if event.is_err() {
            if ending.load(Ordering::Acquire) {
                return;
            }
            thread::park_timeout(Duration::from_millis(200));
        }
    }
}
