//! Owns an organization with one enrolled hub and a cloud that takes its record, in this process, on a real database.
//! Takes a database address; gives answers to batches and looks into the tables.
//! Must never write what the cloud itself should write.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use frostguard_cloud::api;
use frostguard_cloud::api::caller::ApiState;
use frostguard_cloud::api::origin::{OwnAddress, Peer};
use frostguard_cloud::hub::waiting::Waiting;
use frostguard_cloud::hub::{self, HubState};
use frostguard_cloud::sign_in::password::Password;
use frostguard_cloud::store::Database as CloudDatabase;
use frostguard_cloud::watch::Pace;
use frostguard_shared::ids::{DeviceId, EpochId, HubId, PersonId, PointId, SiteId, UnitId};
use frostguard_shared::point::{Channel, Role};
use frostguard_shared::rules::UnitRules;
use frostguard_shared::signature::{PublicKey, SecretKey};
use frostguard_shared::wire::record::Acknowledged;
use frostguard_shared::wire::site::{self, Site};
use frostguard_shared::wire::{self, Head, MEDIA_TYPE, Problem, Reason};
use minicbor::Encode;
use tokio::runtime::Runtime;

use super::database::Database;
use super::recorder::{Probe, Recorder};
use crate::error::SiteError;

/// 2026-11-10T00:00:00Z: in a month that every test database has a partition for.
pub const BEGAN_MS: i64 = 1_794_268_800_000;

/// What the cloud answers to a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Taken, now or before.
    Held(Head),
    /// Taken without a word.
    Done,
    /// Not taken.
    Refused(u16, Problem),
}

impl Answer {
    /// The number held, if it was taken.
    pub fn seq(&self) -> Option<u64> {
        match self {
            Self::Held(head) => Some(head.seq),
            Self::Done | Self::Refused(..) => None,
        }
    }
    /// Status and reason, if it was not taken.
    pub fn refusal(&self) -> Option<(u16, Reason)> {
        match self {
            Self::Refused(status, problem) => Some((*status, problem.reason)),
            Self::Held(_) | Self::Done => None,
        }
    }
}

/// One tenant of the cloud under test.
#[derive(Clone, Copy, Debug)]
pub struct Tenant {
    /// A small number from which every id follows.
    pub number: u8,
    /// Its hub.
    pub hub: HubId,
    /// Its hub's epoch.
    pub epoch: EpochId,
    /// Its person.
    pub person: PersonId,
    /// Its two probes, each on a unit of its own.
    pub probes: [Probe; 2],
}

fn id(number: u8, kind: u8, n: u8) -> [u8; 16] {
    [number, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, kind, n]
}

impl Tenant {
    fn new(number: u8) -> Self {
        let probe = |n| Probe {
            unit: UnitId::from_bytes(id(number, 3, n)),
            device: DeviceId::from_bytes(id(number, 4, n)),
            point: PointId::from_bytes(id(number, 5, n)),
        };
        Self {
            number,
            hub: HubId::from_bytes(id(number, 2, 1)),
            epoch: EpochId::from_bytes(id(number, 6, 1)),
            person: PersonId::from_bytes(id(number, 7, 1)),
            probes: [probe(1), probe(2)],
        }
    }

    /// The hub's key.
    pub fn key(&self) -> SecretKey {
        SecretKey::from_seed(&[self.number; 32])
    }

    fn token(&self) -> [u8; 32] {
        [self.number ^ 0x55; 32]
    }

    /// A record of its hub with both probes assigned.
    pub fn recorder(&self) -> Recorder {
        let mut recorder = Recorder::begin(self.hub, self.epoch, self.key(), BEGAN_MS);
        self.probes.iter().for_each(|probe| {
            recorder.assign(probe);
        });
        recorder
    }

    /// A record of its hub that begins without knowing the time, at this place on its axis.
    pub fn recorder_without_a_clock(&self, rule_ms: i64) -> Recorder {
        let mut recorder = Recorder::begin_untrusted(self.hub, self.epoch, self.key(), rule_ms);
        self.probes.iter().for_each(|probe| {
            recorder.assign(probe);
        });
        recorder
    }

    /// A probe on a unit of its own that the cloud has never heard of.
    pub fn unknown_probe(&self) -> Probe {
        Probe {
            unit: UnitId::from_bytes(id(self.number, 3, 9)),
            device: DeviceId::from_bytes(id(self.number, 4, 9)),
            point: PointId::from_bytes(id(self.number, 5, 9)),
        }
    }

    /// What its hub tells of its site: a unit and a device for each of these probes.
    pub fn site(&self, probes: &[Probe]) -> Site {
        let rules = serde_json::to_string(&UnitRules::default()).unwrap_or_default();
        let units = probes.iter().map(|probe| site::Unit {
            id: probe.unit,
            name: "Unit".into(),
            kind: "freezer".into(),
            rules: rules.clone(),
        });
        let devices = probes.iter().map(|probe| site::Device {
            id: probe.device,
            model: "test".into(),
            address: probe.device.to_string().replace('-', ""),
            points: vec![site::Point {
                id: probe.point,
                channel: Channel::Air,
                unit: probe.unit,
                role: Role::Air,
            }],
        });
        Site {
            id: SiteId::from_bytes(id(self.number, 1, 2)),
            name: "Site".into(),
            zone: "UTC".into(),
            people: Vec::new(),
            units: units.collect(),
            devices: devices.collect(),
        }
    }

    fn rows(&self) -> String {
        let text = |bytes: [u8; 16]| PointId::from_bytes(bytes).to_string();
        let (org, site, area) =
            (text(id(self.number, 1, 1)), text(id(self.number, 1, 2)), text(id(self.number, 1, 3)));
        let key = self.key().public();
        let token = hex::encode(frostguard_cloud::store::doors::SecretHash::of(&self.token()).0);
        let [one, two] = self.probes.map(|probe| probe.unit);
        format!(
            "INSERT INTO organizations (id, name, slug) VALUES ('{org}', 'Org {n}', 'org-{n}');
             INSERT INTO sites (id, organization_id, name) VALUES ('{site}', '{org}', 'Site');
             INSERT INTO areas (id, organization_id, site_id, name) VALUES ('{area}', '{org}', '{site}', 'Main');
             INSERT INTO units (id, organization_id, area_id, name, unit_type) VALUES
                 ('{one}', '{org}', '{area}', 'Freezer', 'freezer'), ('{two}', '{org}', '{area}', 'Fridge', 'fridge');
             INSERT INTO alert_rules (id, organization_id, unit_id, name, temp_max)
                 VALUES (gen_random_uuid(), '{org}', '{one}', 'Limits', -1500);
             INSERT INTO profiles (id, organization_id, full_name) VALUES ('{person}', '{org}', 'Maria');
             INSERT INTO hubs (id, organization_id, site_id, name, public_key)
                 VALUES ('{hub}', '{org}', '{site}', 'Hub', '\\x{key}');
             INSERT INTO hub_sessions (token_hash, organization_id, hub_id, epoch, expires_at)
                 VALUES ('\\x{token}', '{org}', '{hub}', '{epoch}', now() + interval '1 day');",
            n = self.number,
            person = self.person,
            hub = self.hub,
            epoch = self.epoch,
        )
    }
}

/// A cloud that takes the record of two tenants.
pub struct IngestWorld {
    /// The first tenant.
    pub ours: Tenant,
    /// The other one.
    pub theirs: Tenant,
    /// The database, for looking into it.
    pub database: Database,
    /// The cloud's public key.
    pub cloud: PublicKey,
    address: SocketAddr,
    // Dropped last: it runs the cloud.
    _runtime: Runtime,
}

impl IngestWorld {
    /// A cloud on a database, reached by a URL of the service's login: the database's own, or a pooler's.
    ///
    /// # Errors
    /// When the tenants cannot be made or the cloud cannot listen.
    pub fn start(database: Database, url: &str) -> Result<Self, SiteError> {
        Self::start_at(database, url, Pace::default())
    }

    /// The same, which tells whoever watches what changes at another pace.
    ///
    /// # Errors
    /// When the tenants cannot be made or the cloud cannot listen.
    pub fn start_at(database: Database, url: &str, pace: Pace) -> Result<Self, SiteError> {
        let (ours, theirs) = (Tenant::new(1), Tenant::new(2));
        database.psql(&format!(
            "SELECT make_readings_partition('2026-11-01'); {}{}",
            ours.rows(),
            theirs.rows()
        ))?;
        let runtime = Runtime::new().map_err(SiteError::io("start a runtime"))?;
        let address = runtime.block_on(serve(url, pace))?;
        let cloud = cloud_key().public();
        Ok(Self { ours, theirs, database, cloud, address, _runtime: runtime })
    }

    /// Sends a message as a tenant's hub.
    ///
    /// # Errors
    /// When there is no answer at all.
    pub fn send<M: Encode<()>>(&self, tenant: &Tenant, path: &str, message: &M) -> Result<Answer, SiteError> {
        self.send_bytes(Some(tenant.token()), path, &wire::to_bytes(message))
    }

    /// Sends bytes under a token.
    ///
    /// # Errors
    /// When there is no answer at all.
    pub fn send_bytes(&self, token: Option<[u8; 32]>, path: &str, body: &[u8]) -> Result<Answer, SiteError> {
        let (status, body) = self.answered(token, path, body)?;
        let garbled = |fault| SiteError::Unexpected(format!("an answer that is no message: {fault}"));
        match status {
            204 => Ok(Answer::Done),
            200 => Ok(Answer::Held(wire::from_bytes::<Acknowledged>(&body).map_err(garbled)?.held)),
            _ => Ok(Answer::Refused(status, wire::from_bytes(&body).map_err(garbled)?)),
        }
    }

    /// Sends a message without a token, and gives the bytes of what is answered.
    ///
    /// # Errors
    /// When there is no answer at all.
    pub fn exchange(&self, path: &str, body: &[u8]) -> Result<Vec<u8>, SiteError> {
        self.answered(None, path, body).map(|(_, body)| body)
    }

    fn answered(
        &self,
        token: Option<[u8; 32]>,
        path: &str,
        body: &[u8],
    ) -> Result<(u16, Vec<u8>), SiteError> {
        let url = format!("http://{}{path}", self.address);
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let mut request = ureq::Agent::new_with_config(config).post(url).header("Content-Type", MEDIA_TYPE);
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {}", hex::encode(token)));
        }
        let unexpected = |fault: ureq::Error| SiteError::Unexpected(format!("no answer: {fault}"));
        let mut response = request.send(body).map_err(unexpected)?;
        let status = response.status().as_u16();
        Ok((status, response.body_mut().read_to_vec().map_err(unexpected)?))
    }

    /// The port of the API.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Makes somebody a member of a tenant's organization, who signs in with this password. Of several tenants with the
    /// same mail it is one person.
    ///
    /// # Errors
    /// When the database does not take it.
    pub fn person(&self, tenant: &Tenant, email: &str, role: &str, password: &str) -> Result<(), SiteError> {
        let hash = Password::chosen(password.to_owned()).and_then(|password| password.hash(&[7; 16]));
        let hash = hash.map_err(|fault| SiteError::Unexpected(fault.to_string()))?;
        let organization = PointId::from_bytes(id(tenant.number, 1, 1));
        let sql = format!(
            "INSERT INTO users (id, email, password_hash) VALUES (gen_random_uuid(), '{email}', '{hash}')
                 ON CONFLICT DO NOTHING;
             INSERT INTO profiles (id, user_id, organization_id, email, full_name)
                 SELECT gen_random_uuid(), id, '{organization}', email, 'Olivia' FROM users WHERE email = '{email}';
             INSERT INTO user_roles (id, user_id, organization_id, role)
                 SELECT gen_random_uuid(), id, '{organization}', '{role}' FROM users WHERE email = '{email}'"
        );
        self.database.psql(&sql).map(|_| ())
    }

    /// What psql says, without the last newline.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn ask(&self, sql: &str) -> Result<String, SiteError> {
        self.database.psql(sql).map(|text| text.trim_end().to_owned())
    }
}

fn cloud_key() -> SecretKey {
    SecretKey::from_seed(&[9; 32])
}

async fn serve(url: &str, pace: Pace) -> Result<SocketAddr, SiteError> {
    let database = CloudDatabase::connect(url, 8)
        .map_err(|fault| SiteError::Unexpected(format!("no database: {fault}")))?;
    let key = Arc::new(cloud_key());
    let waiting = Waiting::new(database.clone(), 64);
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(SiteError::io("listen for hubs"))?;
    let address = listener.local_addr().map_err(SiteError::io("read the port"))?;
    // As if a proxy stood before it, so that a test can be seen to come from any address.
    let own = OwnAddress::of(&format!("http://{address}"), Peer::Forwarded);
    let people = api::routes(ApiState::new(database.clone(), own, Arc::clone(&key), pace));
    let router = hub::routes().with_state(HubState { database, key, waiting }).merge(people);
    tokio::spawn(async move {
        // It ends with the runtime.
        let _ = axum::serve(listener, router).await;
    });
    Ok(address)
}
