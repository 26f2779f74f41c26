//! Owns a cloud with hubs made by hand at the site of the first organization, and those who ask at its API.
//! Takes the way to the database: straight, or through a pooler. Must never start a cloud otherwise than in earnest.

use frostguard_cloud::store::doors::Role;
use frostguard_shared::ids::{PersonId, PointId, UnitId};
use frostguard_shared::rules::UnitRules;
use frostguard_shared::wire::desired::{Document, Signed};
use frostguard_shared::wire::login::Takeover;
use frostguard_tests::cloud::access_world::{AccessWorld, HandmadeHub, id};
use frostguard_tests::cloud::pgbouncer::{PgBouncer, Pooling};
use frostguard_tests::cloud::push_world::{Asker, DoubleHub, Front};
use frostguard_tests::cloud::shared;
use serde_json::{Value, json};

/// A cloud, and the way to it.
pub struct World {
    pub access: AccessWorld,
    pub front: Front,
}

pub fn direct() -> World {
    let database = shared::cluster().unwrap().database().unwrap();
    let url = database.url();
    World::of(AccessWorld::start(database, &url).unwrap())
}

/// Two connections of the server for eight of the cloud: what a pooler mixes up shows.
pub fn pooled() -> (PgBouncer, World) {
    let cluster = shared::cluster().unwrap();
    let database = cluster.database().unwrap();
    let folder = cluster.folder().parent().unwrap().join(format!("pooler-{}", database.name()));
    let pooler = PgBouncer::start(&folder, cluster.port(), Pooling::Transaction, 2).unwrap();
    let url = database.url_at(pooler.port());
    (pooler, World::of(AccessWorld::start(database, &url).unwrap()))
}

/// A key of an organization with a role.
pub fn key(tenant: usize, role: Role) -> Asker {
    Asker::Key(format!("fg_key_of_{tenant}_{}", role.word()))
}

/// Who may set rules of the first organization.
pub fn manager() -> Asker {
    key(0, Role::Manager)
}

impl World {
    fn of(access: AccessWorld) -> Self {
        for tenant in [0, 1] {
            for role in Role::ALL {
                let Asker::Key(key) = key(tenant, role) else { unreachable!("it is a key") };
                access.api_key_as(tenant, &key, role).unwrap();
            }
        }
        let front = Front::at(access.port());
        Self { access, front }
    }

    /// A hub with one unit at the site of the first organization, logged in.
    pub fn hub(&self, number: u8) -> DoubleHub {
        self.enrolled(0, HandmadeHub::new(number))
    }

    /// The same with a second unit: a fridge of which its site says nothing.
    pub fn hub_with_two_units(&self, number: u8) -> DoubleHub {
        let mut hub = HandmadeHub::new(number);
        let fridge = UnitId::from_bytes(id(number, 13));
        let mut unit = hub.site.units[0].clone();
        (unit.id, unit.name, unit.kind) = (fridge, "Fridge".into(), "fridge".into());
        unit.rules = serde_json::to_string(&UnitRules::default()).unwrap();
        hub.site.units.push(unit);
        let mut point = hub.site.devices[0].points[0].clone();
        (point.id, point.unit, point.channel) =
            (PointId::from_bytes(id(number, 14)), fridge, "probe1".parse().unwrap());
        hub.site.devices[0].points.push(point);
        self.enrolled(0, hub)
    }

    pub fn enrolled(&self, tenant: usize, hub: HandmadeHub) -> DoubleHub {
        let code = self.access.code(tenant, hub.hub.as_bytes()[0]).unwrap();
        self.access.enrol(&hub.enrol(code, Takeover::Adopt)).unwrap().unwrap();
        let token = self.access.logged_in(&hub).unwrap().token;
        DoubleHub::new(hub, token)
    }

    /// A person of the first organization with a role, who is signed in.
    pub fn person(&self, name: &str, role: Role) -> (PersonId, Asker) {
        let (organization, _) = self.access.tenants[0];
        let person = PersonId::from_bytes(id(role as u8, 15));
        let user = PersonId::from_bytes(id(role as u8, 16));
        let token = "5e".repeat(31) + &format!("{:02x}", role as u8);
        self.access
            .ask(&format!(
                "INSERT INTO users (id, email, password_hash) VALUES ('{user}', '{name}@org.example', '$argon2id$none');
                 INSERT INTO profiles (id, user_id, organization_id, email, full_name)
                     VALUES ('{person}', '{user}', '{organization}', '{name}@org.example', '{name}');
                 INSERT INTO user_roles (id, user_id, organization_id, role)
                     VALUES ('{person}', '{user}', '{organization}', '{}');
                 INSERT INTO person_sessions (token_hash, organization_id, profile_id, user_id, created_at, last_seen_at,
                     expires_at)
                     VALUES (sha256('{token}'), '{organization}', '{person}', '{user}', now(), now(),
                     now() + interval '1 day')",
                role.word()
            ))
            .unwrap();
        (person, Asker::Session { token, own: "http://127.0.0.1:8700".into() })
    }

    /// Asks the API; the answer has this status.
    #[track_caller]
    pub fn api(&self, asker: &Asker, status: u16, method: &str, path: &str, body: Option<Value>) -> Value {
        let (told, answer) = self.front.api(asker, method, path, body.as_ref()).unwrap();
        assert_eq!(told, status, "{method} {path}: {answer}");
        answer
    }

    /// Sets fields of a unit as a manager; gives the rules.
    #[track_caller]
    pub fn set(&self, unit: UnitId, fields: Value) -> Value {
        self.api(&manager(), 200, "PATCH", &format!("/units/{unit}/rules"), Some(fields))
    }

    /// Sets the upper limit of a hub's first unit.
    #[track_caller]
    pub fn set_limit(&self, hub: &DoubleHub, hundredths: i32) -> Value {
        self.set(hub.hub.site.units[0].id, json!({ "temp_max_centi_c": hundredths }))
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        self.api(&manager(), 200, "GET", path, None)
    }

    /// How far a hub is by the API.
    #[track_caller]
    pub fn configuration(&self, hub: &DoubleHub) -> Value {
        self.get(&format!("/hubs/{}", hub.hub.hub))["configuration"].clone()
    }

    /// The document that a hub is given when it asks; it is signed for it.
    #[track_caller]
    pub fn document(&self, hub: &DoubleHub) -> Document {
        let desired = hub.ask(&self.front).unwrap().desired().expect("something is desired");
        self.read(hub, &desired.document.expect("a document"))
    }

    /// What is in a signed document of a hub.
    #[track_caller]
    pub fn read(&self, hub: &DoubleHub, signed: &Signed) -> Document {
        let document = signed.document(&self.access.cloud).unwrap();
        assert_eq!(document.hub, hub.hub.hub);
        document
    }
}

/// The upper limit of a unit in a document.
#[track_caller]
pub fn upper(document: &Document, unit: UnitId) -> Value {
    rules(document, unit)["limits"][0]["max"].clone()
}

/// The rules of a unit in a document.
#[track_caller]
pub fn rules(document: &Document, unit: UnitId) -> Value {
    let of = document.units.iter().find(|of| of.unit == unit).expect("the document names the unit");
    serde_json::from_str(&of.rules).unwrap()
}
