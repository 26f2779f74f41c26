//! Owns the proof that the Bluetooth double speaks to the client library of the hub as BlueZ does.
//! Takes a private bus and a real client; gives what the client saw.
//! Must never look inside the double.
#![expect(clippy::unwrap_used, reason = "this file is a test: a failed step is the finding")]

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bluez_async::{
    AdapterEvent, BluetoothEvent, BluetoothSession, DeviceEvent, DiscoveryFilter, Transport, uuid_from_u16,
};
use frostguard_tests::site::bluez::{Advert, BluezDouble, Heard};
use frostguard_tests::site::dbus::PrivateBus;
use frostguard_tests::site::encode_bthome::{Measurement, SERVICE_UUID};
use futures_util::{Stream, StreamExt};
use tokio::runtime::Runtime;

const MAC: &str = "A4:C1:38:00:00:01";
const SOON: Duration = Duration::from_secs(5);

fn advert(centi_c: i16) -> Advert {
    let measured = Measurement { temperature_centi_c: Some(centi_c), ..Measurement::default() };
    Advert {
        service_data: BTreeMap::from([(SERVICE_UUID.to_owned(), measured.service_data())]),
        ..Advert::default()
    }
}

fn filter(duplicate_data: bool) -> DiscoveryFilter {
    DiscoveryFilter {
        transport: Some(Transport::Le),
        duplicate_data: Some(duplicate_data),
        ..DiscoveryFilter::default()
    }
}

fn next<T>(
    runtime: &Runtime,
    events: &mut (impl Stream<Item = BluetoothEvent> + Unpin),
    wanted: impl Fn(DeviceEventOrAdapter) -> Option<T>,
) -> T {
    let found = async {
        loop {
            let event = events.next().await.expect("the stream goes on");
            let seen = match event {
                BluetoothEvent::Device { event, .. } => DeviceEventOrAdapter::Device(event),
                BluetoothEvent::Adapter { event, .. } => DeviceEventOrAdapter::Adapter(event),
                other => panic!("unexpected {other:?}"),
            };
            if let Some(found) = wanted(seen) {
                return found;
            }
        }
    };
    runtime.block_on(async { tokio::time::timeout(SOON, found).await }).expect("the event comes")
}

enum DeviceEventOrAdapter {
    Device(DeviceEvent),
    Adapter(AdapterEvent),
}

fn service_data(event: DeviceEventOrAdapter) -> Option<Vec<u8>> {
    match event {
        DeviceEventOrAdapter::Device(DeviceEvent::ServiceData { service_data }) => {
            service_data.get(&uuid_from_u16(0xFCD2)).cloned()
        }
        _ => None,
    }
}

// The client finds the bus through a variable of the whole process, so this file has one test only, which is
// started again as a child of itself with the variable set.
#[test]
fn a_client_discovers_hears_changes_and_sees_discovery_end() {
    const CHILD: &str = "a_client_discovers_hears_changes_and_sees_discovery_end";
    if std::env::var_os("DBUS_SYSTEM_BUS_ADDRESS").is_some_and(|v| v.to_string_lossy().contains("bus.sock")) {
        return client_side();
    }
    let state = tempfile::tempdir().unwrap();
    let bus = PrivateBus::start(state.path()).unwrap();
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", CHILD, "--nocapture"])
        .env("DBUS_SYSTEM_BUS_ADDRESS", bus.address())
        .status()
        .unwrap();
    assert!(status.success());
}

fn client_side() {
    let address = std::env::var("DBUS_SYSTEM_BUS_ADDRESS").unwrap();
    let double = BluezDouble::start(&address).unwrap();
    assert!(double.wait_discovering(Duration::from_millis(50)).is_err());
    assert_eq!(double.advertise(MAC, -60, advert(-1800)).unwrap(), Heard::Not);

    let runtime = Runtime::new().unwrap();
    let (lost, session) = runtime.block_on(BluetoothSession::new()).unwrap();
    runtime.spawn(async move { drop(lost.await) });
    let adapters = runtime.block_on(session.get_adapters()).unwrap();
    assert_eq!(adapters.len(), 1);
    assert_eq!(adapters[0].id.to_string(), "hci0");
    assert!(adapters[0].powered && !adapters[0].discovering);
    let mut events = Box::pin(runtime.block_on(session.event_stream()).unwrap());

    discovers(&runtime, &session, &double, &mut events);
    restarts(&runtime, &session, &double, &mut events, &adapters[0].id);
    // The client's streams take back their subscriptions in the background when they are dropped.
    let _context = runtime.enter();
    drop(events);
}

fn discovers(
    runtime: &Runtime,
    session: &BluetoothSession,
    double: &BluezDouble,
    events: &mut (impl Stream<Item = BluetoothEvent> + Unpin),
) {
    runtime.block_on(session.start_discovery_with_filter(&filter(true))).unwrap();
    double.wait_discovering(SOON).unwrap();
    assert_eq!(double.advertise(MAC, -60, advert(-1800)).unwrap(), Heard::Delivered);
    next(runtime, events, |event| {
        matches!(event, DeviceEventOrAdapter::Device(DeviceEvent::Discovered)).then_some(())
    });
    let devices = runtime.block_on(session.get_devices()).unwrap();
    assert_eq!(devices[0].mac_address.to_string(), MAC);
    assert_eq!(devices[0].rssi, Some(-60));
    assert_eq!(
        devices[0].service_data,
        HashMap::from([(uuid_from_u16(0xFCD2), hex::decode("4002f8f8").unwrap())])
    );
    assert_eq!(double.advertise(MAC, -58, advert(-1750)).unwrap(), Heard::Delivered);
    assert_eq!(next(runtime, events, service_data), hex::decode("40022af9").unwrap());
    // The same bytes again: heard again, because duplicates were asked for.
    assert_eq!(double.advertise(MAC, -58, advert(-1750)).unwrap(), Heard::Delivered);
    assert_eq!(next(runtime, events, service_data), hex::decode("40022af9").unwrap());
}

fn restarts(
    runtime: &Runtime,
    session: &BluetoothSession,
    double: &BluezDouble,
    events: &mut (impl Stream<Item = BluetoothEvent> + Unpin),
    adapter: &bluez_async::AdapterId,
) {
    double.stop_discovery_by_other().unwrap();
    next(runtime, events, |event| {
        matches!(event, DeviceEventOrAdapter::Adapter(AdapterEvent::Discovering { discovering: false }))
            .then_some(())
    });
    assert!(!double.is_discovering());
    assert_eq!(double.advertise(MAC, -58, advert(-1700)).unwrap(), Heard::Not);
    assert!(runtime.block_on(session.stop_discovery_on_adapter(adapter)).is_err());

    // Without duplicates a known device is reported once per scan.
    runtime.block_on(session.start_discovery_with_filter(&filter(false))).unwrap();
    assert_eq!(double.advertise(MAC, -58, advert(-1700)).unwrap(), Heard::Delivered);
    assert_eq!(next(runtime, events, service_data), hex::decode("40025cf9").unwrap());
    assert_eq!(double.advertise(MAC, -58, advert(-1650)).unwrap(), Heard::Not);

    // Power off ends the scan, and a scan cannot start before power is back.
    runtime.block_on(session.set_powered(adapter, false)).unwrap();
    next(runtime, events, |event| {
        matches!(event, DeviceEventOrAdapter::Adapter(AdapterEvent::Powered { powered: false })).then_some(())
    });
    assert!(!double.is_discovering());
    // The client library powers the adapter on before it starts.
    runtime.block_on(session.start_discovery_with_filter(&filter(true))).unwrap();
    assert!(double.is_discovering());
}
