//! Owns a whole cloud service in this process on a real database, and a hub made by hand that speaks to it.
//! Takes a database's address; gives answers to each message of login, enrolment and site.
//! Must never write what the cloud itself should write, nor share code with the hub but the frozen forms.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use frostguard_cloud::config::{Config, DatabaseUrl};
use frostguard_cloud::key;
use frostguard_cloud::service::{Service, ServiceError};
use frostguard_cloud::store::doors::{Role as ApiRole, SecretHash};
use frostguard_cloud::store::{Database as CloudDatabase, Duty, StoreError, operators};
use frostguard_shared::chain::{Hash, genesis};
use frostguard_shared::ids::{DeviceId, EpochId, HubId, OrganizationId, PersonId, PointId, SiteId, UnitId};
use frostguard_shared::point::{Channel, Role};
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::rules::{Field, Severity, Telling, ThermalRule, UnitRules};
use frostguard_shared::signature::{PublicKey, SecretKey, Signature, enrol_text, login_text};
use frostguard_shared::time::DurationMs;
use frostguard_shared::wire::login::{
    Challenge, ChallengeRequest, Enrol, EnrolReply, Login, LoginReply, Takeover,
};
use frostguard_shared::wire::site::{Device, Person, Point, Site, Unit};
use frostguard_shared::wire::{self, Head, MEDIA_TYPE, Problem, Reason, path};
use minicbor::{Decode, Encode};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::database::Database;
use crate::browser::Browser;
use crate::error::SiteError;

/// What a hub is told: the reply, or status and reason.
pub type Told<M> = Result<M, (u16, Reason)>;

/// Settings of a cloud with its key in a folder.
pub fn settings(folder: &Path, url: &str) -> Config {
    let mut config = Config { key_file: folder.join("cloud.key"), ..Config::default() };
    config.database.url = Some(DatabaseUrl::new(url));
    config.database.connections = 8;
    config
}

/// A hub made by hand.
#[derive(Clone)]
pub struct HandmadeHub {
    /// Its id.
    pub hub: HubId,
    /// Its journal's epoch.
    pub epoch: EpochId,
    /// Its key.
    pub key: SecretKey,
    /// Its site.
    pub site: Site,
    /// The last event of its journal.
    pub events: Head,
}

/// An id that follows from a small number.
pub fn id(number: u8, kind: u8) -> [u8; 16] {
    [number, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, kind, 1]
}

impl HandmadeHub {
    /// A hub with one freezer, one sensor and one person, all of whose ids follow from a small number.
    pub fn new(number: u8) -> Self {
        let (hub, epoch) = (HubId::from_bytes(id(number, 1)), EpochId::from_bytes(id(number, 2)));
        let unit = UnitId::from_bytes(id(number, 3));
        let telling = Telling { severity: Field::unit(Severity::Critical), ..Telling::DEFAULT };
        let rules = UnitRules::of_limits(ThermalRule {
            telling,
            min: Field::unit(None),
            max: Field::unit(Some(CentiCelsius::literal(-1_500))),
            delay: Field::unit(DurationMs::seconds(300)),
            ..ThermalRule::DEFAULT
        });
        let site = Site {
            id: SiteId::from_bytes(id(number, 4)),
            name: "At the hub".into(),
            zone: "Europe/Berlin".into(),
            people: vec![Person {
                id: PersonId::from_bytes(id(number, 5)),
                name: "Maria".into(),
                pin_hash: "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA".into(),
            }],
            units: vec![Unit {
                id: unit,
                name: "Freezer".into(),
                kind: "freezer".into(),
                rules: serde_json::to_string(&rules).unwrap_or_default(),
            }],
            devices: vec![Device {
                id: DeviceId::from_bytes(id(number, 6)),
                model: "lht65".into(),
                address: format!("A84041000000{number:04X}"),
                points: vec![Point {
                    id: PointId::from_bytes(id(number, 7)),
                    channel: Channel::Air,
                    unit,
                    role: Role::Air,
                }],
            }],
        };
        let events = Head { seq: 0, hash: Some(genesis(hub, epoch)) };
        Self { hub, epoch, key: SecretKey::from_seed(&[number; 32]), site, events }
    }

    /// Its enrolment with a code's secret.
    pub fn enrol(&self, secret: [u8; 10], takeover: Takeover) -> Enrol {
        let key = self.key.public();
        Enrol {
            secret,
            hub: self.hub,
            key,
            signature: self.key.sign(&enrol_text(self.hub, key, &secret)),
            name: "kitchen-hub".into(),
            site: self.site.clone(),
            takeover,
        }
    }

    /// Its answer to a challenge of a cloud.
    pub fn login(&self, nonce: [u8; 32], cloud: PublicKey) -> Login {
        Login {
            hub: self.hub,
            epoch: self.epoch,
            nonce,
            signature: self.key.sign(&login_text(self.hub, self.epoch, &nonce, cloud)),
            software: "0.1.0".into(),
            site_hash: self.site_hash(),
            events: self.events,
        }
    }

    /// SHA-256 of its site message.
    pub fn site_hash(&self) -> Hash {
        Hash(SecretHash::of(&wire::to_bytes(&self.site)).0)
    }
}

/// A cloud with two organizations of one site each.
pub struct AccessWorld {
    /// The database, for looking into it.
    pub database: Database,
    /// The cloud's key.
    pub cloud: PublicKey,
    /// The organizations and their sites.
    pub tenants: [(OrganizationId, SiteId); 2],
    address: SocketAddr,
    operators: SocketAddr,
    admin: CloudDatabase,
    stop: watch::Sender<bool>,
    runtime: Runtime,
    _folder: TempDir,
}

fn failed(fault: impl std::error::Error) -> SiteError {
    SiteError::Unexpected(frostguard_shared::causes::with_causes(&fault))
}

impl AccessWorld {
    /// A cloud on a database, reached by a URL of the service's login: the database's own, or a pooler's.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn start(database: Database, url: &str) -> Result<Self, SiteError> {
        let folder = tempfile::tempdir().map_err(SiteError::io("make a folder"))?;
        let config = settings(folder.path(), url);
        let cloud = key::open_or_make(&config.key_file).map_err(failed)?.0.public();
        let runtime = Runtime::new().map_err(SiteError::io("start a runtime"))?;
        let (stop, stopping) = watch::channel(false);
        let [address, operators] = runtime.block_on(serve(config, stopping)).map_err(failed)?;
        let admin = {
            let _inside = runtime.enter();
            CloudDatabase::connect(&database.admin_url(), 1).map_err(failed)?
        };
        let tenants = [1, 2]
            .map(|number| (OrganizationId::from_bytes(id(number, 8)), SiteId::from_bytes(id(number, 9))));
        let world =
            Self { database, cloud, tenants, address, operators, admin, stop, runtime, _folder: folder };
        world.runtime.block_on(world.let_in()).map_err(failed)?;
        Ok(world)
    }

    async fn let_in(&self) -> Result<(), StoreError> {
        for (number, (organization, site)) in self.tenants.iter().enumerate() {
            let mut tx = self.admin.tenant(*organization, Duty::Operator).await?;
            operators::add_organization(&mut tx, "Org", &format!("org-{number}"), "UTC").await?;
            operators::add_site(&mut tx, *site, "Kitchen", "UTC").await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// The port for hubs and people.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Asks the service to end, and does not wait for it.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// A claim code for the site of an organization, whose secret is a byte ten times.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn code(&self, tenant: usize, byte: u8) -> Result<[u8; 10], SiteError> {
        let secret = [byte; 10];
        let (organization, site) = self.tenants[tenant];
        let kept = self.runtime.block_on(async {
            let mut tx = self.admin.tenant(organization, Duty::Operator).await?;
            operators::add_claim_code(&mut tx, SecretHash::of(&secret), site, 60_000).await?;
            tx.commit().await
        });
        kept.map(|()| secret).map_err(failed)
    }

    /// Keeps an API key of an organization.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn api_key(&self, tenant: usize, key: &str) -> Result<(), SiteError> {
        self.api_key_as(tenant, key, ApiRole::Viewer)
    }

    /// Keeps an API key of an organization with a role; one of each role.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn api_key_as(&self, tenant: usize, key: &str, role: ApiRole) -> Result<(), SiteError> {
        let hash = SecretHash::of(key.as_bytes());
        let credential = uuid_of(tenant, role);
        let kept = self.runtime.block_on(async {
            let mut tx = self.admin.tenant(self.tenants[tenant].0, Duty::Operator).await?;
            let last4 = &key[key.len().saturating_sub(4)..];
            operators::add_api_key(&mut tx, credential, "tests", (hash, last4), role).await?;
            tx.commit().await
        });
        kept.map_err(failed)
    }

    /// Sends bytes; gives status and body.
    ///
    /// # Errors
    /// When there is no answer at all.
    pub fn send(
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
        Ok((response.status().as_u16(), response.body_mut().read_to_vec().map_err(unexpected)?))
    }

    fn ask_cloud<A: Encode<()>, M: for<'b> Decode<'b, ()>>(
        &self,
        path: &str,
        message: &A,
    ) -> Result<Told<M>, SiteError> {
        let (status, body) = self.send(None, path, &wire::to_bytes(message))?;
        if status == 200 {
            return Ok(Ok(wire::from_bytes(&body).map_err(failed)?));
        }
        let problem: Problem = wire::from_bytes(&body).map_err(failed)?;
        Ok(Err((status, problem.reason)))
    }

    /// Asks for a challenge.
    ///
    /// # Errors
    /// When there is none.
    pub fn challenge(&self, hub: HubId) -> Result<[u8; 32], SiteError> {
        let told: Told<Challenge> = self.ask_cloud(path::CHALLENGE, &ChallengeRequest { hub })?;
        told.map(|told| told.nonce).map_err(|told| SiteError::Unexpected(format!("no challenge: {told:?}")))
    }

    /// Sends a login.
    ///
    /// # Errors
    /// When there is no answer at all.
    pub fn log_in(&self, login: &Login) -> Result<Told<LoginReply>, SiteError> {
        self.ask_cloud(path::LOGIN, login)
    }

    /// Logs a hub in as it should.
    ///
    /// # Errors
    /// When it is not taken.
    pub fn logged_in(&self, hub: &HandmadeHub) -> Result<LoginReply, SiteError> {
        let login = hub.login(self.challenge(hub.hub)?, self.cloud);
        self.log_in(&login)?.map_err(|told| SiteError::Unexpected(format!("the login: {told:?}")))
    }

    /// Sends an enrolment.
    ///
    /// # Errors
    /// When there is no answer at all.
    pub fn enrol(&self, enrol: &Enrol) -> Result<Told<EnrolReply>, SiteError> {
        self.ask_cloud(path::ENROL, enrol)
    }

    /// Sends a message under a token that is answered by nothing.
    ///
    /// # Errors
    /// When there is no answer at all.
    pub fn tell<M: Encode<()>>(
        &self,
        token: [u8; 32],
        path: &str,
        message: &M,
    ) -> Result<Told<()>, SiteError> {
        let (status, body) = self.send(Some(token), path, &wire::to_bytes(message))?;
        if status < 300 {
            return Ok(Ok(()));
        }
        let problem: Problem = wire::from_bytes(&body).map_err(failed)?;
        Ok(Err((status, problem.reason)))
    }

    /// A counter as operators see it; it counts for every cloud of this process.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn counter(&self, name: &str) -> Result<u64, SiteError> {
        let page = Browser::at(self.operators.port()).get("/metrics")?;
        let line =
            page.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        line.ok_or_else(|| SiteError::Unexpected(format!("no counter {name}")))
    }

    /// What psql says, without the last newline.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn ask(&self, sql: &str) -> Result<String, SiteError> {
        self.database.psql(sql).map(|text| text.trim_end().to_owned())
    }
}

fn uuid_of(tenant: usize, role: ApiRole) -> sqlx::types::Uuid {
    sqlx::types::Uuid::from_bytes(id(tenant as u8, 10 + role as u8))
}

/// A signature that fits nothing.
pub fn wrong(signature: Signature) -> Signature {
    let Signature(mut bytes) = signature;
    bytes[7] ^= 1;
    Signature(bytes)
}

async fn serve(config: Config, mut stopping: watch::Receiver<bool>) -> Result<[SocketAddr; 2], ServiceError> {
    let service = Service::open(config).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let operators = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let addresses = [listener.local_addr()?, operators.local_addr()?];
    tokio::spawn(async move {
        // Whoever could ask for the end is gone with the runtime.
        let asked = async move {
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        let _ = service.serve(listener, operators, asked).await;
    });
    Ok(addresses)
}
