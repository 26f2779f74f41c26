//! Owns the API under test: its routes in this process, over a real database with two organizations.
//! Takes the way to the database: straight, or through a pooler; gives answers as they came.
//! Must never reach the database by another way than the service does, except to look.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread;

use axum::Router;
use axum::routing::any;
use frostguard_cloud::api::caller::{Actor, ApiState, Caller};
use frostguard_cloud::api::origin::{OwnAddress, Peer};
use frostguard_cloud::api::problem::ApiError;
use frostguard_cloud::api::right::{Administer, Configure, Look, Permission, Respond};
use frostguard_cloud::watch::Pace;
use frostguard_shared::signature::SecretKey;
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

/// What a request shows of who asks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Shown {
    Nothing,
    Key(String),
    Session(String),
}

/// The two ways in which whoever has a role can ask.
pub const SCHEMES: [&str; 2] = ["key", "session"];

impl Shown {
    /// What somebody of an organization shows who has a role, by a scheme of the document.
    pub fn of(organization: Organization, scheme: &str, role: &str) -> Shown {
        match scheme {
            "key" => Shown::Key(organization.key(role)),
            "session" => Shown::Session(organization.session(role)),
            other => panic!("the tests know no scheme {other}"),
        }
    }
}

/// The API and what is behind it, for as long as this process lives: nothing here is ever written.
pub struct World {
    pub database: Database,
    pub pooler: Option<PgBouncer>,
    agent: Agent,
    pub port: u16,
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
        // Whoever refuses a body before reading it closes the connection, which must not be used again.
        let agent = Agent::config_builder().http_status_as_error(false).max_idle_connections(0);
        let agent = agent.build().new_agent();
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

    /// Asks a path beneath the prefix in some way, from the cloud's own page, with a body of a media type if there is one.
    #[track_caller]
    pub fn ask_as(&self, shown: &Shown, method: &str, path: &str, body: Option<(&str, &str)>) -> Answer {
        let own = format!("http://127.0.0.1:{}", self.port);
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{own}/api/v1{path}"))
            .header("Origin", &own);
        request = match shown {
            Shown::Nothing => request,
            Shown::Key(key) => request.header("Authorization", format!("Bearer {key}")),
            Shown::Session(token) => request.header("Cookie", format!("other=1; fg_session={token}")),
        };
        if let Some((media, _)) = body {
            request = request.header("Content-Type", media);
        }
        answer(self.agent.run(request.body(body.map_or("", |(_, text)| text).to_owned()).unwrap()))
    }

    /// Asks a path in some way with a session's token and these headers alone.
    #[track_caller]
    pub fn ask_with_session(
        &self,
        method: &str,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://127.0.0.1:{}{path}", self.port))
            .header("Cookie", format!("fg_session={token}"))
            .header("Content-Type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = r#"{"email": "owner@alfa.example", "password": "it is not this one"}"#;
        answer(self.agent.run(request.body(body.to_owned()).unwrap()))
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
    // A stream has no end to read to.
    let is_stream = response.headers().get("content-type").is_some_and(|media| media == "text/event-stream");
    let body = if is_stream { String::new() } else { response.body_mut().read_to_string().unwrap() };
    Answer { status: response.status().as_u16(), headers: response.headers().clone(), body }
}

/// A route for each right, which does nothing but say who asked.
fn rights() -> Router<ApiState> {
    async fn who<P: Permission>(caller: Caller<P>) -> Result<String, ApiError> {
        let who = match caller.actor() {
            Actor::Person(person) => format!("person {person}"),
            Actor::Key(key) => format!("key {key}"),
        };
        let who = format!("{who}, {}", caller.role().word());
        caller.done().await?;
        Ok(who)
    }
    Router::new()
        .route("/api/v1/rights/look", any(who::<Look>))
        .route("/api/v1/rights/respond", any(who::<Respond>))
        .route("/api/v1/rights/configure", any(who::<Configure>))
        .route("/api/v1/rights/administer", any(who::<Administer>))
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
            let own = OwnAddress::of(&format!("http://127.0.0.1:{port}"), Peer::Connected);
            let key = Arc::new(SecretKey::from_seed(&[9; 32]));
            let state = ApiState::new(database, own, key, Pace::default());
            let routes = frostguard_cloud::api::routes(state.clone());
            let routes = axum::Router::new().merge(routes).merge(rights().with_state(state));
            axum::serve(listener, routes).await.unwrap();
        });
    });
    port
}
