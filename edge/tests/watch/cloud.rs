//! A double of the cloud that speaks the real wire over HTTP, keeps what it is sent, and misbehaves on demand.
//!
//! It takes only what extends what it holds, as the cloud does, and fails the test where the same number comes with
//! another content. What it holds is what the tests compare with the hub's own file.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use frostguard_shared::chain::{Hash, genesis, link};
use frostguard_shared::checkpoint::Checkpoint;
use frostguard_shared::claim::ClaimCode;
use frostguard_shared::event::Event;
use frostguard_shared::ids::{CommandId, EpochId, HubId, SiteId};
use frostguard_shared::reading::READING_BYTES;
use frostguard_shared::signature::{PublicKey, SecretKey, enrol_text, enrolled_text, login_text, time_text};
use frostguard_shared::time::WallMs;
use frostguard_shared::tree::Frontier;
use frostguard_shared::wire::desired::{Desired, Poll, Signed};
use frostguard_shared::wire::live::Live;
use frostguard_shared::wire::login::*;
use frostguard_shared::wire::record::{Acknowledged, Events, Readings};
use frostguard_shared::wire::{Head, Problem, Reason, from_bytes, path, site, to_bytes};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;

/// What the cloud does instead of what it should, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mischief {
    /// Takes it, and the answer is lost.
    LoseAnswer,
    /// Takes nothing, and asks for a pause.
    Busy,
    /// Knows the token no more.
    ForgetToken,
    /// Says that a proxy in between has failed.
    BadGateway,
}

/// What is held of one epoch.
#[derive(Default)]
pub struct Epoch {
    /// Events by number, from 1, with their hashes.
    pub events: Vec<(Hash, Vec<u8>)>,
    /// Readings by number.
    pub readings: BTreeMap<u64, Vec<u8>>,
    /// The last number of readings without a hole before it.
    pub readings_to: u64,
    /// Gaps told.
    pub gaps: Vec<(u64, u64)>,
}

/// What the double knows.
#[derive(Default)]
pub struct Memory {
    /// What it holds, by epoch.
    pub epochs: BTreeMap<EpochId, Epoch>,
    /// The paths asked for, in order.
    pub asked: Vec<String>,
    /// Live messages.
    pub live: Vec<Live>,
    /// Site messages.
    pub sites: Vec<site::Site>,
    /// What it does next on a path.
    pub mischief: VecDeque<(&'static str, Mischief)>,
    /// How a hub's journal stands, whatever it says.
    pub standing: Option<Standing>,
    /// A reading that it never takes.
    pub poison: Option<u64>,
    /// The document that it desires, signed in whatever way.
    pub document: Option<(u64, Signed)>,
    /// Commands that it asks for, with their ids.
    pub commands: Vec<(CommandId, Signed)>,
    /// What hubs have said that they know.
    pub polls: Vec<Poll>,
    /// Its wall clock.
    pub time: i64,
    nonce: u8,
    token: u8,
    hub: Option<(HubId, PublicKey)>,
}

pub struct Cloud {
    pub address: SocketAddr,
    pub key: SecretKey,
    pub memory: Arc<Mutex<Memory>>,
    _runtime: Runtime,
}

#[derive(Clone)]
struct Inner {
    signs_with: SecretKey,
    key: SecretKey,
    memory: Arc<Mutex<Memory>>,
}

/// The secret of the one claim code that it takes.
pub const SECRET: [u8; 10] = [9; 10];

impl Cloud {
    pub fn new() -> Self {
        let key = SecretKey::from_seed(&[42; 32]);
        Self::signing_with(key.clone(), key)
    }

    /// A cloud that answers for a key but signs with another.
    pub fn impostor() -> Self {
        Self::signing_with(SecretKey::from_seed(&[42; 32]), SecretKey::from_seed(&[66; 32]))
    }

    fn signing_with(key: SecretKey, signs_with: SecretKey) -> Self {
        let runtime = Runtime::new().unwrap();
        let memory = Arc::new(Mutex::new(Memory { time: 1_900_000_000_000, ..Memory::default() }));
        let inner = Inner { signs_with, key: key.clone(), memory: Arc::clone(&memory) };
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(inner);
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, key, memory, _runtime: runtime }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn code(&self) -> ClaimCode {
        ClaimCode { secret: SECRET, cloud: self.key.public().fingerprint() }
    }

    /// Knows a hub without enrolment.
    pub fn know(&self, hub: HubId, key: PublicKey) {
        self.look(|memory| memory.hub = Some((hub, key)));
    }

    pub fn look<T>(&self, at: impl FnOnce(&mut Memory) -> T) -> T {
        at(&mut self.memory.lock().unwrap())
    }

    /// How often a path was asked for.
    pub fn times(&self, path: &str) -> usize {
        self.look(|memory| memory.asked.iter().filter(|asked| *asked == path).count())
    }
}

type Answer = Result<Vec<u8>, Problem>;

fn refuse(reason: Reason, held: Option<Head>) -> Answer {
    Err(Problem { reason, text: format!("the double says {reason:?}"), held })
}

async fn answer(State(inner): State<Inner>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut memory = inner.memory.lock().unwrap();
    memory.asked.push(uri.path().to_owned());
    let here = memory.mischief.iter().position(|(path, _)| *path == uri.path());
    let mischief = here.and_then(|at| memory.mischief.remove(at)).map(|(_, mischief)| mischief);
    if mischief == Some(Mischief::BadGateway) {
        return (StatusCode::BAD_GATEWAY, "<html>an unhappy proxy</html>").into_response();
    }
    if mischief == Some(Mischief::ForgetToken) {
        memory.token += 1;
    }
    let body = zstd::decode_all(&body[..]).unwrap();
    let answer = match mischief {
        Some(Mischief::Busy) => refuse(Reason::Busy, None),
        _ => inner.handle(&mut memory, uri.path(), &headers, &body),
    };
    match (answer, mischief) {
        (_, Some(Mischief::LoseAnswer)) => (StatusCode::GATEWAY_TIMEOUT, "").into_response(),
        (Ok(body), _) => body.into_response(),
        (Err(problem), _) if problem.reason == Reason::Busy => {
            (StatusCode::TOO_MANY_REQUESTS, [("Retry-After", "1")], to_bytes(&problem)).into_response()
        }
        (Err(problem), _) => (StatusCode::CONFLICT, to_bytes(&problem)).into_response(),
    }
}

impl Inner {
    fn handle(&self, memory: &mut Memory, to: &str, headers: &HeaderMap, body: &[u8]) -> Answer {
        match to {
            path::CHALLENGE => {
                memory.nonce += 1;
                Ok(to_bytes(&Challenge { nonce: [memory.nonce; 32] }))
            }
            path::LOGIN => self.log_in(memory, &from_bytes(body).unwrap()),
            path::ENROL => self.enrol(memory, &from_bytes(body).unwrap()),
            _ => {
                let token = format!("Bearer {}", hex::encode([memory.token; 32]));
                if headers.get("Authorization").is_none_or(|said| said.to_str().unwrap() != token) {
                    return refuse(Reason::Token, None);
                }
                match to {
                    path::EVENTS => events(memory, from_bytes(body).unwrap()),
                    path::READINGS => readings(memory, &from_bytes(body).unwrap()),
                    path::DESIRED => Ok(self.desired(memory, &from_bytes(body).unwrap())),
                    path::LIVE => {
                        memory.live.push(from_bytes(body).unwrap());
                        Ok(Vec::new())
                    }
                    path::SITE => {
                        memory.sites.push(from_bytes(body).unwrap());
                        Ok(Vec::new())
                    }
                    other => panic!("no such path: {other}"),
                }
            }
        }
    }

    /// What is desired and not known; this double does not hold an answer back, so a hub asks it often.
    fn desired(&self, memory: &mut Memory, poll: &Poll) -> Vec<u8> {
        if memory.polls.last() != Some(poll) {
            memory.polls.push(poll.clone());
        }
        let known = |command: &CommandId| poll.received.contains(command);
        let document = memory.document.clone().filter(|(version, _)| *version > poll.decided);
        let commands = memory.commands.iter().filter(|(command, _)| !known(command));
        let desired = Desired {
            document: document.map(|(_, signed)| signed),
            commands: commands.map(|(_, signed)| signed.clone()).collect(),
        };
        if desired == Desired::default() { Vec::new() } else { to_bytes(&desired) }
    }

    fn enrol(&self, memory: &mut Memory, asked: &Enrol) -> Answer {
        if asked.secret != SECRET {
            return refuse(Reason::ClaimCode, None);
        }
        asked.key.verify(&enrol_text(asked.hub, asked.key, &asked.secret), &asked.signature).unwrap();
        memory.hub = Some((asked.hub, asked.key));
        memory.sites.push(asked.site.clone());
        let text = enrolled_text(asked.hub, asked.key, &asked.secret);
        Ok(to_bytes(&EnrolReply {
            cloud: self.key.public(),
            signature: self.signs_with.sign(&text),
            site: SiteId::from_bytes([7; 16]),
            site_name: "Main street".into(),
            organization_name: "Shops".into(),
        }))
    }

    fn log_in(&self, memory: &mut Memory, login: &Login) -> Answer {
        let Some((hub, key)) = memory.hub.filter(|(hub, _)| *hub == login.hub) else {
            return refuse(Reason::UnknownHub, None);
        };
        assert_eq!(login.nonce, [memory.nonce; 32], "a challenge is good for one login");
        let text = login_text(login.hub, login.epoch, &login.nonce, self.key.public());
        key.verify(&text, &login.signature).unwrap();
        memory.token += 1;
        let held = memory.epochs.entry(login.epoch).or_default();
        let head = head(held, hub, login.epoch);
        let standing = match held.events.len() as u64 {
            count if count > login.events.seq => Standing::Behind,
            count if count == login.events.seq && head.hash != login.events.hash => Standing::Beside,
            _ => Standing::Extends,
        };
        let readings = Head { seq: held.readings_to, hash: None };
        let time = WallMs(memory.time);
        Ok(to_bytes(&LoginReply {
            token: [memory.token; 32],
            valid_ms: 3_600_000,
            time,
            time_signature: self.signs_with.sign(&time_text(&login.nonce, time)),
            events: head,
            readings,
            standing: memory.standing.take().unwrap_or(standing),
            site_wanted: memory.sites.is_empty(),
        }))
    }
}

fn head(held: &Epoch, hub: HubId, epoch: EpochId) -> Head {
    let hash = held.events.last().map_or(genesis(hub, epoch), |(hash, _)| *hash);
    Head { seq: held.events.len() as u64, hash: Some(hash) }
}

/// Takes events: a known prefix is dropped if it is the same, the rest must link to what is held.
fn events(memory: &mut Memory, batch: Events) -> Answer {
    batch.check().unwrap();
    let (hub, key) = memory.hub.unwrap();
    let held = memory.epochs.entry(batch.epoch).or_default();
    let before = head(held, hub, batch.epoch);
    if batch.first > before.seq + 1 {
        return refuse(Reason::Ahead, Some(before));
    }
    let at = batch.first as usize - 1;
    let expected = if at == 0 { genesis(hub, batch.epoch) } else { held.events[at - 1].0 };
    if batch.previous != expected {
        return refuse(Reason::BrokenLink, Some(before));
    }
    let mut hash = batch.previous;
    for (n, item) in batch.items.iter().enumerate() {
        let bytes = item.bytes.as_ref().unwrap().to_vec();
        hash = link(hash, &bytes);
        let event = Event::from_bytes(&bytes).unwrap();
        assert_eq!((event.envelope.seq, event.envelope.epoch), ((at + n + 1) as u64, batch.epoch));
        match held.events.get(at + n) {
            Some(known) => assert_eq!(known, &(hash, bytes), "the same number, another event"),
            None => held.events.push((hash, bytes)),
        }
    }
    let mut tree = Frontier::default();
    held.events[..batch.last() as usize].iter().for_each(|(hash, _)| tree.push_event(*hash));
    let checkpoint = Checkpoint::verify(&batch.checkpoint, hub, batch.epoch, key).unwrap();
    assert_eq!(checkpoint, Checkpoint { size: batch.last(), root: tree.root() });
    Ok(to_bytes(&Acknowledged { held: head(held, hub, batch.epoch) }))
}

fn readings(memory: &mut Memory, batch: &Readings) -> Answer {
    batch.check().unwrap();
    let (hub, _) = memory.hub.unwrap();
    let poison = memory.poison;
    let held = memory.epochs.entry(batch.epoch).or_default();
    if batch.under.seq > held.events.len() as u64 {
        return refuse(Reason::EventsFirst, Some(head(held, hub, batch.epoch)));
    }
    if batch.first > held.readings_to + 1 {
        return refuse(Reason::Ahead, Some(Head { seq: held.readings_to, hash: None }));
    }
    if batch.numbers().any(|number| Some(number) == poison) {
        return refuse(Reason::Garbled, None);
    }
    for (number, row) in batch.numbers().zip(batch.rows.chunks(READING_BYTES)) {
        assert_eq!(u64::from_le_bytes(row[8..16].try_into().unwrap()), number);
        let known = held.readings.entry(number).or_insert_with(|| row.to_vec());
        assert_eq!(known, row, "the same number, another reading");
    }
    held.gaps.extend(batch.gaps.iter().map(|gap| (gap.first, gap.last)));
    held.readings_to = held.readings_to.max(batch.last());
    Ok(to_bytes(&Acknowledged { held: Head { seq: held.readings_to, hash: None } }))
}
