//! The page over HTTP: who may ask, and how often a PIN may be tried.

use crate::world::World;
use frostguard_edge::clock::Clock;
use frostguard_edge::config::PageConfig;
use frostguard_edge::hub::Input;
use frostguard_edge::identity::Identity;
use frostguard_edge::page::{self, Page};
use frostguard_edge::site::Site;
use frostguard_edge::sources::Heard;
use frostguard_edge::sync::shown::CloudView;
use frostguard_edge::watch::Deed;
use frostguard_shared::ids::PersonId;
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::time::{DurationMs, WallMs};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// The page of a world, served as long as this lives; what it asks the watch to do is noted and granted.
struct Served {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<(Deed, PersonId)>>>,
    _runtime: Runtime,
}

impl Served {
    fn of(world: &World) -> Self {
        let mut identity = Identity::open(world.folder.path(), world.clock).unwrap();
        let site = Site::load(&world.folder.path().join("site.toml"), &mut identity, world.clock).unwrap();
        let (_, views) = watch::channel(Arc::new(world.view()));
        let (input, inputs) = sync_channel(1);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        std::thread::spawn(move || {
            while let Ok(input) = inputs.recv() {
                if let Input::Act(deed, person, answer) = input {
                    noted.lock().unwrap().push((deed, person));
                    answer.send(Ok(())).unwrap();
                }
            }
        });
        let runtime = Runtime::new().unwrap();
        // The port is free now; the page says when it listens there.
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = PageConfig { listen: address, ..PageConfig::default() };
        let (_, cloud) = watch::channel(CloudView::nothing());
        let page = Page::new(
            views,
            cloud,
            input,
            site.into(),
            Clock::new(WallMs(0), true),
            &config,
            world.folder.path(),
        );
        let (said, saying) = channel();
        // Once the test has heard that the page listens, it hears no more.
        runtime.spawn(page::serve(address, page, move |heard| drop(said.send(heard))));
        let first = saying.recv().unwrap();
        assert!(matches!(first, Heard::Source { fault: None, .. }), "{first:?}");
        Self { address, asked, _runtime: runtime }
    }

    /// The status of the answer to a request with these lines after its first, and this form.
    fn ask(&self, first: &str, lines: &str, form: &str) -> String {
        self.answer(first, lines, form).split(' ').nth(1).unwrap().to_owned()
    }

    /// The whole answer.
    fn answer(&self, first: &str, lines: &str, form: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let length = form.len();
        let kind = "Content-Type: application/x-www-form-urlencoded";
        let end = format!("{kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{form}");
        stream.write_all(format!("{first} HTTP/1.1\r\n{lines}{end}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

#[test]
fn five_wrong_pins_are_refused_one_by_one_and_the_sixth_is_not_even_looked_at() {
    let mut world = World::new();
    world.freezer_for(7, -1400);
    let alert = world.desired().alarms[0].alert;
    let page = Served::of(&world);
    let lines = format!("Host: {0}\r\nOrigin: http://{0}\r\n", page.address);
    let first = format!("POST /alarms/{alert}/acknowledge");
    let answers: Vec<String> = (0..6).map(|_| page.ask(&first, &lines, "person=maria&pin=000000")).collect();
    assert_eq!(answers, ["403", "403", "403", "403", "403", "429"]);
}

#[test]
fn a_form_that_is_refused_unread_ends_its_connection_and_says_so() {
    let world = World::new();
    let page = Served::of(&world);
    for (host, origin, status) in [
        (page.address.to_string(), "http://evil.example", "403"),
        (format!("evil.example:{}", page.address.port()), "http://evil.example", "421"),
    ] {
        let mut stream = TcpStream::connect(page.address).unwrap();
        let head = format!("POST /alarms/x/quiet HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n");
        stream.write_all(format!("{head}Content-Length: 3\r\n\r\na=b").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let answer = answer.to_lowercase();
        assert!(answer.starts_with(&format!("http/1.1 {status}")), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
}

#[test]
fn a_name_that_is_not_the_hubs_and_a_form_of_another_site_are_refused() {
    let world = World::new();
    let page = Served::of(&world);
    let own = format!("Host: {}\r\n", page.address);
    assert_eq!(page.ask("GET /", &own, ""), "200");
    assert_eq!(page.ask("GET /", &format!("Host: evil.example:{}\r\n", page.address.port()), ""), "421");
    let nowhere = "POST /alarms/00000000-0000-7000-8000-000000000000/quiet";
    assert_eq!(page.ask(nowhere, &own, ""), "403");
    assert_eq!(page.ask(nowhere, &format!("{own}Origin: http://evil.example\r\n"), ""), "403");
}

const PIN: &str = "135790";

/// A world whose Maria has a PIN that is known here.
fn with_a_pin() -> World {
    let mut world = World::new();
    let known = frostguard_edge::pin::hash(PIN).unwrap();
    world.change_site("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$Zm9vYmFyYmF6cXV4MTIzNA", &known);
    world.stopped();
    world.start();
    world
}

#[test]
fn a_unit_can_be_logged_and_silenced_by_whoever_has_a_pin_and_only_with_words_that_mean_something() {
    let world = with_a_pin();
    let maria = world.person("maria");
    let freezer = world.view().units[0].id;
    let page = Served::of(&world);
    let own = format!("Host: {0}\r\nOrigin: http://{0}\r\n", page.address);
    let foreign = format!("Host: {0}\r\nOrigin: http://evil.example\r\n", page.address);
    let (log, silence) = ("POST /units/freezer/log", "POST /units/freezer/silence");
    let with = |pin: &str, rest: &str| format!("person=maria&pin={pin}&{rest}");
    assert_eq!(page.ask(log, &foreign, &with(PIN, "temperature=-18")), "403");
    assert_eq!(page.ask(log, &own, &with(PIN, "temperature=cold")), "422");
    assert_eq!(page.ask(silence, &own, &with(PIN, "minutes=30&reason=+")), "422");
    assert_eq!(page.ask(silence, &own, &with(PIN, "minutes=600&reason=loading")), "422");
    assert_eq!(page.ask("POST /units/cellar/log", &own, &with(PIN, "temperature=-18")), "404");
    let again = page.answer(log, &own, &with("000000", "temperature=-18%2C3&note=by+the+door"));
    assert!(again.contains("That PIN is wrong."), "{again}");
    assert!(again.contains("value=\"-18,3\"") && again.contains("value=\"by the door\""), "{again}");
    assert!(page.asked.lock().unwrap().is_empty(), "nothing of that reached the watch");
    assert_eq!(page.ask(log, &own, &with(PIN, "temperature=-18%2C3&note=by+the+door")), "303");
    assert_eq!(page.ask(silence, &own, &with(PIN, "minutes=30&reason=loading")), "303");
    assert_eq!(page.ask("POST /units/freezer/unsilence", &own, &format!("person=maria&pin={PIN}")), "303");
    let temperature = CentiCelsius::literal(-1830);
    let length = DurationMs::minutes(30);
    assert_eq!(
        *page.asked.lock().unwrap(),
        [
            (Deed::Log { unit: freezer, temperature, note: "by the door".into() }, maria),
            (Deed::Shelve { unit: freezer, length, reason: "loading".into() }, maria),
            (Deed::Unshelve(freezer), maria),
        ]
    );
}

#[test]
fn a_silenced_unit_a_spent_mask_and_an_open_door_are_told_in_words() {
    let mut world = World::new();
    world.freezer(-1800);
    world.advert("400288fa2d01");
    world.freezer_for(4, -1800);
    let (now, freezer) = (world.clock, world.view().units[0].id);
    let deed = Deed::Shelve { unit: freezer, length: DurationMs::minutes(60), reason: "loading".into() };
    world.watch().act(&deed, PersonId::from_bytes([9; 16]), now).unwrap().unwrap();
    let page = Served::of(&world);
    let own = format!("Host: {}\r\n", page.address);
    for first in ["GET /units/freezer", "GET /"] {
        let shown = page.answer(first, &own, "");
        for words in
            ["Silenced until 19:", "Door open", "The open door excuses warm air for 60 min more today"]
        {
            assert!(shown.contains(words), "\"{words}\" is missing from {first}: {shown}");
        }
    }
}

/// What a viewer hears within the first event of the stream.
fn first_event(page: &Served) -> String {
    let mut stream = TcpStream::connect(page.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(format!("GET /live HTTP/1.1\r\nHost: {}\r\n\r\n", page.address).as_bytes()).unwrap();
    let mut heard = Vec::new();
    let mut bytes = [0; 4_096];
    while !heard.ends_with(b"\n\n\r\n") {
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0, "the stream ended: {}", String::from_utf8_lossy(&heard));
        heard.extend_from_slice(&bytes[..count]);
    }
    String::from_utf8(heard).unwrap()
}

#[test]
fn a_viewer_is_sent_the_units_with_the_chart_of_their_last_day() {
    let mut world = World::new();
    world.freezer_for(7, -1400);
    let page = Served::of(&world);
    let heard = first_event(&page);
    assert!(heard.contains("text/event-stream"), "{heard}");
    assert!(heard.contains("event: page"), "{heard}");
    assert!(heard.contains("Freezer"), "{heard}");
    assert!(heard.contains("class=\"band\""), "{heard}");
    assert!(heard.contains("−14.0 °C to −14.0 °C"), "{heard}");
}

#[test]
fn so_many_viewers_are_served_and_the_next_one_is_told_so_while_others_still_act() {
    let world = World::new();
    let page = Served::of(&world);
    let viewers: Vec<TcpStream> = (0..32)
        .map(|_| {
            let mut stream = TcpStream::connect(page.address).unwrap();
            let asked = format!("GET /live HTTP/1.1\r\nHost: {}\r\n\r\n", page.address);
            stream.write_all(asked.as_bytes()).unwrap();
            let mut bytes = [0; 12];
            stream.read_exact(&mut bytes).unwrap();
            assert_eq!(&bytes, b"HTTP/1.1 200");
            stream
        })
        .collect();
    let own = format!("Host: {}\r\n", page.address);
    assert_eq!(page.ask("GET /live", &own, ""), "503");
    assert_eq!(page.ask("GET /", &own, ""), "200");
    drop(viewers);
    // The server notices that a viewer has gone when it next writes to it.
    let is_free = || {
        first_status(&page) == "200" || {
            std::thread::sleep(Duration::from_millis(50));
            false
        }
    };
    assert!((0..400).any(|_| is_free()), "no place became free");
}

fn first_status(page: &Served) -> String {
    let mut stream = TcpStream::connect(page.address).unwrap();
    stream.write_all(format!("GET /live HTTP/1.1\r\nHost: {}\r\n\r\n", page.address).as_bytes()).unwrap();
    let mut bytes = [0; 12];
    stream.read_exact(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[9..]).into_owned()
}
