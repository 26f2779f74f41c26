//! Owns the API under test: its routes in this process, over a real database with two organizations.
//! Takes the way to the database: straight, or through a pooler; gives answers as they came.
//! Must never reach the database by another way than the service does, except to look.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::OnceLock;
use std::thread;

use frostguard_tests::cloud::database::Database;
use frostguard_tests::cloud::fixture::{self, Organization};
use frostguard_tests::cloud::pgbouncer::{PgBouncer, Pooling};
use frostguard_tests::cloud::shared;
use serde_json::Value;
use ureq::Agent;
use ureq::http::HeaderMap;

/// Connections of the pooler to the server: fewer than the service has to the pooler, so that they are shared.
const SHARED_CONNECTIONS: u16 = 2;
const CONNECTIONS: u32 = 8;

/// The way from the service to the database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Connection {
    Straight,
    Pooled,
}

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// The API and what is behind it, for as long as this process lives: nothing here is ever written.
pub struct World {
    pub database: Database,
    pub pooler: Option<PgBouncer>,
    agent: Agent,
    port: u16,
}

pub fn world(connection: Connection) -> &'static World {
    static STRAIGHT: OnceLock<World> = OnceLock::new();
    static POOLED: OnceLock<World> = OnceLock::new();
    let world = match connection {
        Connection::Straight => &STRAIGHT,
        Connection::Pooled => &POOLED,
    };
    world.get_or_init(|| World::new(connection))
}

impl World {
    fn new(connection: Connection) -> World {
        let cluster = shared::cluster().unwrap();
        let database = cluster.database().unwrap();
        fixture::fill(&database).unwrap();
        // Beside the cluster's own folder, so that it is swept away with it.
        let folder = cluster.folder().parent().unwrap_or(Path::new("/tmp")).join("pooler");
        let pooler = (connection == Connection::Pooled).then(|| {
            PgBouncer::start(&folder, cluster.port(), Pooling::Transaction, SHARED_CONNECTIONS).unwrap()
        });
        let url = pooler.as_ref().map_or_else(|| database.url(), |pooler| database.url_at(pooler.port()));
        let port = serve(url);
        let agent = Agent::config_builder().http_status_as_error(false).build().new_agent();
        World { database, pooler, agent, port }
    }

    /// Asks a path beneath the prefix of the API with a key, or with none.
    #[track_caller]
    pub fn ask(&self, key: Option<&str>, path: &str) -> Answer {
        self.ask_exactly(key.map(|key| format!("Bearer {key}")).as_deref(), &format!("/api/v1{path}"))
    }

    /// Asks a path with a header `Authorization` as given, or with none.
    #[track_caller]
    pub fn ask_exactly(&self, authorization: Option<&str>, path: &str) -> Answer {
        let mut request = self.agent.get(format!("http://127.0.0.1:{}{path}", self.port));
        if let Some(authorization) = authorization {
            request = request.header("Authorization", authorization);
        }
        answer(request.call())
    }

    /// Posts nothing to a path.
    pub fn post(&self, path: &str) -> Answer {
        answer(self.agent.post(format!("http://127.0.0.1:{}{path}", self.port)).send_empty())
    }

    /// Asks as a viewer of an organization; the answer is good.
    #[track_caller]
    pub fn good(&self, organization: Organization, path: &str) -> Value {
        let answer = self.ask(Some(&organization.key("viewer")), path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// The rows of all pages of a list.
    #[track_caller]
    pub fn all(&self, organization: Organization, path: &str) -> Vec<Value> {
        let (mut rows, mut after) = (Vec::new(), String::new());
        for _ in 0..1_000 {
            let page = self.good(organization, &format!("{path}{after}"));
            rows.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page.get("next") else { return rows };
            let sign = if path.contains('?') { '&' } else { '?' };
            after = format!("{sign}after={}", next.as_str().unwrap());
        }
        panic!("{path} never ends");
    }

    /// What psql prints under the service's login, by the way that the service goes.
    pub fn psql(&self, sql: &str) -> Result<String, String> {
        let printed = match &self.pooler {
            None => self.database.psql_as_service(sql),
            Some(pooler) => self.database.psql_at(pooler.port(), sql),
        };
        printed.map_err(|error| error.to_string())
    }
}

fn answer(given: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    let mut response = given.unwrap();
    let body = response.body_mut().read_to_string().unwrap();
    Answer { status: response.status().as_u16(), headers: response.headers().clone(), body }
}

/// Serves the API of the database there on a thread of its own; gives the port.
fn serve(url: String) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.unwrap().block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let database = frostguard_cloud::store::Database::connect(&url, CONNECTIONS).unwrap();
            // Merged into another router, as the service does it.
            let routes = axum::Router::new().merge(frostguard_cloud::api::routes(database));
            axum::serve(listener, routes).await.unwrap();
        });
    });
    port
}
